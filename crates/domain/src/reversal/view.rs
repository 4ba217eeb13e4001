//! What a state says: what is to be done now, and what came of what was done.

use super::{Item, Outcome, Reversal, State};
use crate::{
    effect::{Effect, Pending},
    flow::{Book, Order},
    points::Points,
    time::At,
};
use std::borrow::Cow;

impl Reversal {
    /// What came of the first items.
    pub fn done(&self) -> &[Outcome] {
        match &self.state {
            State::Cancelling { .. } | State::Following { .. } | State::Failed { .. } => &[],
            State::Looking { done, .. }
            | State::Moving { done, .. }
            | State::Owing { done, .. }
            | State::Confirming { done, .. }
            | State::InReview { done, .. }
            | State::Ended { done } => done,
        }
    }

    /// Whether the order is another channel's, and cancelled by saying so.
    pub fn cancels_here(&self) -> bool {
        self.terms.cancel.as_ref().is_some_and(|cancel| cancel.here)
    }

    /// Shopify's job that cancels the order.
    pub fn job(&self) -> Option<&str> {
        match &self.state {
            State::Following { job, .. } => job.as_deref(),
            _ => None,
        }
    }

    /// The item that is under way.
    pub fn current(&self) -> Option<&Item> {
        match self.state {
            State::Cancelling { .. } | State::Following { .. } | State::Failed { .. } => None,
            _ => self.terms.items.get(self.done().len()),
        }
    }

    /// Of the credit under way, in minor units: what is missing.
    pub const fn gap(&self) -> i64 {
        match &self.state {
            State::Moving { gap, .. }
            | State::Owing { gap, .. }
            | State::Confirming { gap, .. }
            | State::InReview { gap, .. } => *gap,
            _ => 0,
        }
    }

    /// Until when what is missing may still come back by itself. An order that this flow has
    /// cancelled may have been cancelled long after the flow was accepted.
    pub fn reverts_by(&self) -> At {
        match &self.state {
            State::Looking { from, .. } if self.terms.cancel.is_some() => {
                from.plus(self.terms.reverts_by.since(self.terms.at))
            }
            _ => self.terms.reverts_by,
        }
    }

    /// Of the credit under way, in minor units: what Shopify has not given back by itself.
    pub fn missing(&self, reverted: &[(u64, i64)]) -> i64 {
        let Some(Item::Credit { payment, amount, .. }) = self.current() else { return 0 };
        let back = reverted.iter().filter(|(of, _)| of == payment);
        amount.minor - back.map(|(_, minor)| *minor).sum::<i64>()
    }

    pub fn pending(&self) -> Pending {
        let credit = self.current().is_some_and(Item::is_credit);
        match &self.state {
            State::Cancelling { .. } if self.cancels_here() => Pending::Timer(self.terms.at),
            State::Cancelling { maybe, .. } => {
                Pending::Effect(Effect::CancelOrder { maybe: *maybe })
            }
            State::Following { since, told, .. } => {
                Pending::Effect(Effect::FollowCancel { since: *since, told: *told })
            }
            State::Looking { .. } => Pending::Effect(Effect::LookCredits),
            State::Moving { .. } if credit => Pending::Effect(Effect::Credit),
            State::Moving { .. } if self.current().is_some_and(Item::goes) => {
                Pending::Effect(Effect::Deduct)
            }
            State::Moving { sent, .. }
                if matches!(self.current(), Some(Item::Replacement { .. })) =>
            {
                Pending::Timer(*sent)
            }
            State::Moving { .. } => Pending::Effect(Effect::Add),
            State::Owing { until, .. } => Pending::Timer(*until),
            State::Confirming { doubt, .. } if credit => {
                Pending::Effect(Effect::SettleCredit { doubt: *doubt })
            }
            State::Confirming { doubt, .. } => {
                Pending::Effect(Effect::Settle { doubt: *doubt, shelved: true })
            }
            State::InReview { .. } => Pending::Person,
            State::Ended { .. } | State::Failed { .. } => Pending::Nothing,
        }
    }

    pub const fn state_name(&self) -> &'static str {
        match &self.state {
            State::Cancelling { .. } => "cancelling",
            State::Following { .. } => "following",
            State::Looking { .. } => "looking",
            State::Moving { .. } => "moving",
            State::Owing { .. } => "owing",
            State::Confirming { .. } => "confirming",
            State::InReview { .. } => "in_review",
            State::Ended { .. } => "ended",
            State::Failed { .. } => "failed",
        }
    }

    /// The movement that the points book is asked for now.
    pub fn order(&self) -> Option<Order<'_>> {
        let item = self.current()?;
        let reference = item.reference(&self.terms.order);
        match item {
            Item::Points { pos_id, points, expiry, .. } => Some(Order {
                book: Book::Points,
                customer: Cow::Borrowed(pos_id),
                points: points.get(),
                reference,
                reason: "Refund due to order cancellation",
                expires_at: expiry.requested,
            }),
            Item::OwnCredit { holder, amount, expiry, .. } => Some(Order {
                book: Book::Credit,
                customer: Cow::Borrowed(holder),
                points: amount.minor,
                reference,
                reason: "Refund due to order cancellation",
                expires_at: expiry.requested,
            }),
            Item::Earned { pos_id, points, .. } => Some(Order {
                book: Book::Points,
                customer: Cow::Borrowed(pos_id),
                points: -points.get(),
                reference,
                reason: "Order cancelled: points earned by it",
                expires_at: None,
            }),
            Item::PointsAgain { pos_id, points, .. } => Some(Order {
                book: Book::Points,
                customer: Cow::Borrowed(pos_id),
                points: -points.get(),
                reference,
                reason: "Order re-opened: what came back is taken again",
                expires_at: None,
            }),
            Item::CreditAgain { holder, amount, .. } => Some(Order {
                book: Book::Credit,
                customer: Cow::Borrowed(holder),
                points: -amount.minor,
                reference,
                reason: "Order re-opened: what came back is taken again",
                expires_at: None,
            }),
            Item::Credit { .. } | Item::Replacement { .. } => None,
        }
    }

    /// The balance that the points book told last.
    pub fn balance(&self) -> Option<Points> {
        self.done().iter().rev().find_map(|outcome| match outcome {
            Outcome::Moved(moved) => moved.after,
            _ => None,
        })
    }
}
