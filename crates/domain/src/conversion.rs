//! Flow 1, conversion: points become a coupon.
//!
//! ```text
//!   Creating ──created──▶ Deducting ──deducted──▶ Recording ──▶ Completed
//!      │  │                 │    │                    ▲
//!      │  │          refused│    │unknown             │deducted
//!      │  │                 ▼    ▼                    │
//!      │  └─unpayable──▶ Killing ◀─not─ Confirming ───┤
//!      │                    │               │ 30 s    │
//!      │refused             │dead           ▼         │
//!      ▼                    │           Shelving      │
//!    Failed                 │               ▼         │
//!      ▲                    │  ┌─not──── Shelved ──▶ Restoring
//!      │                    ▼  ▼            │         ▲
//!      ├──── Deleting ◀─── Dead             ▼         │
//!      │      a quiet day   ▲           InReview ─────┘
//!      │                    │            (a person)
//!   Chasing ──found──▶ Catching
//!   (creation given up in doubt)
//! ```
//!
//! **Order.** The reversible step first (a coupon nobody has seen can be killed), the irreversible
//! one second (points), the nice-to-have last (the metafield). The code is shown to nobody before
//! the deduction is known to be applied.
//!
//! **Rolling back** means deactivating: a deleted code is free again, and a creation that was given
//! up on could still land and live. Deletion follows after a quiet day. Where the creation itself
//! is in doubt, the code is looked for until the horizon, and what appears is killed.
//!
//! **In doubt.** A deduction that was sent and not answered is settled by what the points book can
//! do, which is the engine's business. The flow hears only that it is in doubt, that the doubt has
//! lasted 30 s (the coupon is put on the shelf), how it ended, or that a person must say. A
//! doubtful deduction is never undone by an addition.
//!
//! **Replacements.** A coupon in the place of another is paid for already: `replacement.rs`.
//!
//! **Strays.** A deactivation that was not answered may land minutes later: a coupon that was put
//! on the shelf so is brought back only after the horizon. An activation that was not answered may
//! land after a later act has killed the coupon: until the horizon no act begins (`Clearing`).

mod replacement;

pub use replacement::Replaces;

use crate::{
    coupon,
    effect::{
        Doubt, Effect, Fact, Input, Moved, Notice, Pending, Reason, Refusal, Rejected,
        SWITCH_HORIZON, Step,
    },
    ids::{Code, CustomerId, MemberNo, NodeId, PosId, Reference, ShopId},
    money::Money,
    points::Points,
    problem::Problem,
    time::At,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How long a dead code stays in Shopify before it is deleted.
const QUIET_DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a creation that was given up on may still land at Shopify.
pub const CREATE_HORIZON: Duration = Duration::from_secs(10 * 60);

/// What was agreed when the request was accepted. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub shop: ShopId,
    pub customer: CustomerId,
    pub pos_id: PosId,
    pub member_no: MemberNo,
    pub points: Points,
    pub amount: Money,
    pub code: Code,
    /// The day whose allowance is used, in the shop's time zone: `2024-01-15`.
    pub day: jiff::civil::Date,
    pub created_at: At,
    pub expires_at: At,
    /// Whether the customer gets the coupon by mail too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub receipt: bool,
    /// The coupon in whose place it is, where nobody pays for it anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaces: Option<Box<Replaces>>,
}

impl Terms {
    pub fn reference(&self) -> Reference {
        Reference::of_conversion(&self.code)
    }
}

/// Where a conversion stands; each variant holds what is true then.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Accepted and reserved; the coupon's creation is under way. `check`: the balance is still to
    /// be read.
    Creating { check: bool },
    /// A replacement: its creation is owed, and is begun then. `stray`: until when a creation that
    /// was not answered may land.
    Owing {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
        tries: u32,
        until: At,
    },
    /// A replacement's creation is under way.
    Replacing {
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
        tries: u32,
    },
    /// The coupon stands, unseen; the deduction is under way, and is sent only once, not before
    /// `sent`.
    Deducting {
        node: NodeId,
        #[serde(default)]
        sent: At,
    },
    /// The deduction was sent and not answered.
    Confirming {
        node: NodeId,
        #[serde(flatten)]
        doubt: Doubt,
    },
    /// As before, and the coupon is being deactivated. `reason`: only a person can settle it.
    /// `maybe`: a try was not answered.
    Shelving {
        node: NodeId,
        #[serde(flatten)]
        doubt: Doubt,
        reason: Option<Reason>,
        told: bool,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        maybe: bool,
    },
    /// As before, and the coupon is dead meanwhile. `stray`: until when a deactivation that was not
    /// answered may land.
    Shelved {
        node: NodeId,
        #[serde(flatten)]
        doubt: Doubt,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// A person must say whether the deduction happened. The coupon is dead meanwhile.
    InReview {
        node: NodeId,
        since: At,
        reason: Reason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// The deduction did happen; the coupon is being brought back to life, not before `after`.
    /// `maybe`: a try was not answered.
    Restoring {
        node: NodeId,
        paid: Moved,
        told: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<At>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        maybe: bool,
    },
    /// The coupon is the customer's. The metafield is being written. `stray`: until when an
    /// activation that was not answered may land.
    Recording {
        node: NodeId,
        paid: Moved,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// Done; the coupon is busy until nothing can land any more.
    Clearing { node: NodeId, paid: Moved, recorded: bool, until: At },
    /// Done. `recorded` is false where the metafield could not be written.
    Completed { node: NodeId, paid: Moved, recorded: bool },
    /// No points were moved; the coupon, which nobody saw, is being deactivated.
    Killing { node: NodeId, problem: Problem, told: bool },
    /// The coupon is dead, and its code stays taken until the quiet day is over.
    Dead { node: NodeId, problem: Problem, until: At },
    /// The dead coupon is being deleted.
    Deleting { node: NodeId, problem: Problem },
    /// The creation was given up in doubt: what appears until then is killed.
    Chasing { problem: Problem, until: At },
    /// It appeared, and is being killed.
    Catching { node: NodeId, problem: Problem, told: bool },
    /// Over: nothing was changed, or all was undone.
    Failed { problem: Problem },
}

/// What people see of a conversion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Processing,
    Confirming,
    Completed { paid: Moved },
    Failed { problem: Problem },
}

/// A conversion as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conversion {
    pub terms: Terms,
    pub state: State,
}

type Next = Step<State>;

fn to(next: State, event: &'static str, facts: Vec<Fact>) -> Next {
    Step { next, event, facts }
}

impl Conversion {
    /// The first state. `check`: the balance is read side by side with the creation.
    /// A replacement checks nothing.
    pub fn accept(terms: Terms, check: bool) -> Self {
        let state = match terms.replaces {
            Some(_) => State::Owing { stray: None, tries: 0, until: terms.created_at },
            None => State::Creating { check },
        };
        Self { terms, state }
    }

    pub fn pending(&self) -> Pending {
        match &self.state {
            State::Creating { check } => {
                Pending::Effect(Effect::Create { check: *check, look: false })
            }
            State::Owing { until, .. } => Pending::Timer(*until),
            State::Replacing { stray, .. } => {
                Pending::Effect(Effect::Create { check: false, look: stray.is_some() })
            }
            State::Deducting { .. } => Pending::Effect(Effect::Deduct),
            State::Confirming { doubt, .. } => {
                Pending::Effect(Effect::Settle { doubt: *doubt, shelved: false })
            }
            State::Shelved { doubt, .. } => {
                Pending::Effect(Effect::Settle { doubt: *doubt, shelved: true })
            }
            State::Shelving { node, maybe, .. } => {
                Pending::Effect(Effect::Deactivate { node: *node, maybe: *maybe })
            }
            // What is never brought back may be deactivated late.
            State::Killing { node, .. } | State::Catching { node, .. } => {
                Pending::Effect(Effect::Deactivate { node: *node, maybe: true })
            }
            State::InReview { .. } => Pending::Person,
            State::Restoring { after: Some(at), .. } => Pending::Timer(*at),
            State::Restoring { node, maybe, .. } => {
                Pending::Effect(Effect::Reactivate { node: *node, maybe: *maybe })
            }
            State::Recording { .. } => Pending::Effect(Effect::Record),
            State::Dead { until, .. } | State::Clearing { until, .. } => Pending::Timer(*until),
            State::Deleting { node, .. } => Pending::Effect(Effect::Delete { node: *node }),
            State::Chasing { until, .. } => Pending::Effect(Effect::Chase { until: *until }),
            State::Completed { .. } | State::Failed { .. } => Pending::Nothing,
        }
    }

    pub fn view(&self) -> View {
        match &self.state {
            State::Creating { .. }
            | State::Owing { .. }
            | State::Replacing { .. }
            | State::Deducting { .. }
            | State::Killing { .. } => View::Processing,
            State::Confirming { .. }
            | State::Shelving { .. }
            | State::Shelved { .. }
            | State::InReview { .. }
            | State::Restoring { .. } => View::Confirming,
            State::Recording { paid, .. }
            | State::Clearing { paid, .. }
            | State::Completed { paid, .. } => View::Completed { paid: *paid },
            State::Dead { problem, .. }
            | State::Deleting { problem, .. }
            | State::Chasing { problem, .. }
            | State::Catching { problem, .. }
            | State::Failed { problem } => View::Failed { problem: *problem },
        }
    }

    /// What people see of the coupon: its status once it is theirs.
    pub fn coupon_status(&self) -> coupon::Status {
        match self.view() {
            View::Completed { .. } => coupon::Status::Active,
            View::Failed { .. } => coupon::Status::Void,
            View::Processing | View::Confirming => coupon::Status::Pending,
        }
    }

    pub const fn state_name(&self) -> &'static str {
        match &self.state {
            State::Creating { .. } => "creating",
            State::Owing { .. } => "owing",
            State::Replacing { .. } => "replacing",
            State::Deducting { .. } => "deducting",
            State::Confirming { .. } => "confirming",
            State::Shelving { .. } => "shelving",
            State::Shelved { .. } => "shelved",
            State::InReview { .. } => "in_review",
            State::Restoring { .. } => "restoring",
            State::Recording { .. } => "recording",
            State::Clearing { .. } => "clearing",
            State::Completed { .. } => "completed",
            State::Killing { .. } => "killing",
            State::Dead { .. } => "dead",
            State::Deleting { .. } => "deleting",
            State::Chasing { .. } => "chasing",
            State::Catching { .. } => "catching",
            State::Failed { .. } => "failed",
        }
    }

    /// One transition. `now` is when the input came.
    pub fn step(&self, input: &Input, now: At) -> Result<Next, Rejected> {
        let rejected =
            || Err(Rejected { state: self.state_name().to_owned(), input: format!("{input:?}") });
        match (&self.state, input) {
            (State::Creating { .. }, input) => creating(input, now).map_or_else(rejected, Ok),
            (State::Owing { stray, tries, .. }, Input::Due) => {
                let next = State::Replacing { stray: *stray, tries: *tries };
                Ok(to(next, "replacement_tried", vec![]))
            }
            (State::Owing { .. }, _) => rejected(),
            (State::Replacing { stray, tries }, input) => {
                self.replacing(*stray, *tries, input, now).map_or_else(rejected, Ok)
            }
            (State::Deducting { node, sent }, input) => {
                self.deducting(*node, *sent, input, now).map_or_else(rejected, Ok)
            }
            (State::Confirming { node, doubt }, input) => {
                self.confirming(*node, *doubt, input).map_or_else(rejected, Ok)
            }
            (State::Shelving { .. }, input) => self.shelving(input, now).map_or_else(rejected, Ok),
            (State::Shelved { node, doubt, stray }, input) => {
                self.shelved(*node, *doubt, *stray, input, now).map_or_else(rejected, Ok)
            }
            (State::InReview { node, reason, stray, .. }, Input::Verdict { applied }) => {
                Ok(self.judged(*node, *reason, *stray, *applied, now))
            }
            (State::InReview { .. }, _) => rejected(),
            (State::Restoring { .. }, input) => {
                self.restoring(input, now).map_or_else(rejected, Ok)
            }
            (State::Recording { node, paid, stray }, input) => {
                recording(*node, *paid, *stray, input).map_or_else(rejected, Ok)
            }
            (State::Clearing { node, paid, recorded, .. }, Input::Due) => {
                let next = State::Completed { node: *node, paid: *paid, recorded: *recorded };
                Ok(to(next, "cleared", vec![]))
            }
            (State::Clearing { .. }, _) => rejected(),
            (State::Killing { node, problem, told }, input) => {
                killing(*node, *problem, *told, input, now).map_or_else(rejected, Ok)
            }
            (State::Dead { node, problem, .. }, Input::Due) => {
                let next = State::Deleting { node: *node, problem: *problem };
                Ok(to(next, "quiet_day_over", vec![]))
            }
            (State::Dead { .. }, _) => rejected(),
            (State::Deleting { problem, .. }, input) => {
                deleting(*problem, input).map_or_else(rejected, Ok)
            }
            (State::Chasing { problem, .. }, input) => {
                chasing(*problem, input).map_or_else(rejected, Ok)
            }
            (State::Catching { node, problem, told }, input) => {
                catching(*node, *problem, *told, input, now).map_or_else(rejected, Ok)
            }
            (State::Completed { .. } | State::Failed { .. }, _) => rejected(),
        }
    }

    fn deducting(&self, node: NodeId, sent: At, input: &Input, now: At) -> Option<Next> {
        Some(match input {
            Input::Moved(paid) => self.issue(node, *paid, None, "deducted", vec![]),
            Input::Refused(refusal) => {
                let next = State::Killing { node, problem: deduct_problem(refusal), told: false };
                to(next, "deduction_refused", vec![])
            }
            Input::InDoubt => {
                let next = State::Confirming { node, doubt: Doubt { since: now, sent } };
                to(next, "deduction_in_doubt", vec![Fact::DoubtOpened])
            }
            _ => return None,
        })
    }

    fn confirming(&self, node: NodeId, doubt: Doubt, input: &Input) -> Option<Next> {
        let closed = vec![Fact::DoubtClosed];
        Some(match input {
            Input::Moved(paid) => self.issue(node, *paid, None, "deduction_confirmed", closed),
            Input::Refused(refusal) => {
                let next = State::Killing { node, problem: deduct_problem(refusal), told: false };
                to(next, "deduction_ruled_out", closed)
            }
            Input::DoubtAged => {
                let next = shelving(node, doubt, None);
                to(next, "doubt_lasts", vec![])
            }
            Input::Parked(reason) => {
                let next = shelving(node, doubt, Some(*reason));
                to(next, "needs_a_person", vec![])
            }
            _ => return None,
        })
    }

    fn shelving(&self, input: &Input, now: At) -> Option<Next> {
        let State::Shelving { node, doubt, reason, told, maybe } = self.state else { return None };
        let will_not_die = Reason::CouponWillNotDie;
        let again = |told, maybe| State::Shelving { node, doubt, reason, told, maybe };
        Some(match input {
            Input::Done => {
                let stray = maybe.then(|| now.plus(SWITCH_HORIZON));
                let mut facts: Vec<Fact> =
                    told.then_some(Fact::ReviewClosed(will_not_die)).into_iter().collect();
                match reason {
                    None => to(State::Shelved { node, doubt, stray }, "shelved", facts),
                    Some(reason) => {
                        facts.extend(stubborn(reason));
                        let next = State::InReview { node, since: doubt.since, reason, stray };
                        to(next, "in_review", facts)
                    }
                }
            }
            Input::Unclear if !maybe => to(again(told, true), "kill_unclear", vec![]),
            Input::Stubborn => to(again(true, maybe), "will_not_die", stubborn(will_not_die)),
            _ => return None,
        })
    }

    fn shelved(
        &self,
        node: NodeId,
        doubt: Doubt,
        stray: Option<At>,
        input: &Input,
        now: At,
    ) -> Option<Next> {
        Some(match input {
            Input::Moved(paid) => to(restoring(node, *paid, stray), "deduction_confirmed", vec![]),
            Input::Refused(refusal) => {
                let mut facts = vec![Fact::DoubtClosed];
                let problem = deduct_problem(refusal);
                facts.extend(failure_facts(problem));
                to(dead(node, problem, now), "deduction_ruled_out", facts)
            }
            Input::Parked(reason) => {
                let next = State::InReview { node, since: doubt.since, reason: *reason, stray };
                to(next, "in_review", stubborn(*reason))
            }
            _ => return None,
        })
    }

    fn judged(
        &self,
        node: NodeId,
        reason: Reason,
        stray: Option<At>,
        applied: bool,
        now: At,
    ) -> Next {
        let closed = Fact::ReviewClosed(reason);
        if applied {
            let next = restoring(node, Moved::default(), stray);
            return to(next, "judged_applied", vec![closed]);
        }
        let problem = Problem::PointsUnavailable;
        let mut facts = vec![closed, Fact::DoubtClosed];
        facts.extend(failure_facts(problem));
        to(dead(node, problem, now), "judged_not_applied", facts)
    }

    fn restoring(&self, input: &Input, now: At) -> Option<Next> {
        let State::Restoring { node, paid, told, after, maybe } = self.state else { return None };
        let reason = Reason::CouponWillNotReturn;
        let again = |told, maybe| State::Restoring { node, paid, told, after: None, maybe };
        if after.is_some() {
            return (*input == Input::Due).then(|| to(again(told, maybe), "cleared", vec![]));
        }
        Some(match input {
            Input::Done => {
                let mut facts = vec![Fact::DoubtClosed];
                facts.extend(told.then_some(Fact::ReviewClosed(reason)));
                let stray = maybe.then(|| now.plus(SWITCH_HORIZON));
                self.issue(node, paid, stray, "reactivated", facts)
            }
            Input::Unclear if !maybe => to(again(told, true), "revival_unclear", vec![]),
            Input::Stubborn => to(again(true, maybe), "will_not_reactivate", stubborn(reason)),
            _ => return None,
        })
    }

    /// The coupon becomes the customer's, and the movement is on record.
    fn issue(
        &self,
        node: NodeId,
        paid: Moved,
        stray: Option<At>,
        event: &'static str,
        mut facts: Vec<Fact>,
    ) -> Next {
        facts.push(Fact::Moved {
            reference: self.terms.reference(),
            points: -self.terms.points.get(),
            balance: paid.after,
            reason: "conversion",
            linked_to: None,
            good_until: None,
        });
        facts.push(Fact::Issued { node });
        facts.push(Fact::Released { give_back: false });
        facts.extend(self.terms.receipt.then_some(Fact::Notify(Notice::CouponIssued)));
        to(State::Recording { node, paid, stray }, event, facts)
    }
}

fn dead(node: NodeId, problem: Problem, now: At) -> State {
    State::Dead { node, problem, until: now.plus(QUIET_DAY) }
}

/// What a failure gives back, once it is certain that nothing is left of the attempt.
fn failure_facts(problem: Problem) -> Vec<Fact> {
    let mut facts = vec![Fact::Voided, Fact::Released { give_back: true }];
    if problem.may_be_tried_again() {
        facts.push(Fact::KeyReleased);
    }
    facts
}

fn create_problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::UnknownCustomer => Problem::UnknownCustomer,
        Refusal::InsufficientPoints
        | Refusal::CodeTaken
        | Refusal::Lapsed
        | Refusal::Wait(_)
        | Refusal::Other(_) => Problem::ShopifyUnavailable,
    }
}

fn deduct_problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::InsufficientPoints => Problem::InsufficientPoints,
        Refusal::UnknownCustomer => Problem::UnknownCustomer,
        Refusal::CodeTaken | Refusal::Lapsed | Refusal::Wait(_) | Refusal::Other(_) => {
            Problem::PointsUnavailable
        }
    }
}

fn creating(input: &Input, now: At) -> Option<Next> {
    Some(match input {
        Input::Created { node, unpayable: None } => {
            to(State::Deducting { node: *node, sent: now }, "created", vec![])
        }
        Input::Created { node, unpayable: Some(problem) } => {
            let next = State::Killing { node: *node, problem: *problem, told: false };
            to(next, "created_but_unpayable", vec![])
        }
        Input::Refused(refusal) => {
            let problem = create_problem(refusal);
            to(State::Failed { problem }, "creation_refused", failure_facts(problem))
        }
        Input::GaveUp { maybe } => {
            let problem = Problem::ShopifyUnavailable;
            let next = if *maybe {
                State::Chasing { problem, until: now.plus(CREATE_HORIZON) }
            } else {
                State::Failed { problem }
            };
            to(next, "creation_given_up", failure_facts(problem))
        }
        _ => return None,
    })
}

const fn shelving(node: NodeId, doubt: Doubt, reason: Option<Reason>) -> State {
    State::Shelving { node, doubt, reason, told: false, maybe: false }
}

/// Not before nothing can land any more that would deactivate it again.
const fn restoring(node: NodeId, paid: Moved, stray: Option<At>) -> State {
    State::Restoring { node, paid, told: false, after: stray, maybe: false }
}

/// The coupon is the customer's, and nothing was paid for it now.
fn recording_of(node: NodeId) -> State {
    State::Recording { node, paid: Moved::default(), stray: None }
}

fn stubborn(reason: Reason) -> Vec<Fact> {
    vec![Fact::ReviewOpened(reason), Fact::Alert(reason)]
}

fn recording(node: NodeId, paid: Moved, stray: Option<At>, input: &Input) -> Option<Next> {
    let completed = |recorded| match stray {
        Some(until) => State::Clearing { node, paid, recorded, until },
        None => State::Completed { node, paid, recorded },
    };
    let reason = Reason::NotRecorded;
    Some(match input {
        Input::Done => to(completed(true), "recorded", vec![]),
        Input::Refused(_) | Input::GaveUp { .. } => {
            to(completed(false), "not_recorded", stubborn(reason))
        }
        _ => return None,
    })
}

fn killing(node: NodeId, problem: Problem, told: bool, input: &Input, now: At) -> Option<Next> {
    let reason = Reason::CouponWillNotDie;
    Some(match input {
        Input::Done => {
            let mut facts = failure_facts(problem);
            facts.extend(told.then_some(Fact::ReviewClosed(reason)));
            to(dead(node, problem, now), "rolled_back", facts)
        }
        Input::Stubborn => {
            to(State::Killing { node, problem, told: true }, "will_not_die", stubborn(reason))
        }
        _ => return None,
    })
}

fn deleting(problem: Problem, input: &Input) -> Option<Next> {
    let failed = State::Failed { problem };
    Some(match input {
        Input::Done => to(failed, "deleted", vec![]),
        // A dead code that stays takes up room and nothing else.
        Input::Refused(_) | Input::GaveUp { .. } => to(failed, "left_deactivated", vec![]),
        _ => return None,
    })
}

fn chasing(problem: Problem, input: &Input) -> Option<Next> {
    Some(match input {
        Input::Created { node, .. } => {
            to(State::Catching { node: *node, problem, told: false }, "late_coupon_found", vec![])
        }
        Input::Due => to(State::Failed { problem }, "no_late_coupon", vec![]),
        _ => return None,
    })
}

fn catching(node: NodeId, problem: Problem, told: bool, input: &Input, now: At) -> Option<Next> {
    let reason = Reason::CouponWillNotDie;
    Some(match input {
        Input::Done => {
            let facts = told.then_some(Fact::ReviewClosed(reason)).into_iter().collect();
            to(dead(node, problem, now), "late_coupon_killed", facts)
        }
        Input::Stubborn => {
            to(State::Catching { node, problem, told: true }, "will_not_die", stubborn(reason))
        }
        _ => return None,
    })
}

/// Terms for the tests of the other flows.
#[cfg(test)]
pub(crate) fn example() -> Terms {
    tests::terms()
}

#[cfg(test)]
mod tests;
