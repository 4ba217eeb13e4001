//! What an attempt at a row came to, and when the row is looked at again.

use crate::store::jobs::{JobRow, Settled, Status};
use domain::{At, Flow, Pending, Problem};
use engine::store::Row;
use std::time::Duration;

/// Where the other side was down, a row is tried so often, with this pause.
const MOST_TRIES: i64 = 6;
const PAUSE: Duration = Duration::from_secs(20);
/// What has the row's subject in hand is over sooner or later.
const MOST_BUSY: i64 = 120;
/// A flow that goes on is looked at again so soon, later more seldom.
const LOOK: Duration = Duration::from_secs(2);
const SELDOM: u32 = 15;

/// What came of an attempt.
pub enum Came {
    /// In a dry run: what it would give.
    Possible {
        points: i64,
        told: Option<String>,
    },
    Of(Box<Row>),
    /// A person must say yes first: nothing is begun, and the row says where it waits.
    Waits {
        problem: &'static str,
        told: String,
    },
    Refused(&'static str),
    /// The same may well succeed later.
    Down(&'static str),
    /// Another act has the same in hand.
    Busy(&'static str),
}

/// The row after the attempt. `stands`: the row as its flow has ended.
pub fn settle(
    came: Came,
    row: JobRow,
    stands: fn(&Flow, JobRow) -> Option<JobRow>,
    now: At,
) -> Settled {
    let for_good = |row: JobRow| Settled { row, try_at: None };
    let failed = |row: JobRow, problem: &str| {
        for_good(JobRow { status: Status::Failed, problem: Some(problem.to_owned()), ..row })
    };
    match came {
        Came::Possible { points, told } => {
            for_good(JobRow { status: Status::Possible, points: Some(points), told, ..row })
        }
        Came::Waits { problem, told } => for_good(JobRow {
            status: Status::Confirming,
            problem: Some(problem.to_owned()),
            told: Some(told),
            ..row
        }),
        Came::Refused(problem) => failed(row, problem),
        Came::Down(problem) if row.tries < MOST_TRIES => later(row, problem, now.plus(PAUSE)),
        Came::Busy(problem) if row.tries < MOST_BUSY => {
            let pause = pause(row.tries);
            later(row, problem, now.plus(pause))
        }
        Came::Down(problem) | Came::Busy(problem) => failed(row, problem),
        Came::Of(flow) => of_flow(&flow, JobRow { flow: Some(flow.id), ..row }, stands, now),
    }
}

fn of_flow(
    Row { flow, .. }: &Row,
    row: JobRow,
    stands: fn(&Flow, JobRow) -> Option<JobRow>,
    now: At,
) -> Settled {
    let Some(ended) = stands(flow, row.clone()) else {
        // What waits for a person may wait for days: the job is done with it.
        let waits = flow.pending() == Pending::Person;
        let try_at = (!waits).then(|| now.plus(pause(row.tries)));
        let row = JobRow { status: Status::Confirming, problem: None, ..row };
        return Settled { row, try_at };
    };
    if ended.status == Status::Failed
        && let Some(problem) = ended.problem.as_deref().filter(|code| is_passing(code))
        && row.tries < MOST_TRIES
    {
        // Nothing was done, and its key was given back.
        return later(row, problem, now.plus(PAUSE));
    }
    Settled { row: ended, try_at: None }
}

/// The other side was down.
fn is_passing(code: &str) -> bool {
    serde_json::from_value::<Problem>(code.into()).is_ok_and(Problem::may_be_tried_again)
}

fn pause(tries: i64) -> Duration {
    LOOK * u32::try_from(tries).unwrap_or(SELDOM).clamp(1, SELDOM)
}

fn later(row: JobRow, problem: &str, at: At) -> Settled {
    let row = JobRow { status: Status::Waiting, problem: Some(problem.to_owned()), ..row };
    Settled { row, try_at: Some(at) }
}
