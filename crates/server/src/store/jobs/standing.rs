//! Where a job and its rows stand.

use crate::store::tx::DbError;

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Running,
    Paused,
    Completed,
}

impl State {
    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            State::Running => "running",
            State::Paused => "paused",
            State::Completed => "completed",
        }
    }

    /// Reads what `as_str` writes.
    pub(super) fn parse(text: &str) -> Result<Self, DbError> {
        [State::Running, State::Paused, State::Completed]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or_else(|| DbError::Failed(format!("{text:?} is no job's state")))
    }
}

/// Where a row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    Waiting,
    /// A dry run found that it can be done.
    Possible,
    Completed,
    /// Begun, and not known yet what came of it.
    Confirming,
    Failed,
}

impl Status {
    pub const ALL: [Status; 5] =
        [Status::Waiting, Status::Possible, Status::Completed, Status::Confirming, Status::Failed];

    /// The API's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Waiting => "waiting",
            Status::Possible => "possible",
            Status::Completed => "completed",
            Status::Confirming => "confirming",
            Status::Failed => "failed",
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == text)
    }
}
