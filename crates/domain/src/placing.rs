//! An order of another channel is placed: its coupons die, its store credit is spent, and then it
//! counts.
//!
//! ```text
//!   Killing ──dead──▶ Checking ──unused──▶ the next coupon, or
//!      │                 │                     │
//!      │ refused, surely │ used                ▼
//!      │                 │                 Spending ──applied──▶ Recording ──▶ Ended
//!      ▼                 ▼      refused,    │  ▲  │ unknown          ▲
//!   Reviving ◀───────────┴──────surely──────┘  │  ▼                  │
//!      │  the coupons killed so far        Confirming ──applied──────┤
//!      ▼                             ruled out │ (a person)          │
//!   Telling                                 InReview ────────────────┘
//!      │  the metafield, of a coupon that another order used
//!      ▼
//!    Failed ◀── Clearing
//! ```
//!
//! **Order.** A coupon is dead at Shopify, and known as unused after that, before the order counts
//! it: it cannot be redeemed there as well. Credit is spent last, for it is the only step that is
//! not taken back: everything before it is undone by bringing the coupons back to life.
//!
//! **In doubt.** A deactivation that may have been applied is insisted on. A spending that was sent
//! and not answered is settled by its reference, like a deduction. Ruled out, it is sent again.
//!
//! **Strays.** A deactivation that was not answered may land minutes later, so the coupons are
//! brought back only after the horizon; an activation that was not answered keeps them busy until
//! then (`Clearing`).

mod view;

use crate::{
    actor::Actor,
    coupon::Coupon,
    effect::{Doubt, Fact, Input, Reason, Refusal, Rejected, SWITCH_HORIZON, Step},
    ids::{CustomerId, OrderId, PosId, ShopId},
    money::Money,
    problem::Problem,
    time::At,
};
use serde::{Deserialize, Serialize};

/// What was decided when the order was accepted. Never changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    pub shop: ShopId,
    pub customer: CustomerId,
    pub order: OrderId,
    /// As people call it: `#1001`.
    pub name: String,
    /// Where it was placed: anything but `shopify`.
    pub channel: String,
    /// `pending`, `confirmed` or `completed`.
    pub status: String,
    pub total: Money,
    /// Of the same customer, each once.
    pub coupons: Vec<Coupon>,
    /// Store credit that Kaeru holds and that pays for some of it; above zero.
    pub credit: Option<Money>,
    pub placed_at: At,
    pub by: Actor,
    pub note: Option<String>,
    pub at: At,
}

impl Terms {
    /// Who holds the credit.
    pub fn holder(&self) -> PosId {
        PosId(self.customer.to_string())
    }
}

/// Where it stands. `dead`: so many coupons are dead and known as unused. `stray`: until when a
/// deactivation that was not answered may land; while reviving, an activation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum State {
    /// The next coupon is being deactivated. `maybe`: a try may have been applied.
    Killing {
        dead: usize,
        maybe: bool,
        told: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// It is dead; whether an order used it before is being asked.
    Checking {
        dead: usize,
        told: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// The credit is being spent, once, not before `sent`.
    Spending {
        sent: At,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// The spending was sent and not answered.
    Confirming {
        #[serde(flatten)]
        doubt: Doubt,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// A person must say whether the credit was spent. The coupons are dead.
    InReview {
        reason: Reason,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// Nothing comes of it: the first `dead` coupons are being brought back, the last first, not
    /// before `after`. `maybe`: a try was not answered.
    Reviving {
        dead: usize,
        problem: Problem,
        told: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        after: Option<At>,
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        maybe: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
        /// The coupon that another order has used.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used: Option<usize>,
    },
    /// Nothing comes of it; the metafield is being told that another order used this coupon.
    Telling {
        problem: Problem,
        used: usize,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stray: Option<At>,
    },
    /// Nothing was changed; the coupons are busy until nothing can land any more.
    Clearing { problem: Problem, until: At },
    /// The order counts; the metafield is being told of each coupon. `recorded`: of so many.
    Recording { recorded: usize },
    /// Done.
    Ended,
    /// Nothing was changed.
    Failed { problem: Problem },
}

/// An order's placing as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placing {
    pub terms: Terms,
    pub state: State,
}

type Next = Step<State>;

fn to(next: State, event: &'static str, facts: Vec<Fact>) -> Next {
    Step { next, event, facts }
}

fn review(reason: Reason) -> Vec<Fact> {
    vec![Fact::ReviewOpened(reason), Fact::Alert(reason)]
}

fn closed(told: bool, reason: Reason) -> Vec<Fact> {
    told.then_some(Fact::ReviewClosed(reason)).into_iter().collect()
}

impl Placing {
    pub fn accept(terms: Terms) -> Self {
        let state = match (&*terms.coupons, &terms.credit) {
            ([_, ..], _) => killing(0, None),
            ([], Some(_)) => State::Spending { sent: terms.at, stray: None },
            ([], None) => State::Ended,
        };
        Self { terms, state }
    }

    /// One transition. `now` is when the input came.
    pub fn step(&self, input: &Input, now: At) -> Result<Next, Rejected> {
        let next = match &self.state {
            State::Killing { dead, maybe, told, .. } => {
                self.killing((*dead, *maybe, *told), input, now)
            }
            State::Checking { dead, told, .. } => self.checking(*dead, *told, input, now),
            State::Spending { sent, .. } => self.spending(*sent, input, now),
            State::Confirming { .. } => self.confirming(input, now),
            State::InReview { reason, .. } => match input {
                Input::Verdict { applied: true } => {
                    Some(self.placed("judged_applied", vec![Fact::ReviewClosed(*reason)]))
                }
                Input::Verdict { applied: false } => {
                    let facts = vec![Fact::ReviewClosed(*reason)];
                    Some(self.undone(Problem::PointsUnavailable, "judged_not_applied", facts))
                }
                _ => None,
            },
            State::Reviving { .. } => self.reviving(input, now),
            State::Telling { problem, stray, .. } => self.telling(*problem, *stray, input),
            State::Clearing { problem, .. } => match input {
                Input::Due => Some(to(State::Failed { problem: *problem }, "cleared", vec![])),
                _ => None,
            },
            State::Recording { recorded } => self.recording(*recorded, input),
            State::Ended | State::Failed { .. } => None,
        };
        next.ok_or_else(|| Rejected {
            state: self.state_name().to_owned(),
            input: format!("{input:?}"),
        })
    }

    /// Until when a deactivation of this placing's may land.
    const fn stray(&self) -> Option<At> {
        match &self.state {
            State::Killing { stray, .. }
            | State::Checking { stray, .. }
            | State::Spending { stray, .. }
            | State::Confirming { stray, .. }
            | State::InReview { stray, .. } => *stray,
            State::Reviving { .. }
            | State::Telling { .. }
            | State::Clearing { .. }
            | State::Recording { .. }
            | State::Ended
            | State::Failed { .. } => None,
        }
    }

    fn killing(
        &self,
        (dead, maybe, told): (usize, bool, bool),
        input: &Input,
        now: At,
    ) -> Option<Next> {
        let stray = self.stray();
        let reason = Reason::CouponWillNotDie;
        let spared = |problem| {
            let freed = vec![Fact::CouponFreed { coupon: dead }, Fact::Alert(reason)];
            Some(self.undo((dead, None), problem, "kill_refused", freed))
        };
        Some(match input {
            Input::Done => {
                let stray = if maybe { Some(now.plus(SWITCH_HORIZON)) } else { stray };
                let next = State::Checking { dead, told: false, stray };
                to(next, "killed", closed(told, reason))
            }
            Input::Unclear if !maybe => {
                to(State::Killing { dead, maybe: true, told, stray }, "kill_unclear", vec![])
            }
            Input::Refused(Refusal::UnknownCustomer) if !maybe => {
                return spared(Problem::UnknownCustomer);
            }
            Input::Refused(_) | Input::GaveUp { .. } if !maybe => {
                return spared(Problem::ShopifyUnavailable);
            }
            Input::Stubborn => {
                let next = State::Killing { dead, maybe: true, told: true, stray };
                to(next, "will_not_die", review(reason))
            }
            _ => return None,
        })
    }

    fn checking(&self, dead: usize, told: bool, input: &Input, now: At) -> Option<Next> {
        let (reason, stray) = (Reason::UsageUnknown, self.stray());
        Some(match input {
            Input::Done => {
                let dead = dead + 1;
                let facts = closed(told, reason);
                if dead < self.terms.coupons.len() {
                    to(killing(dead, stray), "unused", facts)
                } else if self.terms.credit.is_some() {
                    to(State::Spending { sent: now, stray }, "unused", facts)
                } else {
                    self.placed("unused", facts)
                }
            }
            Input::Used { order } => {
                let mut facts = closed(told, reason);
                facts.push(Fact::CouponUsed { coupon: dead, order: order.clone() });
                let problem = Problem::CouponAlreadyUsed;
                self.undo((dead, Some(dead)), problem, "used_meanwhile", facts)
            }
            Input::Stubborn => {
                let next = State::Checking { dead, told: true, stray };
                to(next, "usage_unknown", review(reason))
            }
            _ => return None,
        })
    }

    fn spending(&self, sent: At, input: &Input, now: At) -> Option<Next> {
        Some(match input {
            Input::Moved(_) => self.placed("spent", vec![]),
            Input::InDoubt => {
                let doubt = Doubt { since: now, sent };
                to(State::Confirming { doubt, stray: self.stray() }, "in_doubt", vec![])
            }
            Input::Refused(refusal) => self.undone(problem(refusal), "refused", vec![]),
            _ => return None,
        })
    }

    fn confirming(&self, input: &Input, now: At) -> Option<Next> {
        Some(match input {
            Input::Moved(_) => self.placed("confirmed", vec![]),
            Input::Refused(refusal @ Refusal::InsufficientPoints) => {
                self.undone(problem(refusal), "ruled_out", vec![])
            }
            // It was never spent: so it is now, under the same reference.
            Input::Refused(_) => {
                to(State::Spending { sent: now, stray: self.stray() }, "ruled_out", vec![])
            }
            Input::Parked(reason) => {
                let next = State::InReview { reason: *reason, stray: self.stray() };
                to(next, "in_review", review(*reason))
            }
            _ => return None,
        })
    }

    /// It counts from now on.
    fn placed(&self, event: &'static str, mut facts: Vec<Fact>) -> Next {
        facts.push(Fact::OrderPlaced);
        let next = match &*self.terms.coupons {
            [] => State::Ended,
            _ => State::Recording { recorded: 0 },
        };
        to(next, event, facts)
    }

    fn undone(&self, problem: Problem, event: &'static str, facts: Vec<Fact>) -> Next {
        self.undo((self.terms.coupons.len(), None), problem, event, facts)
    }

    /// Nothing comes of it. The coupon after the first `dead` has its fact already; those that
    /// come after it were never touched. `used`: by another order.
    fn undo(
        &self,
        (dead, used): (usize, Option<usize>),
        problem: Problem,
        event: &'static str,
        mut facts: Vec<Fact>,
    ) -> Next {
        let untouched = dead + 1..self.terms.coupons.len();
        facts.extend(untouched.map(|coupon| Fact::CouponFreed { coupon }));
        if dead > 0 {
            let next = reviving((dead, used), problem, self.stray(), None);
            return to(next, event, facts);
        }
        self.failed((problem, used), None, event, facts)
    }

    fn failed(
        &self,
        (problem, used): (Problem, Option<usize>),
        stray: Option<At>,
        event: &'static str,
        mut facts: Vec<Fact>,
    ) -> Next {
        facts.push(Fact::OrderDropped);
        if problem.may_be_tried_again() {
            facts.push(Fact::KeyReleased);
        }
        let next = match used {
            Some(used) => State::Telling { problem, used, stray },
            None => cleared(problem, stray),
        };
        to(next, event, facts)
    }

    fn telling(&self, problem: Problem, stray: Option<At>, input: &Input) -> Option<Next> {
        let (event, facts) = told_metafield(input)?;
        Some(to(cleared(problem, stray), event, facts))
    }

    fn reviving(&self, input: &Input, now: At) -> Option<Next> {
        let State::Reviving { dead, problem, told, after, maybe, stray, used } = self.state else {
            return None;
        };
        let reason = Reason::CouponWillNotReturn;
        let again =
            |told, maybe| State::Reviving { dead, problem, told, after: None, maybe, stray, used };
        if after.is_some() {
            return (*input == Input::Due).then(|| to(again(told, maybe), "cleared", vec![]));
        }
        Some(match input {
            Input::Done => {
                let mut facts = closed(told, reason);
                let stray = if maybe { Some(now.plus(SWITCH_HORIZON)) } else { stray };
                let dead = dead.checked_sub(1)?;
                facts.push(Fact::CouponFreed { coupon: dead });
                if dead > 0 {
                    to(reviving((dead, used), problem, None, stray), "revived", facts)
                } else {
                    self.failed((problem, used), stray, "revived", facts)
                }
            }
            Input::Unclear if !maybe => to(again(told, true), "revival_unclear", vec![]),
            Input::Stubborn => to(again(true, maybe), "will_not_return", review(reason)),
            _ => return None,
        })
    }

    fn recording(&self, recorded: usize, input: &Input) -> Option<Next> {
        let (event, facts) = told_metafield(input)?;
        let recorded = recorded + 1;
        let next = if recorded < self.terms.coupons.len() {
            State::Recording { recorded }
        } else {
            State::Ended
        };
        Some(to(next, event, facts))
    }
}

const fn killing(dead: usize, stray: Option<At>) -> State {
    State::Killing { dead, maybe: false, told: false, stray }
}

/// What came of telling the metafield.
fn told_metafield(input: &Input) -> Option<(&'static str, Vec<Fact>)> {
    match input {
        Input::Done => Some(("recorded", vec![])),
        Input::Refused(_) | Input::GaveUp { .. } => {
            Some(("not_recorded", review(Reason::NotRecorded)))
        }
        _ => None,
    }
}

const fn cleared(problem: Problem, stray: Option<At>) -> State {
    match stray {
        Some(until) => State::Clearing { problem, until },
        None => State::Failed { problem },
    }
}

/// Not before nothing can land any more that would deactivate them again.
const fn reviving(
    (dead, used): (usize, Option<usize>),
    problem: Problem,
    after: Option<At>,
    stray: Option<At>,
) -> State {
    State::Reviving { dead, problem, told: false, after, maybe: false, stray, used }
}

const fn problem(refusal: &Refusal) -> Problem {
    match refusal {
        Refusal::InsufficientPoints => Problem::InsufficientCredit,
        _ => Problem::PointsUnavailable,
    }
}

#[cfg(test)]
mod tests;
