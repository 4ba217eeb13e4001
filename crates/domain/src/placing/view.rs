//! What a state says: what is to be done now, and what people and the metafield are told.

use super::{Placing, State};
use crate::{
    coupon::{Coupon, Entry, Status},
    effect::{Effect, Pending},
    flow::{Book, Order},
    ids::Reference,
};

impl Placing {
    /// The coupon that is being worked on.
    pub fn coupon(&self) -> Option<&Coupon> {
        let place = match &self.state {
            State::Killing { dead, .. } | State::Checking { dead, .. } => *dead,
            State::Reviving { dead, .. } => dead.checked_sub(1)?,
            State::Recording { recorded } => *recorded,
            State::Telling { used, .. } => *used,
            State::Spending { .. }
            | State::Confirming { .. }
            | State::InReview { .. }
            | State::Clearing { .. }
            | State::Ended
            | State::Failed { .. } => return None,
        };
        self.terms.coupons.get(place)
    }

    pub fn pending(&self) -> Pending {
        let of_coupon = |effect: &dyn Fn(crate::NodeId) -> Effect| {
            self.coupon().map_or(Pending::Nothing, |coupon| Pending::Effect(effect(coupon.node)))
        };
        match &self.state {
            State::Killing { maybe, .. } => of_coupon(&|node| Effect::Kill { node, maybe: *maybe }),
            State::Checking { .. } => of_coupon(&|node| Effect::Recheck { node }),
            State::Spending { .. } => Pending::Effect(Effect::Deduct),
            State::Confirming { doubt, .. } => {
                Pending::Effect(Effect::Settle { doubt: *doubt, shelved: true })
            }
            State::InReview { .. } => Pending::Person,
            State::Reviving { after: Some(at), .. } => Pending::Timer(*at),
            State::Reviving { maybe, .. } => {
                of_coupon(&|node| Effect::Reactivate { node, maybe: *maybe })
            }
            State::Clearing { until, .. } => Pending::Timer(*until),
            State::Recording { .. } | State::Telling { .. } => of_coupon(&|_| Effect::Record),
            State::Ended | State::Failed { .. } => Pending::Nothing,
        }
    }

    /// Whether the order counts.
    pub const fn counts(&self) -> bool {
        matches!(self.state, State::Recording { .. } | State::Ended)
    }

    /// What the metafield is to say of the coupon under way, once it is used: here or elsewhere.
    pub fn entry(&self) -> Option<Entry> {
        let ended_at = match &self.state {
            State::Recording { .. } => Some(self.terms.placed_at),
            State::Telling { .. } => Some(self.terms.at),
            _ => return None,
        };
        let coupon = self.coupon()?.clone();
        Some(Entry { coupon, status: Status::Used, ended_at })
    }

    /// The spending of the credit.
    pub fn order(&self) -> Option<Order<'_>> {
        let credit = self.terms.credit?;
        Some(Order {
            book: Book::Credit,
            customer: std::borrow::Cow::Owned(self.terms.holder()),
            points: -credit.minor,
            reference: Reference::of_spending(&self.terms.order),
            reason: "Order payment",
            expires_at: None,
        })
    }

    pub const fn state_name(&self) -> &'static str {
        match &self.state {
            State::Killing { .. } => "killing",
            State::Checking { .. } => "checking",
            State::Spending { .. } => "spending",
            State::Confirming { .. } => "confirming",
            State::InReview { .. } => "in_review",
            State::Reviving { .. } => "reviving",
            State::Telling { .. } => "telling",
            State::Clearing { .. } => "clearing",
            State::Recording { .. } => "recording",
            State::Ended => "ended",
            State::Failed { .. } => "failed",
        }
    }
}
