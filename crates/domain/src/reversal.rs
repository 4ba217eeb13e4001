//! Flow 3, reversal: an order's points and store credits come back.
//!
//! ```text
//!   Cancelling ──accepted──▶ Following ──cancelled──┐
//!      │  ▲                      │                  │
//!      │  └──────────────────────┘ not cancelled    │
//!      ▼ refused, surely                            ▼
//!    Failed         ┌────────────────── the next item, or Ended
//!                   │                               ▲
//!         a credit  ▼                  points       │
//!               Looking ──a gap──▶ Moving ──applied─┤
//!                   │             │  ▲  │ unknown   │
//!                   │   not let in│  │  ▼           │
//!                   │             ▼  │ Confirming ──┤
//!                   │           Owing│  │           │
//!                   │                │  ▼ (a person)│
//!                   │ nothing to     │ InReview ────┤
//!                   └─give───────────┴──────────────┘
//! ```
//!
//! **Order.** Where the order is still to be cancelled, nothing moves before Shopify has cancelled
//! it: what was given back cannot be asked for again. Then one movement at a time: each coupon's
//! points, each credit, at last what the order had earned.
//!
//! **Never twice.** What a flow may give back is taken out of the order's rows when it begins, so
//! that no second reversal can promise it. Shopify reverts credits by itself: before each credit it
//! is asked what has come back already, and only the gap is filled.
//!
//! **Replacements.** Where staff choose so, a coupon does not come back as points but as a new
//! coupon: it is promised like them, and its own flow (`conversion/replacement.rs`) begins in the
//! commit in which its turn comes. This flow does not wait for it.
//!
//! **In doubt.** A movement that was sent and not answered is settled like a deduction. It is owed:
//! ruled out, it is sent again under the same reference. A credit has no reference; the second in
//! its expiry tells it apart, and where it has none a person decides.

mod item;
mod view;

pub use item::{Again, Cancel, Expiry, Item, Outcome, Return, Why, expiry};

use crate::{
    actor::Actor,
    effect::{Doubt, Fact, Input, Moved, Notice, Reason, Refusal, Rejected, Step},
    ids::{CustomerId, OrderId, ShopId},
    problem::Problem,
    time::At,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// What was decided when the reversal was accepted. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub shop: ShopId,
    pub customer: CustomerId,
    pub order: OrderId,
    /// As people call it: `#1001`.
    pub name: String,
    /// When the order was placed.
    pub placed_at: At,
    pub by: Actor,
    /// `None`: the order is cancelled already, or stays.
    pub cancel: Option<Cancel>,
    /// The order stands: what its refunds make due comes back.
    #[serde(default)]
    pub refunds: bool,
    /// What came back is taken again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub again: Option<Again>,
    pub items: Vec<Item>,
    /// Until when Shopify may give credit back by itself: what is missing before is waited for.
    /// Where the order is still to be cancelled, so long after its cancellation.
    pub reverts_by: At,
    /// Whether the customer is written to.
    pub notify: bool,
    pub at: At,
}

/// Where a reversal stands. `done`: what came of the first items; the next one is under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// Shopify is being told to cancel the order. `maybe`: it may have been told.
    Cancelling {
        maybe: bool,
        told: bool,
    },
    /// Shopify cancels it in a job of its own.
    Following {
        job: Option<String>,
        since: At,
        told: bool,
    },
    /// What Shopify has given back by itself is being asked.
    Looking {
        done: Vec<Outcome>,
        tries: u32,
        told: bool,
        /// Since when: the order was cancelled by then.
        #[serde(default)]
        from: At,
    },
    /// The movement is being made, once, not before `sent`. `gap`: of a credit, what is missing.
    Moving {
        done: Vec<Outcome>,
        gap: i64,
        tries: u32,
        #[serde(default)]
        sent: At,
    },
    /// We are not let in: again then.
    Owing {
        done: Vec<Outcome>,
        gap: i64,
        tries: u32,
        until: At,
    },
    /// The movement was sent and not answered.
    Confirming {
        done: Vec<Outcome>,
        gap: i64,
        #[serde(flatten)]
        doubt: Doubt,
    },
    /// A person must say whether it happened.
    InReview {
        done: Vec<Outcome>,
        gap: i64,
        reason: Reason,
    },
    Ended {
        done: Vec<Outcome>,
    },
    /// Nothing was changed: the order stands as it was.
    Failed {
        problem: Problem,
    },
}

/// A reversal as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reversal {
    pub terms: Terms,
    pub state: State,
}

type Next = Step<State>;

/// After so many refusals a person is told.
const TELL_AFTER: u32 = 3;
const LONGEST_WAIT: Duration = Duration::from_secs(600);
/// So long Shopify may take to cancel an order before a person is told.
pub const CANCEL_PATIENCE: Duration = Duration::from_secs(600);

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

impl Reversal {
    pub fn accept(terms: Terms) -> Self {
        let state = match &terms.cancel {
            Some(_) => State::Cancelling { maybe: false, told: false },
            None => begin(&terms.items, vec![], 0, terms.at),
        };
        Self { terms, state }
    }

    /// One transition. `now` is when the input came.
    pub fn step(&self, input: &Input, now: At) -> Result<Next, Rejected> {
        let next = match &self.state {
            State::Cancelling { maybe, told } => self.cancelling(*maybe, *told, input, now),
            State::Following { told, job, since } => {
                self.following((*told, job.as_ref(), *since), input, now)
            }
            State::Looking { done, tries, told, from } => {
                self.looking(done, (*tries, *told, *from), input, now)
            }
            State::Moving { done, gap, tries, sent } => {
                self.moving(done, *gap, (*tries, *sent), input, now)
            }
            State::Owing { done, tries, .. } => match input {
                Input::Due => {
                    let next = again(begin(&self.terms.items, done.clone(), *tries, now));
                    Some(to(next, "tries_again", vec![]))
                }
                _ => None,
            },
            State::Confirming { done, gap, .. } => self.confirming(done, *gap, input, now),
            State::InReview { done, gap, reason } => self.judged(done, (*gap, *reason), input, now),
            State::Ended { .. } | State::Failed { .. } => None,
        };
        next.ok_or_else(|| Rejected {
            state: self.state_name().to_owned(),
            input: format!("{input:?}"),
        })
    }

    fn cancelling(&self, maybe: bool, told: bool, input: &Input, now: At) -> Option<Next> {
        let reason = Reason::OrderNotCancelled;
        Some(match input {
            Input::CancelAccepted { job } => {
                let next = State::Following { job: job.clone(), since: now, told: false };
                to(next, "cancel_accepted", closed(told, reason))
            }
            Input::Due if self.cancels_here() => self.cancelled(vec![], now),
            Input::Done => self.cancelled(closed(told, reason), now),
            Input::Unclear if !maybe => {
                to(State::Cancelling { maybe: true, told }, "cancel_unclear", vec![])
            }
            Input::Refused(refusal) => self.refused(refusal, closed(told, reason)),
            Input::GaveUp { .. } if !maybe => self.refused(&Refusal::Wait(Duration::ZERO), vec![]),
            Input::Stubborn => {
                let next = State::Cancelling { maybe: true, told: true };
                to(next, "cancel_unanswered", review(reason))
            }
            _ => return None,
        })
    }

    /// Shopify surely does not cancel it: nothing has moved, and nothing is promised any more.
    fn refused(&self, refusal: &Refusal, mut facts: Vec<Fact>) -> Next {
        let problem = match refusal {
            Refusal::Wait(_) => Problem::ShopifyUnavailable,
            _ => Problem::OrderNotCancellable,
        };
        let items = 0..self.terms.items.len();
        facts.extend(items.map(|item| Fact::ItemFreed { item }));
        facts.push(Fact::ReversalEnded);
        if problem.may_be_tried_again() {
            facts.push(Fact::KeyReleased);
        }
        to(State::Failed { problem }, "cancel_refused", facts)
    }

    fn cancelled(&self, mut facts: Vec<Fact>, now: At) -> Next {
        facts.push(Fact::OrderCancelled);
        self.next_item(vec![], "order_cancelled", facts, now)
    }

    fn following(
        &self,
        (told, job, since): (bool, Option<&String>, At),
        input: &Input,
        now: At,
    ) -> Option<Next> {
        let reason = Reason::OrderNotCancelled;
        Some(match input {
            Input::Done => self.cancelled(closed(told, reason), now),
            Input::Refused(refusal) => self.refused(refusal, closed(told, reason)),
            Input::Stubborn if !told => {
                let next = State::Following { job: job.cloned(), since, told: true };
                to(next, "cancel_unanswered", review(reason))
            }
            _ => return None,
        })
    }

    /// `input` holds what Shopify has given back of each payment.
    fn looking(
        &self,
        done: &[Outcome],
        (tries, told, from): (u32, bool, At),
        input: &Input,
        now: At,
    ) -> Option<Next> {
        let reason = Reason::CreditsUnknown;
        if !self.current().is_some_and(Item::is_credit) {
            return None;
        }
        Some(match input {
            Input::Reverted(reverted) => {
                let gap = self.missing(reverted);
                let facts = closed(told, reason);
                if gap <= 0 {
                    return Some(self.item_done(
                        done,
                        Outcome::ByShopify,
                        "by_shopify",
                        facts,
                        now,
                    ));
                }
                let next = State::Moving { done: done.to_vec(), gap, tries, sent: now };
                to(next, "gap_found", facts)
            }
            Input::Stubborn => {
                let next = State::Looking { done: done.to_vec(), tries, told: true, from };
                to(next, "credits_unknown", review(reason))
            }
            _ => return None,
        })
    }

    fn moving(
        &self,
        done: &[Outcome],
        gap: i64,
        (tries, sent): (u32, At),
        input: &Input,
        now: At,
    ) -> Option<Next> {
        let reason = Reason::RefundRefused;
        let told = tries >= TELL_AFTER;
        let own = |done: &[Outcome]| done.to_vec();
        let outcome = match input {
            Input::Moved(moved) => Outcome::Moved(*moved),
            Input::Credited { transaction, honoured } => Outcome::Credited {
                minor: gap,
                transaction: Some(*transaction),
                honoured: *honoured,
            },
            Input::Refused(Refusal::InsufficientPoints)
                if self.current().is_some_and(Item::goes) =>
            {
                Outcome::Short
            }
            Input::Refused(Refusal::Lapsed) => Outcome::Lapsed,
            Input::Due if matches!(self.current(), Some(Item::Replacement { .. })) => {
                return Some(self.next_item(own(done), "replacement_begun", vec![], now));
            }
            Input::InDoubt => {
                let next =
                    State::Confirming { done: own(done), gap, doubt: Doubt { since: now, sent } };
                return Some(to(next, "in_doubt", closed(told, reason)));
            }
            Input::Refused(Refusal::Wait(wait)) => {
                let tries = tries + 1;
                let until = now.plus((*wait).max(backoff(tries)));
                let facts = if tries == TELL_AFTER { review(reason) } else { vec![] };
                let next = State::Owing { done: own(done), gap, tries, until };
                return Some(to(next, "not_let_in", facts));
            }
            Input::Refused(_) => {
                let facts = if told { vec![] } else { review(reason) };
                let next = State::InReview { done: own(done), gap, reason };
                return Some(to(next, "refused", facts));
            }
            _ => return None,
        };
        Some(self.item_done(done, outcome, "moved", closed(told, reason), now))
    }

    fn confirming(&self, done: &[Outcome], gap: i64, input: &Input, now: At) -> Option<Next> {
        let outcome = match input {
            Input::Moved(moved) => Outcome::Moved(*moved),
            Input::Credited { transaction, honoured } => Outcome::Credited {
                minor: gap,
                transaction: Some(*transaction),
                honoured: *honoured,
            },
            // A credit's gap is asked for again: Shopify may have filled it meanwhile.
            Input::Refused(_) => {
                let next = again(begin(&self.terms.items, done.to_vec(), 0, now));
                return Some(to(next, "ruled_out", vec![]));
            }
            Input::Parked(reason) => {
                let next = State::InReview { done: done.to_vec(), gap, reason: *reason };
                return Some(to(next, "in_review", review(*reason)));
            }
            _ => return None,
        };
        Some(self.item_done(done, outcome, "confirmed", vec![], now))
    }

    fn judged(
        &self,
        done: &[Outcome],
        (gap, reason): (i64, Reason),
        input: &Input,
        now: At,
    ) -> Option<Next> {
        let facts = vec![Fact::ReviewClosed(reason)];
        Some(match input {
            Input::Verdict { applied: true } => {
                let outcome = match self.current() {
                    Some(Item::Credit { expiry, .. }) => Outcome::Credited {
                        minor: gap,
                        transaction: None,
                        honoured: expiry.requested,
                    },
                    _ => Outcome::Moved(Moved::default()),
                };
                self.item_done(done, outcome, "judged_applied", facts, now)
            }
            Input::Verdict { applied: false } => {
                let next = again(begin(&self.terms.items, done.to_vec(), 0, now));
                to(next, "judged_not_applied", facts)
            }
            _ => return None,
        })
    }

    /// The item under way is over; on to the next.
    fn item_done(
        &self,
        done: &[Outcome],
        outcome: Outcome,
        event: &'static str,
        mut facts: Vec<Fact>,
        now: At,
    ) -> Next {
        let item = done.len();
        let outcome = match (self.current(), outcome) {
            (Some(Item::OwnCredit { amount, expiry, .. }), Outcome::Moved(moved)) => {
                let honoured = moved.honoured.or(expiry.requested).or(expiry.original);
                Outcome::Credited { minor: amount.minor, transaction: None, honoured }
            }
            (Some(Item::CreditAgain { amount, .. }), Outcome::Moved(_)) => {
                Outcome::Credited { minor: -amount.minor, transaction: None, honoured: None }
            }
            (_, outcome) => outcome,
        };
        if let Outcome::Moved(moved) = outcome
            && let Some(order) = self.order()
        {
            facts.push(Fact::Moved {
                reference: order.reference,
                points: order.points,
                balance: moved.after,
                reason: match &self.terms.items[item] {
                    Item::PointsAgain { .. } => "taken_back",
                    _ => "reversal",
                },
                linked_to: self.terms.items[item].counterpart(),
                good_until: moved.honoured,
            });
        }
        facts.push(Fact::ItemEnded { item, outcome });
        let mut done = done.to_vec();
        done.push(outcome);
        self.next_item(done, event, facts, now)
    }

    fn next_item(
        &self,
        mut done: Vec<Outcome>,
        event: &'static str,
        mut facts: Vec<Fact>,
        now: At,
    ) -> Next {
        while let Some(Item::Replacement { .. }) = self.terms.items.get(done.len()) {
            facts.push(Fact::ReplacementBegun { item: done.len() });
            done.push(Outcome::Replacing);
        }
        let next = begin(&self.terms.items, done, 0, now);
        if let State::Ended { done } = &next {
            facts.push(Fact::ReversalEnded);
            let came = |(item, of): (&Item, &Outcome)| {
                // A new coupon is told of once it stands.
                let back = !item.goes() && !matches!(item, Item::Replacement { .. });
                back && !matches!(of, Outcome::Lapsed | Outcome::Short)
            };
            if self.terms.notify && self.terms.items.iter().zip(done).any(came) {
                facts.push(Fact::Notify(Notice::OrderReversed));
            }
        }
        to(next, event, facts)
    }
}

/// The same item once more: what Shopify gives back by itself was waited for the first time.
fn again(state: State) -> State {
    match state {
        State::Looking { done, tries, told, .. } => {
            State::Looking { done, tries, told, from: At::default() }
        }
        state => state,
    }
}

/// The state in which the item after `done` is begun.
fn begin(items: &[Item], done: Vec<Outcome>, tries: u32, now: At) -> State {
    match items.get(done.len()) {
        Some(Item::Credit { .. }) => State::Looking { done, tries, told: false, from: now },
        Some(_) => State::Moving { done, gap: 0, tries, sent: now },
        None => State::Ended { done },
    }
}

#[cfg(test)]
mod tests;
