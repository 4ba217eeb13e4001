//! A coupon's own end: an order used it, or its time was up. Kaeru only writes it down.
//!
//! ```text
//!   Recording ──▶ Ended
//! ```

use crate::{
    coupon::{Coupon, Entry, Status},
    effect::{Effect, Fact, Input, Pending, Reason, Rejected, Step},
    time::At,
};
use serde::{Deserialize, Serialize};

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    Used,
    Expired,
}

/// What is known. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub coupon: Coupon,
    pub end: End,
    /// When it was used, or when its time was up.
    pub at: At,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The metafield is being written.
    Recording,
    Ended {
        recorded: bool,
    },
}

/// The end as it is written down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    pub terms: Terms,
    pub state: State,
}

impl Ending {
    pub const fn accept(terms: Terms) -> Self {
        Self { terms, state: State::Recording }
    }

    pub const fn status(&self) -> Status {
        match self.terms.end {
            End::Used => Status::Used,
            End::Expired => Status::Expired,
        }
    }

    pub const fn pending(&self) -> Pending {
        match &self.state {
            State::Recording => Pending::Effect(Effect::Record),
            State::Ended { .. } => Pending::Nothing,
        }
    }

    pub fn entry(&self) -> Entry {
        let ended_at = match self.terms.end {
            End::Used => Some(self.terms.at),
            End::Expired => None,
        };
        Entry { coupon: self.terms.coupon.clone(), status: self.status(), ended_at }
    }

    pub const fn state_name(&self) -> &'static str {
        match &self.state {
            State::Recording => "recording",
            State::Ended { .. } => "ended",
        }
    }

    /// One transition.
    pub fn step(&self, input: &Input) -> Result<Step<State>, Rejected> {
        let reason = Reason::NotRecorded;
        match (&self.state, input) {
            (State::Recording, Input::Done) => {
                let next = State::Ended { recorded: true };
                Ok(Step { next, event: "recorded", facts: vec![] })
            }
            (State::Recording, Input::Refused(_) | Input::GaveUp { .. }) => Ok(Step {
                next: State::Ended { recorded: false },
                event: "not_recorded",
                facts: vec![Fact::ReviewOpened(reason), Fact::Alert(reason)],
            }),
            (State::Recording | State::Ended { .. }, _) => {
                Err(Rejected { state: self.state_name().to_owned(), input: format!("{input:?}") })
            }
        }
    }
}
