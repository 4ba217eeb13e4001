//! Flow 2, cancellation: an unused coupon becomes points again.
//!
//! ```text
//!   Killing ──dead──▶ Rechecking ──unused──▶ Refunding ──added──▶ Recording ──▶ Ended
//!      │                  │                   │     ▲                 ▲
//!      │refused,          │used        unknown│     │ruled out        │added
//!      │surely            │                   ▼     │                 │
//!      ▼                  │               Confirming ─────────────────┤
//!    Failed               │                   │                       │
//!                         │                   ▼   (a person)          │
//!                         │                InReview ──────────────────┤
//!                         └───────────────────────────────────────────┘
//! ```
//!
//! **Order.** The code dies before points move: a refunded coupon can never be redeemed. Only when
//! it is dead is it asked whether an order used it meanwhile; then nothing is refunded.
//!
//! **In doubt.** A refund that was sent and not answered is settled like a deduction. Unlike a
//! deduction it is owed: ruled out, it is sent again under the same reference.
//!
//! **Not let in** (throttled, not reachable): the points are owed, and tried again later and later
//! (`Owing`, between two `Refunding`).
//!
//! **Refused.** A kill that is surely refused leaves everything as it was. Once a try may have been
//! applied there is no way back: the kill is insisted on.

use crate::{
    actor::Actor,
    coupon::{Coupon, Entry, Status},
    effect::{Doubt, Effect, Fact, Input, Moved, Notice, Pending, Reason, Refusal, Rejected, Step},
    ids::Reference,
    problem::Problem,
    time::At,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// Why staff take a coupon back. The API's names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    CustomerRequest,
    OrderCancelled,
    IssuedInError,
    Other,
}

impl Why {
    pub const ALL: [Why; 4] =
        [Why::CustomerRequest, Why::OrderCancelled, Why::IssuedInError, Why::Other];

    pub const fn as_str(self) -> &'static str {
        match self {
            Why::CustomerRequest => "customer_request",
            Why::OrderCancelled => "order_cancelled",
            Why::IssuedInError => "issued_in_error",
            Why::Other => "other",
        }
    }
}

/// What was decided when the cancellation was accepted. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub coupon: Coupon,
    pub by: Actor,
    pub reason: Why,
    pub note: Option<String>,
    /// Whether the customer is written to.
    pub notify: bool,
    /// False where a suspicion was confirmed: the code dies and the points stay away.
    pub refund: bool,
    /// What the coupon was before, for the case that nothing comes of it.
    pub from: Status,
    pub at: At,
}

impl Terms {
    pub fn reference(&self) -> Reference {
        Reference::of_cancellation(&self.coupon.terms.code)
    }
}

/// How a cancellation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The points are back.
    Refunded(Moved),
    /// The code is dead and the points stay away, as decided.
    Kept,
    /// An order had used it: nothing is refunded.
    Used,
}

/// Where a cancellation stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The code is being deactivated. `maybe`: a try may have been applied.
    Killing { maybe: bool, told: bool },
    /// The code is dead; whether an order used it before is being asked.
    Rechecking { told: bool },
    /// It was not used; the points are being added, once, not before `sent`. `tries`: how often
    /// they were not let in.
    Refunding {
        tries: u32,
        #[serde(default)]
        sent: At,
    },
    /// The points book does not let us in: again then.
    Owing { tries: u32, until: At },
    /// The addition was sent and not answered.
    Confirming {
        #[serde(flatten)]
        doubt: Doubt,
    },
    /// A person must say whether the points are back. The code is dead.
    InReview { reason: Reason },
    /// It is decided; the metafield is being written.
    Recording { outcome: Outcome },
    /// Done. `recorded` is false where the metafield could not be written.
    Ended { outcome: Outcome, recorded: bool },
    /// Nothing was changed: the coupon lives.
    Failed { problem: Problem },
}

/// What people see of a cancellation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    Processing,
    /// The code is dead, and whether the points are back is not known.
    Confirming,
    Completed {
        moved: Option<Moved>,
    },
    Failed {
        problem: Problem,
    },
}

/// A cancellation as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancellation {
    pub terms: Terms,
    pub state: State,
}

type Next = Step<State>;

/// After so many refusals a person is told.
const TELL_AFTER: u32 = 3;
/// The longest wait between two tries.
const LONGEST_WAIT: Duration = Duration::from_secs(600);

fn backoff(tries: u32) -> Duration {
    Duration::from_secs(1 << (tries.max(1) - 1).min(10)).min(LONGEST_WAIT)
}

fn to(next: State, event: &'static str, facts: Vec<Fact>) -> Next {
    Step { next, event, facts }
}

fn review(reason: Reason) -> Vec<Fact> {
    vec![Fact::ReviewOpened(reason), Fact::Alert(reason)]
}

fn closed(told: bool, reason: Reason) -> Vec<Fact> {
    told.then_some(Fact::ReviewClosed(reason)).into_iter().collect()
}

impl Cancellation {
    pub const fn accept(terms: Terms) -> Self {
        Self { terms, state: State::Killing { maybe: false, told: false } }
    }

    pub fn pending(&self) -> Pending {
        let node = self.terms.coupon.node;
        match &self.state {
            State::Killing { maybe, .. } => Pending::Effect(Effect::Kill { node, maybe: *maybe }),
            State::Rechecking { .. } => Pending::Effect(Effect::Recheck { node }),
            State::Refunding { .. } => Pending::Effect(Effect::Add),
            State::Owing { until, .. } => Pending::Timer(*until),
            State::Confirming { doubt } => {
                Pending::Effect(Effect::Settle { doubt: *doubt, shelved: true })
            }
            State::InReview { .. } => Pending::Person,
            State::Recording { .. } => Pending::Effect(Effect::Record),
            State::Ended { .. } | State::Failed { .. } => Pending::Nothing,
        }
    }

    pub fn view(&self) -> View {
        match &self.state {
            State::Killing { .. } | State::Rechecking { .. } | State::Refunding { .. } => {
                View::Processing
            }
            State::Owing { .. } | State::Confirming { .. } | State::InReview { .. } => {
                View::Confirming
            }
            State::Recording { outcome } | State::Ended { outcome, .. } => match outcome {
                Outcome::Refunded(moved) => View::Completed { moved: Some(*moved) },
                Outcome::Kept => View::Completed { moved: None },
                Outcome::Used => View::Failed { problem: Problem::CouponAlreadyUsed },
            },
            State::Failed { problem } => View::Failed { problem: *problem },
        }
    }

    /// What the metafield is to say, once it is decided.
    pub fn entry(&self) -> Option<Entry> {
        let (State::Recording { outcome } | State::Ended { outcome, .. }) = &self.state else {
            return None;
        };
        let status = match outcome {
            Outcome::Refunded(_) | Outcome::Kept => Status::Cancelled,
            Outcome::Used => Status::Used,
        };
        let coupon = self.terms.coupon.clone();
        Some(Entry { coupon, status, ended_at: Some(self.terms.at) })
    }

    pub const fn state_name(&self) -> &'static str {
        match &self.state {
            State::Killing { .. } => "killing",
            State::Rechecking { .. } => "rechecking",
            State::Refunding { .. } => "refunding",
            State::Owing { .. } => "owing",
            State::Confirming { .. } => "confirming",
            State::InReview { .. } => "in_review",
            State::Recording { .. } => "recording",
            State::Ended { .. } => "ended",
            State::Failed { .. } => "failed",
        }
    }

    /// One transition. `now` is when the input came.
    pub fn step(&self, input: &Input, now: At) -> Result<Next, Rejected> {
        let next = match &self.state {
            State::Killing { maybe, told } => self.killing(*maybe, *told, input),
            State::Rechecking { told } => self.rechecking(*told, input, now),
            State::Refunding { tries, sent } => self.refunding(*tries, *sent, input, now),
            State::Owing { tries, .. } => match input {
                Input::Due => {
                    Some(to(State::Refunding { tries: *tries, sent: now }, "tries_again", vec![]))
                }
                _ => None,
            },
            State::Confirming { .. } => self.confirming(input, now),
            State::InReview { reason } => self.judged(*reason, input, now),
            State::Recording { outcome } => recording(*outcome, input),
            State::Ended { .. } | State::Failed { .. } => None,
        };
        next.ok_or_else(|| Rejected {
            state: self.state_name().to_owned(),
            input: format!("{input:?}"),
        })
    }

    fn killing(&self, maybe: bool, told: bool, input: &Input) -> Option<Next> {
        let reason = Reason::CouponWillNotDie;
        Some(match input {
            Input::Done => to(State::Rechecking { told: false }, "killed", closed(told, reason)),
            Input::Unclear if !maybe => {
                to(State::Killing { maybe: true, told }, "kill_unclear", vec![])
            }
            Input::Refused(refusal) if !maybe => self.spared(refusal),
            Input::GaveUp { .. } if !maybe => self.spared(&Refusal::Other(String::new())),
            Input::Stubborn => {
                to(State::Killing { maybe: true, told: true }, "will_not_die", review(reason))
            }
            _ => return None,
        })
    }

    /// The kill is surely refused: the coupon lives, and nothing is refunded.
    fn spared(&self, refusal: &Refusal) -> Next {
        let problem = match refusal {
            Refusal::UnknownCustomer => Problem::UnknownCustomer,
            _ => Problem::ShopifyUnavailable,
        };
        let mut facts = vec![Fact::Coupon(self.terms.from), Fact::Alert(Reason::CouponWillNotDie)];
        if problem.may_be_tried_again() {
            facts.push(Fact::KeyReleased);
        }
        to(State::Failed { problem }, "kill_refused", facts)
    }

    fn rechecking(&self, told: bool, input: &Input, now: At) -> Option<Next> {
        let reason = Reason::UsageUnknown;
        Some(match input {
            Input::Done if self.terms.refund => {
                to(State::Refunding { tries: 0, sent: now }, "unused", closed(told, reason))
            }
            Input::Done => {
                let mut facts = closed(told, reason);
                facts.extend(self.cancelled_facts());
                to(State::Recording { outcome: Outcome::Kept }, "unused", facts)
            }
            Input::Used { order } => {
                let mut facts = closed(told, reason);
                facts.extend([Fact::Used { order: order.clone() }, Fact::Coupon(Status::Used)]);
                to(State::Recording { outcome: Outcome::Used }, "used_meanwhile", facts)
            }
            Input::Stubborn => {
                to(State::Rechecking { told: true }, "usage_unknown", review(reason))
            }
            _ => return None,
        })
    }

    fn refunding(&self, tries: u32, sent: At, input: &Input, now: At) -> Option<Next> {
        let reason = Reason::RefundRefused;
        let told = tries >= TELL_AFTER;
        Some(match input {
            Input::Moved(moved) => self.refunded(*moved, "refunded", closed(told, reason)),
            Input::InDoubt => to(
                State::Confirming { doubt: Doubt { since: now, sent } },
                "refund_in_doubt",
                closed(told, reason),
            ),
            Input::Refused(Refusal::Wait(wait)) => {
                let tries = tries + 1;
                let until = now.plus((*wait).max(backoff(tries)));
                let facts = if tries == TELL_AFTER { review(reason) } else { vec![] };
                to(State::Owing { tries, until }, "refund_not_let_in", facts)
            }
            Input::Refused(_) => {
                let facts = if told { vec![] } else { review(reason) };
                to(State::InReview { reason }, "refund_refused", facts)
            }
            _ => return None,
        })
    }

    fn confirming(&self, input: &Input, now: At) -> Option<Next> {
        Some(match input {
            Input::Moved(moved) => self.refunded(*moved, "refund_confirmed", vec![]),
            Input::Refused(_) => {
                to(State::Refunding { tries: 0, sent: now }, "refund_ruled_out", vec![])
            }
            Input::Parked(reason) => {
                to(State::InReview { reason: *reason }, "in_review", review(*reason))
            }
            _ => return None,
        })
    }

    fn judged(&self, reason: Reason, input: &Input, now: At) -> Option<Next> {
        let closed = vec![Fact::ReviewClosed(reason)];
        Some(match input {
            Input::Verdict { applied: true } => {
                self.refunded(Moved::default(), "judged_applied", closed)
            }
            Input::Verdict { applied: false } => {
                to(State::Refunding { tries: 0, sent: now }, "judged_not_applied", closed)
            }
            _ => return None,
        })
    }

    fn cancelled_facts(&self) -> Vec<Fact> {
        let mut facts = vec![Fact::Coupon(Status::Cancelled)];
        facts.extend(self.terms.notify.then_some(Fact::Notify(Notice::CouponCancelled)));
        facts
    }

    fn refunded(&self, moved: Moved, event: &'static str, mut facts: Vec<Fact>) -> Next {
        facts.push(Fact::Moved {
            reference: self.terms.reference(),
            points: self.terms.coupon.terms.points.get(),
            balance: moved.after,
            reason: "cancellation",
            linked_to: Some(Reference::of_conversion(self.terms.coupon.terms.paid_by())),
            good_until: moved.honoured,
        });
        facts.extend(self.cancelled_facts());
        to(State::Recording { outcome: Outcome::Refunded(moved) }, event, facts)
    }
}

fn recording(outcome: Outcome, input: &Input) -> Option<Next> {
    Some(match input {
        Input::Done => to(State::Ended { outcome, recorded: true }, "recorded", vec![]),
        Input::Refused(_) | Input::GaveUp { .. } => {
            let next = State::Ended { outcome, recorded: false };
            to(next, "not_recorded", review(Reason::NotRecorded))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests;
