//! Runs over many coupons or orders. Each row goes through the same act as a single one, under a
//! key of its own that no restart changes: whatever was begun is found again, and nothing is done
//! twice.
//!
//! ```text
//!   begin ─▶ running ─▶ completed
//!             ▲   │
//!      resume │   ▼ pause: a person's, or our own where the staff member may not any more
//!            paused
//! ```
//!
//! A process claims a job for one batch of rows and lays it down again, behind the others that are
//! due: a short job does not wait for a long one. Where it dies, the lease ends by itself.

pub mod cancel_coupons;
pub mod codes;
pub mod orders;
mod settle;

use crate::{
    app::{App, Shop},
    bell::Due,
    ids, leases,
    store::{
        audit,
        jobs::{self, Job, JobRow, Settled, Status},
        leases::Lease,
        staff,
    },
};
use domain::{Act, Actor, Flow, FlowId};
use engine::store::StoreError;
use futures::stream::{self, StreamExt, TryStreamExt};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{sync::Mutex, time::Instant};

/// How often the jobs are looked at where none is under way.
const PACE: Duration = Duration::from_millis(500);
/// So many rows at once leave Shopify and the points book to the customers.
const BATCH: i64 = 8;
/// Rows that are not begun by then are left to the next batch: a short job does not wait for them.
const BEGINS_WITHIN: Duration = Duration::from_secs(60);
/// So many rows are under way at the same time.
const AT_ONCE: usize = 32;
/// A dry run only reads our own database.
const DRY_BATCH: i64 = 100;

/// Works on jobs until the service stops.
pub async fn run(app: Arc<App>) {
    while !app.stopping.load(Ordering::Relaxed) {
        let worked = step(&app).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a job stands still; trying on");
            false
        });
        if !worked {
            app.bell.wait(Due::Jobs, app.bell.pace(PACE)).await;
        }
    }
}

/// One batch of the job that has waited longest; false where none is due.
///
/// # Errors
/// Where the database does not do.
pub async fn step(app: &Arc<App>) -> Result<bool, StoreError> {
    let Some(job) = jobs::claim(&app.database, app.now()).await? else { return Ok(false) };
    let lease = Lease::Job { id: job.id, epoch: job.epoch };
    leases::hold(app, lease, batch(app, job)).await.unwrap_or(Ok(true))
}

async fn batch(app: &Arc<App>, job: Job) -> Result<bool, StoreError> {
    let Some(shop) = app.shops.get(&job.shop) else {
        pause_ourselves(app, &job, "not-found").await?;
        return Ok(true);
    };
    if !job.dry_run && !still_may(app, &job).await? {
        pause_ourselves(app, &job, "not-permitted").await?;
        return Ok(true);
    }
    let most = match (job.dry_run, orders::KINDS.contains(&job.kind.as_str())) {
        (true, _) => DRY_BATCH,
        (false, true) => orders::BATCH,
        (false, false) => BATCH,
    };
    let rows = jobs::due_rows(&app.database, job.id, app.now(), most).await?;
    let settled = attempts(app, shop, &job, rows).await;
    // Where one row met a database that does not do, the lease ends by itself: each is found again.
    jobs::settle(&app.database, job, settled?, app.now()).await?;
    Ok(true)
}

/// Works on the rows, some at a time. Where Shopify's points are scarce, the next one is begun when
/// nobody waits for them any more, so that a run takes only what others leave.
async fn attempts(
    app: &Arc<App>,
    shop: &Shop,
    job: &Job,
    rows: Vec<JobRow>,
) -> Result<Vec<Settled>, StoreError> {
    let until = Instant::now() + BEGINS_WITHIN;
    let turn = Mutex::new(());
    let (turn, until) = (&turn, &until);
    let attempts = rows.into_iter().map(|row| async move {
        if !job.dry_run {
            let turn = turn.lock().await;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            shop.shopify.room(left).await;
            drop(turn);
        }
        attempt(app, shop, job, row).await.map(Some)
    });
    let attempts = stream::iter(attempts).buffer_unordered(AT_ONCE);
    attempts.try_filter_map(|settled| async move { Ok(settled) }).try_collect().await
}

async fn attempt(
    app: &Arc<App>,
    shop: &Shop,
    job: &Job,
    row: JobRow,
) -> Result<Settled, StoreError> {
    let row = JobRow { tries: row.tries + 1, ..row };
    match job.kind.as_str() {
        cancel_coupons::KIND => cancel_coupons::attempt(app, shop, job, row).await,
        kind if orders::KINDS.contains(&kind) => orders::attempt(app, shop, job, row).await,
        // A newer version's.
        _ => {
            let problem = Some("invalid-request".to_owned());
            Ok(Settled { row: JobRow { status: Status::Failed, problem, ..row }, try_at: None })
        }
    }
}

/// The row as what it began has ended; `None` where it has not.
pub fn stands(flow: &Flow, row: JobRow) -> Option<JobRow> {
    match flow {
        Flow::Reversal(_) => orders::stands(flow, row),
        _ => cancel_coupons::stands(flow, row),
    }
}

/// Whoever began it may have been sent home since.
async fn still_may(app: &App, job: &Job) -> Result<bool, StoreError> {
    let accounts = staff::list(&app.database, &job.shop).await?;
    Ok(accounts.iter().any(|account| {
        account.id == job.staff && account.disabled_at.is_none() && account.role.may(Act::Bulk)
    }))
}

async fn pause_ourselves(app: &App, job: &Job, problem: &'static str) -> Result<(), StoreError> {
    let now = app.now();
    tracing::warn!(job = %job.id, problem, "a job paused by itself");
    let entry = audit::Entry {
        id: ids::flow(now),
        shop: job.shop.clone(),
        at: now,
        by: Actor::System,
        role: None,
        act: "job.pause",
        subject: job.id.to_string(),
        detail: serde_json::json!({"problem": problem}),
        reason: None,
        note: None,
        origin: None,
        flow: None,
    };
    jobs::pause(&app.database, &job.shop, job.id, Some(problem), entry).await?;
    Ok(())
}

/// The key under which a row's act begins.
fn key(job: FlowId, nth: i64) -> String {
    format!("job {job} {nth}")
}
