//! Hold and release: a suspected coupon is dead at once, its points stay where they are, and an
//! investigator brings it back with its old end, or cancels it.
//!
//! ```text
//!   hold:     Killing ──dead──▶ Recording ──▶ Ended
//!   release:  Reviving ──alive──▶ Recording ──▶ Ended
//! ```
//!
//! Both are insisted on: deactivating and activating twice is harmless, and a person is told where
//! Shopify goes on refusing. `held` is said of the coupon from the moment the hold is accepted, and
//! until the release is known to be applied.

use crate::{
    actor::Actor,
    coupon::{Coupon, Entry, Status},
    effect::{Effect, Fact, Input, Pending, Reason, Rejected, Step},
    time::At,
};
use serde::{Deserialize, Serialize};

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    Hold,
    Release,
}

/// What was decided. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub coupon: Coupon,
    pub act: Act,
    pub by: Actor,
    pub note: String,
    pub at: At,
}

/// Where it stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The code is being deactivated.
    Killing {
        told: bool,
    },
    /// The code is being brought back.
    Reviving {
        told: bool,
    },
    /// Done at Shopify; the metafield is being written.
    Recording,
    Ended {
        recorded: bool,
    },
}

/// A hold or a release as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub terms: Terms,
    pub state: State,
}

type Next = Step<State>;

fn to(next: State, event: &'static str, facts: Vec<Fact>) -> Next {
    Step { next, event, facts }
}

impl Hold {
    pub const fn accept(terms: Terms) -> Self {
        let state = match terms.act {
            Act::Hold => State::Killing { told: false },
            Act::Release => State::Reviving { told: false },
        };
        Self { terms, state }
    }

    pub fn pending(&self) -> Pending {
        let node = self.terms.coupon.node;
        match &self.state {
            State::Killing { .. } => Pending::Effect(Effect::Deactivate { node }),
            State::Reviving { .. } => Pending::Effect(Effect::Reactivate { node }),
            State::Recording => Pending::Effect(Effect::Record),
            State::Ended { .. } => Pending::Nothing,
        }
    }

    /// Whether Shopify is known to have done it.
    pub const fn done(&self) -> bool {
        matches!(self.state, State::Recording | State::Ended { .. })
    }

    pub fn entry(&self) -> Option<Entry> {
        let status = match self.terms.act {
            Act::Hold => Status::Held,
            Act::Release => Status::Active,
        };
        let coupon = self.terms.coupon.clone();
        self.done().then_some(Entry { coupon, status, ended_at: None })
    }

    pub const fn state_name(&self) -> &'static str {
        match &self.state {
            State::Killing { .. } => "killing",
            State::Reviving { .. } => "reviving",
            State::Recording => "recording",
            State::Ended { .. } => "ended",
        }
    }

    /// One transition.
    pub fn step(&self, input: &Input) -> Result<Next, Rejected> {
        let next = match &self.state {
            State::Killing { told } => stubborn_step(
                input,
                (*told, Reason::CouponWillNotDie),
                ("held", vec![]),
                State::Killing { told: true },
            ),
            State::Reviving { told } => stubborn_step(
                input,
                (*told, Reason::CouponWillNotReturn),
                ("released", vec![Fact::Coupon(Status::Active)]),
                State::Reviving { told: true },
            ),
            State::Recording => match input {
                Input::Done => Some(to(State::Ended { recorded: true }, "recorded", vec![])),
                Input::Refused(_) | Input::GaveUp { .. } => {
                    let reason = Reason::NotRecorded;
                    let facts = vec![Fact::ReviewOpened(reason), Fact::Alert(reason)];
                    Some(to(State::Ended { recorded: false }, "not_recorded", facts))
                }
                _ => None,
            },
            State::Ended { .. } => None,
        };
        next.ok_or_else(|| Rejected {
            state: self.state_name().to_owned(),
            input: format!("{input:?}"),
        })
    }
}

fn stubborn_step(
    input: &Input,
    (told, reason): (bool, Reason),
    (event, mut facts): (&'static str, Vec<Fact>),
    again: State,
) -> Option<Next> {
    Some(match input {
        Input::Done => {
            facts.extend(told.then_some(Fact::ReviewClosed(reason)));
            to(State::Recording, event, facts)
        }
        Input::Stubborn => {
            to(again, reason.as_str(), vec![Fact::ReviewOpened(reason), Fact::Alert(reason)])
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Refusal, conversion, ids::NodeId};

    fn hold(act: Act) -> Hold {
        let coupon = Coupon { terms: conversion::example(), node: NodeId(7) };
        let by = Actor::Staff { id: 1, name: "Sato".to_owned() };
        Hold::accept(Terms { coupon, act, by, note: "twice in a minute".to_owned(), at: At(1) })
    }

    #[test]
    fn holds_and_releases_end_as_they_should() {
        let refused = Input::Refused(Refusal::Other("x".to_owned()));
        for (act, inputs, states, facts) in [
            (Act::Hold, vec![Input::Done, Input::Done], "killing recording ended", 0),
            (
                Act::Hold,
                vec![Input::Stubborn, Input::Done, Input::Done],
                "killing killing recording ended",
                3,
            ),
            (Act::Release, vec![Input::Done, Input::Done], "reviving recording ended", 1),
            (Act::Release, vec![Input::Done, refused, Input::Done], "reviving recording ended!", 3),
        ] {
            let mut now = hold(act);
            let mut path = vec![now.state_name().to_owned()];
            let mut count = 0;
            for input in &inputs {
                match now.step(input) {
                    Ok(step) => {
                        count += step.facts.len();
                        now.state = step.next;
                        path.push(now.state_name().to_owned());
                    }
                    Err(_) => path.last_mut().unwrap().push('!'),
                }
            }
            assert_eq!((path.join(" ").as_str(), count), (states, facts), "{act:?}");
        }
    }
}
