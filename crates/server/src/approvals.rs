//! Reversals above a threshold need a second person. What is wished is kept, and begun once
//! somebody else has said yes.
//!
//! ```text
//!   wished ──above the threshold──▶ waiting ──approved──▶ begun, under a key of the request's own
//!     │                                │
//!     ▼ below                          └──declined
//!   begun
//! ```
//!
//! The approval is committed before anything begins: whoever finds it approved and not begun begins
//! it under the same key, so that a crash in between, or two at once, make one flow of it.

use crate::{
    acts::{Begin, Declined},
    app::{App, Shop},
    ids,
    reversals::{self, Wish, gate},
    store::{
        approvals::{self, Approval, Ask, Asked, Outcome, State},
        audit, order_lists, staff,
    },
};
use domain::{Act, Actor, At, Problem, Role};
use engine::store::{Request, StoreError};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often it is looked for what was approved and not begun.
const PACE: Duration = Duration::from_secs(1);
/// So many are begun at once.
const MOST: i64 = 16;
/// What stands in the way for now is tried again after this.
const PAUSE: Duration = Duration::from_secs(20);

/// Who wishes, beside the name.
#[derive(Clone, Debug, Default)]
pub struct Who {
    pub role: Option<Role>,
    /// The address that the request came from.
    pub origin: Option<String>,
}

/// How a wish was met.
#[derive(Debug)]
pub enum Met {
    Begun(Box<Begin>),
    /// Somebody else must say yes first.
    Waits(Box<Approval>),
}

/// Begins the reversal; or asks for a second person, where it is above the shop's threshold.
///
/// # Errors
/// Why it neither began nor waits; `approval-declined` where the key's request was declined.
pub async fn meet(
    app: &Arc<App>,
    shop: &Shop,
    order: &str,
    wish: Wish,
    who: Who,
) -> Result<Met, Declined> {
    let Actor::Staff { id: staff, .. } = wish.by else {
        return Ok(Met::Begun(Box::new(reversals::begin(app, shop, order, wish).await?)));
    };
    let found = order_lists::find(&app.database, &shop.id, order).await?;
    let found = found.ok_or(Declined::NotFound)?;
    if let Some(begun) = reversals::earlier(app, shop, &found, wish.request.as_ref()).await? {
        return Ok(Met::Begun(Box::new(begun)));
    }
    let id = &found.listed.id;
    if let Some(request) = &wish.request {
        let known = approvals::by_key(&app.database, &shop.id, id, staff, request).await?;
        match known {
            None => {}
            Some((_, false)) => return Err(Declined::KeyReused),
            Some((approval, true)) => return stands(app, approval).await,
        }
    }
    if approvals::waiting(&app.database, &shop.id, id).await?.is_none() {
        match reversals::begin(app, shop, order, wish.clone()).await {
            Err(Declined::Problem(Problem::ApprovalNeeded)) => {}
            begun => return Ok(Met::Begun(Box::new(begun?))),
        }
    }
    ask(app, shop, &found, wish, who).await
}

/// What a request has come to.
async fn stands(app: &Arc<App>, approval: Approval) -> Result<Met, Declined> {
    let problem = approval.problem.as_deref().filter(|_| approval.due_at.is_none());
    match (approval.state, approval.flow) {
        (State::Declined, _) => Err(Declined::Problem(Problem::ApprovalDeclined)),
        (State::Approved, Some(flow)) => match app.engine.store.load(flow).await? {
            Some(row) => Ok(Met::Begun(Box::new(Begin::Earlier(row)))),
            None => Err(Declined::NotFound),
        },
        (State::Approved, None) if problem.is_some() => {
            let problem = serde_json::from_value(problem.into());
            Err(problem.map_or(Declined::NotFound, Declined::Problem))
        }
        (State::Waiting | State::Approved, _) => Ok(Met::Waits(Box::new(approval))),
    }
}

async fn ask(
    app: &Arc<App>,
    shop: &Shop,
    found: &order_lists::Found,
    wish: Wish,
    who: Who,
) -> Result<Met, Declined> {
    let Actor::Staff { id: staff, name } = wish.by.clone() else { return Err(Declined::NotFound) };
    let now = app.now();
    let id = ids::flow(now);
    let worth = gate::wished(app, shop, found, &wish, now).await?;
    let request = wish.request.clone();
    let request =
        request.unwrap_or_else(|| Request { key: id.to_string(), fingerprint: id.to_string() });
    let reason = wish.cancel.as_ref().map(|cancel| cancel.reason.as_str().to_owned());
    let detail = serde_json::json!({"worth": worth, "threshold": shop.reversals.four_eyes_above});
    let entry = audit::Entry {
        id,
        shop: shop.id.clone(),
        at: now,
        by: wish.by.clone(),
        role: who.role,
        act: "approval.ask",
        subject: found.listed.name.clone(),
        detail,
        reason,
        note: wish.cancel.as_ref().and_then(|cancel| cancel.note.clone()),
        origin: who.origin,
        flow: None,
    };
    let ask = Ask {
        order: found.listed.id.clone(),
        name: found.listed.name.clone(),
        worth,
        threshold: shop.reversals.four_eyes_above,
        wish: serde_json::to_string(&wish).map_err(|error| StoreError(error.to_string()))?,
        staff,
        staff_name: name,
        request,
        tell: approvers(app, shop, staff).await?,
        entry,
    };
    match approvals::ask(&app.database, ask).await? {
        Asked::New(approval) => Ok(Met::Waits(Box::new(approval))),
        Asked::Known(approval) => stands(app, approval).await,
        Asked::KeyReused => Err(Declined::KeyReused),
    }
}

/// Everybody who may say yes to what `asker` wishes, where mail is sent at all.
async fn approvers(app: &App, shop: &Shop, asker: i64) -> Result<Vec<i64>, StoreError> {
    if app.mailer.is_none() {
        return Ok(vec![]);
    }
    let all = staff::list(&app.database, &shop.id).await?;
    let may = all.into_iter().filter(|account| {
        account.id != asker && account.disabled_at.is_none() && account.role.may(Act::Approve)
    });
    Ok(may.map(|account| account.id).collect())
}

/// What was asked for, as it begins once it is approved.
///
/// # Errors
/// Where a newer version wrote it.
pub fn wish(approval: &Approval) -> Result<Wish, StoreError> {
    let wish: Wish =
        serde_json::from_str(&approval.wish).map_err(|error| StoreError(error.to_string()))?;
    let id = approval.id.to_string();
    let request = Request { key: format!("approval {id}"), fingerprint: id };
    Ok(Wish { approved: true, request: Some(request), ..wish })
}

/// Begins what was approved, and notes what came of it. Any number of times, it is one flow.
///
/// # Errors
/// Where the database does not do: it is tried again.
pub async fn begin(
    app: &Arc<App>,
    shop: &Shop,
    approval: &Approval,
    patience: Duration,
) -> Result<(), StoreError> {
    let wished = wish(approval)?;
    let later = |problem: Problem, at: Option<At>| Outcome::Hindered {
        problem: problem.code().to_owned(),
        at,
    };
    let outcome = match reversals::begin(app, shop, approval.order.as_str(), wished).await {
        Ok(begun) => {
            let (Begin::New(row) | Begin::Earlier(row)) = &begun;
            let flow = row.id;
            // Noted before it is waited for.
            approvals::note(&app.database, approval.id, Outcome::Begun(flow)).await?;
            begun.see_through(app, patience).await;
            return Ok(());
        }
        Err(Declined::Problem(problem)) => {
            let passes = problem == Problem::OrderBusy || problem.may_be_tried_again();
            later(problem, passes.then(|| app.now().plus(PAUSE)))
        }
        Err(Declined::Store(error)) => return Err(error),
        Err(Declined::NotFound | Declined::KeyReused) => later(Problem::NothingToRevert, None),
    };
    approvals::note(&app.database, approval.id, outcome).await
}

/// Begins what was approved by now, and by whomever; how many.
///
/// # Errors
/// Where the database does not do.
pub async fn step(app: &Arc<App>) -> Result<usize, StoreError> {
    let due = approvals::due(&app.database, app.now(), MOST).await?;
    for approval in &due {
        let began = match app.shops.get(&approval.shop) {
            Some(shop) => begin(app, shop, approval, Duration::ZERO).await,
            None => Err(StoreError("the shop is not configured".to_owned())),
        };
        let Err(error) = began else { continue };
        // One that cannot be begun holds up none behind it.
        tracing::error!(%error, approval = %approval.id, "what was approved is not begun");
        let (problem, at) = ("service-unavailable".to_owned(), Some(app.now().plus(PAUSE)));
        approvals::note(&app.database, approval.id, Outcome::Hindered { problem, at }).await?;
    }
    Ok(due.len())
}

/// Looks for what was approved and not begun, until the service stops.
pub async fn run(app: Arc<App>) {
    while !app.stopping.load(Ordering::Relaxed) {
        if let Err(error) = step(&app).await {
            tracing::error!(%error, "what was approved is not begun; trying on");
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = app.stopped.notified() => {}
        }
    }
}
