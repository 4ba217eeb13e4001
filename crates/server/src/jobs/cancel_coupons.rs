//! Takes many coupons back, each as one staff member's act on one coupon.

use super::key;
use crate::{
    acts::{self, Declined},
    app::{App, Shop},
    store::jobs::{Job, JobRow, Settled, Status},
};
use domain::{
    At, Cancellation, Flow, Pending, Problem,
    cancellation::{View, Why},
    coupon,
};
use engine::store::{Request, Row, StoreError};
use serde::{Deserialize, Serialize};
use std::{sync::Arc, time::Duration};

/// [`Job::kind`] of these.
pub const KIND: &str = "cancel_coupons";

/// How long a flow is waited for before the next batch; what takes longer is looked at again.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where the other side was down, a row is tried so often, with this pause.
const MOST_TRIES: i64 = 6;
const PAUSE: Duration = Duration::from_secs(20);
/// A flow that goes on is looked at again so soon, later more seldom.
const LOOK: Duration = Duration::from_secs(2);
const SELDOM: u32 = 15;

/// What is done with each coupon.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wanted {
    pub reason: Why,
    pub note: Option<String>,
    /// Whether the owners are written to.
    pub notify: bool,
}

/// What came of an attempt.
enum Came {
    Possible(i64),
    Of(Box<Row>),
    Refused(&'static str),
    /// The same may well succeed later.
    Down(&'static str),
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
    Ok(settle(came, row, app.now()))
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
        Ok(coupon) => Ok(Came::Possible(coupon.terms.points.get())),
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

fn settle(came: Came, row: JobRow, now: At) -> Settled {
    let for_good = |row: JobRow| Settled { row, try_at: None };
    let failed = |row: JobRow, problem: &str| {
        for_good(JobRow { status: Status::Failed, problem: Some(problem.to_owned()), ..row })
    };
    match came {
        Came::Possible(points) => {
            for_good(JobRow { status: Status::Possible, points: Some(points), ..row })
        }
        Came::Refused(problem) => failed(row, problem),
        Came::Down(problem) if row.tries < MOST_TRIES => later(row, problem, now),
        Came::Down(problem) => failed(row, problem),
        Came::Of(flow) => {
            let row = JobRow { flow: Some(flow.id), ..row };
            match &flow.flow {
                Flow::Cancellation(cancellation) => of_flow(cancellation, row, now),
                _ => failed(row, "idempotency-key-reused"),
            }
        }
    }
}

fn of_flow(flow: &Cancellation, row: JobRow, now: At) -> Settled {
    if let View::Failed { problem } = flow.view()
        && problem.may_be_tried_again()
        && row.tries < MOST_TRIES
    {
        // Nothing was done, and its key was given back.
        return later(row, problem.code(), now);
    }
    if let Some(row) = stands(flow, row.clone()) {
        return Settled { row, try_at: None };
    }
    // What waits for a person may wait for days: the job is done with it.
    let waits = flow.pending() == Pending::Person;
    let pause = LOOK * u32::try_from(row.tries).unwrap_or(SELDOM).min(SELDOM);
    let row = JobRow { status: Status::Confirming, problem: None, ..row };
    Settled { row, try_at: (!waits).then(|| now.plus(pause)) }
}

fn later(row: JobRow, problem: &str, now: At) -> Settled {
    let row = JobRow { status: Status::Waiting, problem: Some(problem.to_owned()), ..row };
    Settled { row, try_at: Some(now.plus(PAUSE)) }
}

/// The row as its flow has ended; `None` where it has not.
pub fn stands(flow: &Cancellation, row: JobRow) -> Option<JobRow> {
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
