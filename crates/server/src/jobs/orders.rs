//! Cancels many orders, or gives back what was applied to many: each as one staff member's act on
//! one order.

use super::{
    key,
    settle::{Came, settle},
};
use crate::{
    acts::Declined,
    app::{App, Shop},
    approvals::{self, Met, Who},
    reversals::{Wish, returns},
    store::jobs::{Job, JobRow, Settled, Status},
};
use domain::{
    Flow, FlowId, Problem,
    flow::Told,
    reversal::{Cancel, State, Why},
};
use engine::store::{Request, StoreError};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// [`Job::kind`] of those that cancel, and of those that give back what is cancelled.
pub const CANCEL: &str = "cancel_orders";
pub const REVERT: &str = "revert_orders";
pub const KINDS: [&str; 2] = [CANCEL, REVERT];

/// So many rows in one batch, more than are under way at once: a slow one holds up few others.
/// Shopify's limit is kept by whoever calls it, and credits of one customer take turns.
pub const BATCH: i64 = 128;
/// A flow is waited for so long before the next batch; what takes longer is looked at again.
const PATIENCE: Duration = Duration::from_secs(2);

/// What comes back of an order.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    pub points: bool,
    pub credits: bool,
    #[serde(default)]
    pub keep_earned: bool,
    /// RFC 3339.
    #[serde(default)]
    pub extend_to: Option<String>,
}

/// What is done with each order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    /// Where the orders are cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Why>,
    #[serde(default)]
    pub note: Option<String>,
    #[serde(default)]
    pub restock: bool,
    /// Of the rows that say nothing else.
    #[serde(flatten)]
    pub choice: Choice,
    /// Whether the customers are written to.
    pub notify: bool,
}

fn wish(job: &Job, row: &JobRow) -> Option<Wish> {
    let Wanted { reason, note, restock, choice, notify } = serde_json::from_str(&job.body).ok()?;
    let own = row.wish.as_deref().map(serde_json::from_str).transpose().ok()?;
    let Choice { points, credits, keep_earned, extend_to } = own.unwrap_or(choice);
    let cancel = match (job.kind.as_str(), reason) {
        (CANCEL, Some(reason)) => Some(Cancel { reason, restock, note, here: false }),
        (CANCEL, None) => return None,
        _ => None,
    };
    Some(Wish {
        points,
        credits,
        keep_earned,
        extend_to: returns::until(extend_to.as_deref()),
        notify,
        cancel,
        request: Some(Request { key: key(job.id, row.nth), fingerprint: row.subject.clone() }),
        ..Wish::of(job.by())
    })
}

/// One attempt at one order, or a look at what it would give back.
///
/// # Errors
/// Where the database does not do.
pub async fn attempt(
    app: &Arc<App>,
    shop: &Shop,
    job: &Job,
    row: JobRow,
) -> Result<Settled, StoreError> {
    let came = match wish(job, &row) {
        None => Came::Refused("invalid-request"),
        Some(wish) if job.dry_run => look(app, shop, &row, &wish).await?,
        Some(wish) => act(app, shop, &row, wish).await?,
    };
    Ok(settle(came, row, stands, app.now()))
}

async fn look(app: &App, shop: &Shop, row: &JobRow, wish: &Wish) -> Result<Came, StoreError> {
    match returns::foresee(app, shop, &row.subject, wish).await {
        Ok((_, returns)) => {
            let told = serde_json::to_string(&returns).ok();
            Ok(Came::Possible { points: returns.points, told })
        }
        // It tells how things stand now, and waits for nothing.
        Err(Declined::Problem(problem)) => Ok(Came::Refused(problem.code())),
        Err(error) => declined(error),
    }
}

async fn act(app: &Arc<App>, shop: &Shop, row: &JobRow, wish: Wish) -> Result<Came, StoreError> {
    match approvals::meet(app, shop, &row.subject, wish, Who::default()).await {
        Ok(Met::Begun(begun)) => Ok(Came::Of(Box::new(begun.see_through(app, PATIENCE).await))),
        Ok(Met::Waits(approval)) => {
            let told = serde_json::json!({"approval": approval.id.to_string()}).to_string();
            Ok(Came::Waits { problem: Problem::ApprovalNeeded.code(), told })
        }
        Err(error) => declined(error),
    }
}

fn declined(declined: Declined) -> Result<Came, StoreError> {
    match declined {
        Declined::NotFound => Ok(Came::Refused("not-found")),
        Declined::Problem(problem @ Problem::OrderBusy) => Ok(Came::Busy(problem.code())),
        Declined::Problem(problem) if problem.may_be_tried_again() => {
            Ok(Came::Down(problem.code()))
        }
        Declined::Problem(problem) => Ok(Came::Refused(problem.code())),
        Declined::KeyReused => Ok(Came::Refused("idempotency-key-reused")),
        Declined::Store(error) => Err(error),
    }
}

/// The approval that the row waits for.
pub fn awaited(row: &JobRow) -> Option<FlowId> {
    #[derive(Deserialize)]
    struct Waits {
        approval: String,
    }
    let Waits { approval } = serde_json::from_str(row.told.as_deref()?).ok()?;
    FlowId::parse(&approval)
}

/// The row as its flow has ended; `None` where it has not.
pub fn stands(flow: &Flow, row: JobRow) -> Option<JobRow> {
    let Flow::Reversal(reversal) = flow else {
        let problem = Some("idempotency-key-reused".to_owned());
        return Some(JobRow { status: Status::Failed, problem, ..row });
    };
    if let State::Failed { problem } = &reversal.state {
        let problem = Some(problem.code().to_owned());
        return Some(JobRow { status: Status::Failed, problem, ..row });
    }
    if flow.told() != Told::Done {
        return None;
    }
    let returns = returns::came(reversal);
    Some(JobRow {
        status: Status::Completed,
        problem: None,
        points: Some(returns.points),
        told: serde_json::to_string(&returns).ok(),
        ..row
    })
}
