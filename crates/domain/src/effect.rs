//! The vocabulary between a flow and the engine: what to do, what came of it, what to write down.

use crate::{
    coupon::Status,
    ids::{NodeId, Reference},
    points::Points,
    problem::Problem,
    reversal::Outcome,
    time::At,
};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// One thing to do at another system. At most one is outstanding per flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Create the coupon under the code that the terms hold. With `check`, read the balance side
    /// by side. With `look`, an earlier state sent one that was not answered: look for it first.
    Create { check: bool, look: bool },
    /// Deduct the points. Sent once; never again blindly.
    Deduct,
    /// Give the points back. Sent once; never again blindly.
    Add,
    /// Find out what became of the movement that was sent and not answered. `shelved`: the coupon
    /// is deactivated already.
    Settle { doubt: Doubt, shelved: bool },
    /// Make the code useless, now. Deactivating twice is harmless, but one that was not answered
    /// may land after the coupon was brought back. `maybe`: that is noted, or nobody would mind.
    Deactivate { node: NodeId, maybe: bool },
    /// The same to a coupon that its owner knows. `maybe`: an earlier try may have been applied, so
    /// it is insisted on; otherwise a refusal leaves the coupon as it was.
    Kill { node: NodeId, maybe: bool },
    /// Whether the coupon was used in an order after all.
    Recheck { node: NodeId },
    /// Give a deactivated coupon its life and its end back. `maybe`: as above, the other way.
    Reactivate { node: NodeId, maybe: bool },
    /// Free the code at Shopify. Only after a quiet day.
    Delete { node: NodeId },
    /// Look for a coupon whose creation was given up in doubt, until the horizon.
    Chase { until: At },
    /// Write the coupon into the customer's metafield.
    Record,
    /// Have Shopify cancel the order. `maybe`: it may have been told, so it is looked at first.
    CancelOrder { maybe: bool },
    /// Shopify cancels in a job of its own: ask whether the order is cancelled.
    FollowCancel { since: At, told: bool },
    /// What Shopify has given back of the order's credits by itself.
    LookCredits,
    /// Give store credit. Sent once; never again blindly.
    Credit,
    /// Find out what became of the credit that was sent and not answered.
    SettleCredit { doubt: Doubt },
}

/// How long a deactivation or an activation that was not answered may still land at Shopify. Until
/// then the opposite is not done: what comes late would undo it.
pub const SWITCH_HORIZON: Duration = Duration::from_secs(10 * 60);

/// A movement that was sent and not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Doubt {
    /// When it was noted: the movement was sent by then, so absence proves nothing before a horizon
    /// from here.
    pub since: At,
    /// The movement was not sent before: the points book may forget its key a window from here. A
    /// process may die after sending and leave the doubt to be noted days later. Zero where an
    /// older version did not keep it: then no key is trusted.
    #[serde(default)]
    pub sent: At,
}

/// How long a call may take and how often it is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    pub limit: Duration,
    pub tries: Tries,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tries {
    /// So many, then the flow hears that it was given up.
    UpTo(u32),
    /// For ever, with longer and longer waits; after so many a person is told.
    Insist { tell_after: u32 },
}

impl Effect {
    pub const fn name(&self) -> &'static str {
        match self {
            Effect::Create { .. } => "create",
            Effect::Deduct => "deduct",
            Effect::Add => "add",
            Effect::Kill { .. } => "kill",
            Effect::Recheck { .. } => "recheck",
            Effect::Settle { .. } => "settle",
            Effect::Deactivate { .. } => "deactivate",
            Effect::Reactivate { .. } => "reactivate",
            Effect::Delete { .. } => "delete",
            Effect::Chase { .. } => "chase",
            Effect::Record => "record",
            Effect::CancelOrder { .. } => "cancel_order",
            Effect::FollowCancel { .. } => "follow_cancel",
            Effect::LookCredits => "look_credits",
            Effect::Credit => "credit",
            Effect::SettleCredit { .. } => "settle_credit",
        }
    }

    pub const fn policy(&self) -> Policy {
        const fn policy(seconds: u64, tries: Tries) -> Policy {
            Policy { limit: Duration::from_secs(seconds), tries }
        }
        match self {
            Effect::Create { .. } => policy(10, Tries::UpTo(3)),
            Effect::Deduct | Effect::Add => policy(15, Tries::UpTo(1)),
            Effect::Kill { maybe: false, .. } => policy(10, Tries::UpTo(3)),
            Effect::Kill { maybe: true, .. } | Effect::Recheck { .. } => {
                policy(10, Tries::Insist { tell_after: 3 })
            }
            Effect::Settle { .. } => policy(15, Tries::UpTo(u32::MAX)),
            Effect::Deactivate { .. } | Effect::Reactivate { .. } => {
                policy(10, Tries::Insist { tell_after: 3 })
            }
            Effect::Delete { .. } => policy(10, Tries::UpTo(3)),
            Effect::Chase { .. } => policy(10, Tries::UpTo(u32::MAX)),
            Effect::Record => policy(5, Tries::UpTo(3)),
            Effect::CancelOrder { maybe: false } => policy(10, Tries::UpTo(3)),
            Effect::CancelOrder { maybe: true } | Effect::LookCredits => {
                policy(10, Tries::Insist { tell_after: 3 })
            }
            Effect::Credit => policy(10, Tries::UpTo(1)),
            Effect::FollowCancel { .. } | Effect::SettleCredit { .. } => {
                policy(10, Tries::UpTo(u32::MAX))
            }
        }
    }
}

/// What the points book said of a movement.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Balances around the movement, where the book tells them.
    pub before: Option<Points>,
    pub after: Option<Points>,
    /// Until when what it brought is good, where the points book tells; the soonest date.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub honoured: Option<At>,
}

/// A call that is known not to have happened, and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Refusal {
    InsufficientPoints,
    UnknownCustomer,
    /// The code stands in Shopify already, and it is not ours.
    CodeTaken,
    /// The date that it was to expire at has come.
    Lapsed,
    /// Throttled, or not reachable at all: the call may be made again after the wait.
    Wait(Duration),
    /// Anything else, with the other side's own code: an error of configuration, mostly.
    Other(String),
}

/// What a flow hears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Input {
    /// The coupon stands in Shopify. `unpayable` where the balance, read side by side, does not do.
    Created { node: NodeId, unpayable: Option<Problem> },
    /// The points moved.
    Moved(Moved),
    /// The coupon was used, in this order where it is known.
    Used { order: Option<String> },
    /// It was sent, and nobody knows whether it was applied: it may be sent again.
    Unclear,
    /// The effect was applied, and there is nothing more to say.
    Done,
    /// The effect is known not to have happened.
    Refused(Refusal),
    /// All tries are used up. `maybe`: one of them may still have been applied, or may yet be.
    GaveUp { maybe: bool },
    /// A movement was sent and not answered.
    InDoubt,
    /// The doubt has lasted: nobody may use the coupon meanwhile.
    DoubtAged,
    /// Nothing automatic can settle the doubt.
    Parked(Reason),
    /// An effect that is insisted on has failed often.
    Stubborn,
    /// The moment that the flow waited for has come.
    Due,
    /// Shopify has taken the order's cancellation on, in that job where it names one.
    CancelAccepted { job: Option<String> },
    /// What Shopify has given back of each payment with store credit, in minor units.
    Reverted(Vec<(u64, i64)>),
    /// The store credit was given: its number at Shopify, and the expiry that it got.
    Credited { transaction: u64, honoured: Option<At> },
    /// A person decided a doubt: the movement did happen, or did not.
    Verdict { applied: bool },
}

/// Why a person is needed. Stored with the review: the names are a contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The points book can neither be asked nor told again what became of the deduction.
    NoLookUp,
    /// It could be asked, but did not answer until long after the horizon.
    LookUpDown,
    /// It knows the reference, but with another amount, or more than once.
    Contradiction,
    /// A coupon that must die does not.
    CouponWillNotDie,
    /// A coupon that was paid for cannot be brought back to life.
    CouponWillNotReturn,
    /// The metafield could not be written.
    NotRecorded,
    /// The points book does not take the points back.
    RefundRefused,
    /// Nobody can tell whether the coupon was used before it died.
    UsageUnknown,
    /// An order used the coupon although its points were given back.
    UsedAfterCancel,
    /// A second order has the same coupon.
    UsedTwice,
    /// Nobody can tell whether Shopify cancels the order.
    OrderNotCancelled,
    /// Shopify does not say what it has given back of an order's store credit.
    CreditsUnknown,
    /// A credit was sent, and what is found may be it or another.
    CreditUnclear,
    /// Shopify gave back store credit that Kaeru had given back before.
    CreditTwice,
    /// The coupon that was to take a used one's place is not created.
    NotReplaced,
}

impl Reason {
    pub const ALL: [Reason; 15] = [
        Reason::NoLookUp,
        Reason::LookUpDown,
        Reason::Contradiction,
        Reason::CouponWillNotDie,
        Reason::CouponWillNotReturn,
        Reason::NotRecorded,
        Reason::RefundRefused,
        Reason::UsageUnknown,
        Reason::UsedAfterCancel,
        Reason::UsedTwice,
        Reason::OrderNotCancelled,
        Reason::CreditsUnknown,
        Reason::CreditUnclear,
        Reason::CreditTwice,
        Reason::NotReplaced,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Reason::NoLookUp => "no_look_up",
            Reason::LookUpDown => "look_up_down",
            Reason::Contradiction => "contradiction",
            Reason::CouponWillNotDie => "coupon_will_not_die",
            Reason::CouponWillNotReturn => "coupon_will_not_return",
            Reason::NotRecorded => "not_recorded",
            Reason::RefundRefused => "refund_refused",
            Reason::UsageUnknown => "usage_unknown",
            Reason::UsedAfterCancel => "used_after_cancel",
            Reason::UsedTwice => "used_twice",
            Reason::OrderNotCancelled => "order_not_cancelled",
            Reason::CreditsUnknown => "credits_unknown",
            Reason::CreditUnclear => "credit_unclear",
            Reason::CreditTwice => "credit_twice",
            Reason::NotReplaced => "not_replaced",
        }
    }
}

/// What a customer is written about. The names are the outbox's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notice {
    CouponIssued,
    CouponReplaced,
    CouponCancelled,
    OrderReversed,
}

impl Notice {
    pub const fn as_str(self) -> &'static str {
        match self {
            Notice::CouponIssued => "coupon_issued",
            Notice::CouponReplaced => "coupon_replaced",
            Notice::CouponCancelled => "coupon_cancelled",
            Notice::OrderReversed => "order_reversed",
        }
    }
}

/// What a transition changes beside the flow's own row, in the same transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fact {
    /// The coupon is the customer's: `node` is its Shopify id.
    Issued {
        node: NodeId,
    },
    /// The code is dead or never lived; nobody saw it.
    Voided,
    /// The coupon stands so from now on.
    Coupon(Status),
    /// An order is known to have used the coupon.
    Used {
        order: Option<String>,
    },
    /// Points moved in the points book. `points` is signed.
    Moved {
        reference: Reference,
        points: i64,
        balance: Option<Points>,
        reason: &'static str,
        /// The reference of the movement that this one gives back.
        linked_to: Option<Reference>,
        /// Until when what it brought is good, where the points book told.
        good_until: Option<At>,
    },
    /// The conversion no longer holds balance back; `give_back` returns the day's allowance too.
    Released {
        give_back: bool,
    },
    DoubtOpened,
    DoubtClosed,
    ReviewOpened(Reason),
    ReviewClosed(Reason),
    /// Goes to the admins through the outbox.
    Alert(Reason),
    /// Goes to the customer through the outbox.
    Notify(Notice),
    /// The request's idempotency key may be used again.
    KeyReleased,
    /// Shopify has cancelled the order.
    OrderCancelled,
    /// The order counts: its coupons are used by it, its credit has paid for it.
    OrderPlaced,
    /// The order was not placed.
    OrderDropped,
    /// Nothing came of the order, and that coupon of it is its owner's again.
    CouponFreed {
        coupon: usize,
    },
    /// Another order had used that coupon.
    CouponUsed {
        coupon: usize,
        order: Option<String>,
    },
    /// So it went with that item of the reversal.
    ItemEnded {
        item: usize,
        outcome: Outcome,
    },
    /// That item is not promised any more.
    ItemFreed {
        item: usize,
    },
    /// That item of the reversal is a new coupon: its own flow begins.
    ReplacementBegun {
        item: usize,
    },
    /// The coupon has taken the other's place, whose points do not come back any more.
    Replaced,
    /// It surely has not: the other's points may come back in another way.
    NotReplaced,
    /// Nothing more is to come of the reversal.
    ReversalEnded,
}

/// A transition: the next state, what it is called in the timeline, what else changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step<S> {
    pub next: S,
    pub event: &'static str,
    pub facts: Vec<Fact>,
}

/// The input does not fit the state: a mistake in the engine, never a customer's.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{input} does not fit the state {state}")]
pub struct Rejected {
    pub state: String,
    pub input: String,
}

/// What a flow waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pending {
    Effect(Effect),
    Timer(At),
    Person,
    Nothing,
}
