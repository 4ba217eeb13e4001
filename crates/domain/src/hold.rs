//! Hold and release: a suspected coupon is dead at once, its points stay where they are, and an
//! investigator brings it back with its old end, or cancels it.
//!
//! ```text
//!   hold:     Killing ──dead──▶ Recording ──▶ Ended
//!   release:  Reviving ──alive──▶ Recording ─────▶ Ended
//!                                     └─▶ Clearing ──▲
//! ```
//!
//! Both are insisted on: deactivating and activating twice is harmless, and a person is told where
//! Shopify goes on refusing. `held` is said of the coupon from the moment the hold is accepted, and
//! until the release is known to be applied.
//!
//! **Not answered.** A try that timed out may land minutes later, and would undo the opposite act.
//! So a hold or a release with such a try keeps the coupon busy until the horizon (`Clearing`): it
//! is done, and told so, but no other act begins before nothing can land any more.

use crate::{
    actor::Actor,
    coupon::{Coupon, Entry, Status},
    effect::{Effect, Fact, Input, Pending, Reason, Rejected, SWITCH_HORIZON, Step},
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
    /// The code is being deactivated. `maybe`: a try was not answered.
    Killing {
        told: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        maybe: bool,
    },
    /// The code is being brought back. `maybe`: a try was not answered.
    Reviving {
        told: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        maybe: bool,
    },
    /// Done at Shopify; the metafield is being written. `stray`: until when a try that was not
    /// answered may land.
    Recording {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// Done; the coupon is busy until nothing can land any more.
    Clearing {
        recorded: bool,
        until: At,
    },
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
            Act::Hold => State::Killing { told: false, maybe: false },
            Act::Release => State::Reviving { told: false, maybe: false },
        };
        Self { terms, state }
    }

    pub fn pending(&self) -> Pending {
        let node = self.terms.coupon.node;
        match &self.state {
            State::Killing { maybe, .. } => {
                Pending::Effect(Effect::Deactivate { node, maybe: *maybe })
            }
            State::Reviving { maybe, .. } => {
                Pending::Effect(Effect::Reactivate { node, maybe: *maybe })
            }
            State::Recording { .. } => Pending::Effect(Effect::Record),
            State::Clearing { until, .. } => Pending::Timer(*until),
            State::Ended { .. } => Pending::Nothing,
        }
    }

    /// Whether Shopify is known to have done it.
    pub const fn done(&self) -> bool {
        match self.state {
            State::Killing { .. } | State::Reviving { .. } => false,
            State::Recording { .. } | State::Clearing { .. } | State::Ended { .. } => true,
        }
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
            State::Recording { .. } => "recording",
            State::Clearing { .. } => "clearing",
            State::Ended { .. } => "ended",
        }
    }

    /// One transition. `now` is when the input came.
    pub fn step(&self, input: &Input, now: At) -> Result<Next, Rejected> {
        let stray = |maybe: bool| maybe.then(|| now.plus(SWITCH_HORIZON));
        let next = match &self.state {
            State::Killing { told, maybe } => switching(
                input,
                (*told, *maybe, Reason::CouponWillNotDie),
                Switch { event: "held", unclear: "kill_unclear", facts: vec![] },
                stray(*maybe),
                |told, maybe| State::Killing { told, maybe },
            ),
            State::Reviving { told, maybe } => switching(
                input,
                (*told, *maybe, Reason::CouponWillNotReturn),
                Switch {
                    event: "released",
                    unclear: "revival_unclear",
                    facts: vec![Fact::Coupon(Status::Active)],
                },
                stray(*maybe),
                |told, maybe| State::Reviving { told, maybe },
            ),
            State::Recording { stray } => recording(input, *stray),
            State::Clearing { recorded, .. } => match input {
                Input::Due => Some(to(State::Ended { recorded: *recorded }, "cleared", vec![])),
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

/// What is said of a deactivation or an activation.
struct Switch {
    event: &'static str,
    unclear: &'static str,
    facts: Vec<Fact>,
}

fn switching(
    input: &Input,
    (told, maybe, reason): (bool, bool, Reason),
    Switch { event, unclear, mut facts }: Switch,
    stray: Option<At>,
    again: impl Fn(bool, bool) -> State,
) -> Option<Next> {
    Some(match input {
        Input::Done => {
            facts.extend(told.then_some(Fact::ReviewClosed(reason)));
            to(State::Recording { stray }, event, facts)
        }
        Input::Unclear if !maybe => to(again(told, true), unclear, vec![]),
        Input::Stubborn => {
            let facts = vec![Fact::ReviewOpened(reason), Fact::Alert(reason)];
            to(again(true, maybe), reason.as_str(), facts)
        }
        _ => return None,
    })
}

fn recording(input: &Input, stray: Option<At>) -> Option<Next> {
    let then = |recorded| match stray {
        Some(until) => State::Clearing { recorded, until },
        None => State::Ended { recorded },
    };
    Some(match input {
        Input::Done => to(then(true), "recorded", vec![]),
        Input::Refused(_) | Input::GaveUp { .. } => {
            let reason = Reason::NotRecorded;
            let facts = vec![Fact::ReviewOpened(reason), Fact::Alert(reason)];
            to(then(false), "not_recorded", facts)
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
            (
                Act::Hold,
                vec![
                    Input::Unclear,
                    Input::Unclear,
                    Input::Done,
                    Input::Due,
                    Input::Done,
                    Input::Due,
                ],
                "killing killing! recording! clearing ended",
                0,
            ),
            (
                Act::Release,
                vec![
                    Input::Unclear,
                    Input::Stubborn,
                    Input::Done,
                    Input::Done,
                    Input::Done,
                    Input::Due,
                ],
                "reviving reviving reviving recording clearing! ended",
                4,
            ),
            (Act::Release, vec![Input::Done, Input::Done], "reviving recording ended", 1),
            (Act::Release, vec![Input::Done, refused, Input::Done], "reviving recording ended!", 3),
        ] {
            let mut now = hold(act);
            let mut path = vec![now.state_name().to_owned()];
            let mut count = 0;
            for input in &inputs {
                match now.step(input, At(2)) {
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
