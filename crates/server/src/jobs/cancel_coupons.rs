//! Takes many coupons back, each as one staff member's act on one coupon.

use super::{
    key,
    settle::{Came, settle},
};
use crate::{
    acts::{self, Declined},
    app::{App, Shop},
    store::jobs::{Job, JobRow, Settled, Status},
};
use domain::{
    Flow, Problem,
    cancellation::{View, Why},
    coupon,
};
use engine::store::{Request, StoreError};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// [`Job::kind`] of these.
pub const KIND: &str = "cancel_coupons";

/// How long a flow is waited for before the next batch; what takes longer is looked at again.
const PATIENCE: Duration = Duration::from_secs(30);

/// What is done with each coupon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub reason: Why,
    pub note: Option<String>,
    /// Whether the owners are written to.
    pub notify: bool,
}

/// One attempt at one coupon, or a look at whether it could be taken back.
///
/// # Errors
/// Where the database does not do.
pub async fn attempt(
    app: &Arc<App>,
    shop: &Shop,
    job: &Job,
    row: JobRow,
) -> Result<Settled, StoreError> {
    let came = match serde_json::from_str(&job.body) {
        Ok(wanted) if !job.dry_run => cancel(app, shop, job, &row, wanted).await?,
        Ok(Wanted { .. }) => look(app, shop, &row).await?,
        Err(_) => Came::Refused("invalid-request"),
    };
    Ok(settle(came, row, stands, app.now()))
}

fn declined(declined: Declined) -> Result<Came, StoreError> {
    match declined {
        Declined::NotFound => Ok(Came::Refused("not-found")),
        Declined::Problem(problem @ Problem::CouponBusy) => Ok(Came::Down(problem.code())),
        Declined::Problem(problem) => Ok(Came::Refused(problem.code())),
        Declined::KeyReused => Ok(Came::Refused("idempotency-key-reused")),
        Declined::Store(error) => Err(error),
    }
}

async fn look(app: &App, shop: &Shop, row: &JobRow) -> Result<Came, StoreError> {
    match acts::may_cancel(app, shop, &row.subject).await {
        Ok(coupon) => Ok(Came::Possible { points: coupon.terms.points.get(), told: None }),
        // It tells how things stand now, and waits for nothing.
        Err(Declined::Problem(problem)) => Ok(Came::Refused(problem.code())),
        Err(error) => declined(error),
    }
}

async fn cancel(
    app: &Arc<App>,
    shop: &Shop,
    job: &Job,
    row: &JobRow,
    wanted: Wanted,
) -> Result<Came, StoreError> {
    let order = acts::Cancel {
        by: job.by(),
        reason: wanted.reason,
        note: wanted.note,
        notify: wanted.notify,
        refund: true,
        from: coupon::Status::Active,
        request: Some(Request { key: key(job.id, row.nth), fingerprint: row.subject.clone() }),
    };
    match acts::cancel(app, shop, &row.subject, order).await {
        Ok(begun) => Ok(Came::Of(Box::new(begun.see_through(app, PATIENCE).await))),
        Err(error) => declined(error),
    }
}

/// The row as its flow has ended; `None` where it has not.
pub fn stands(flow: &Flow, row: JobRow) -> Option<JobRow> {
    let Flow::Cancellation(flow) = flow else {
        let problem = Some("idempotency-key-reused".to_owned());
        return Some(JobRow { status: Status::Failed, problem, ..row });
    };
    match flow.view() {
        View::Completed { moved } => {
            let points = moved.map_or(0, |_| flow.terms.coupon.terms.points.get());
            let (status, problem) = (Status::Completed, None);
            Some(JobRow { status, problem, points: Some(points), ..row })
        }
        View::Failed { problem } => {
            let problem = Some(problem.code().to_owned());
            Some(JobRow { status: Status::Failed, problem, ..row })
        }
        View::Processing | View::Confirming => None,
    }
}
