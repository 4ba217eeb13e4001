//! New coupons in the place of used ones: at most one for each, and never beside its points.

use super::{Auditor, Verdict, Wish, must};
use crate::diary::{Entry, Word};

impl Auditor {
    /// Kaeru has promised a new coupon.
    pub(super) fn replacing(&mut self, entry: &Entry) -> Verdict {
        let Entry::Replacing { order, flow, old, new, customer, points, ends_at } = entry else {
            return Ok(());
        };
        let books = self.order(*order)?;
        books.promised.insert(*flow, new.clone());
        let before = self.wish(old)?;
        let as_it_was = (before.customer, before.points) == (*customer, *points);
        must(as_it_was, "I1", || format!("{new} is worth something else than {old}"))?;
        let wish = Wish {
            customer: *customer,
            points: *points,
            ends_at: *ends_at,
            replaces: Some(old.clone()),
            of_order: *order,
            ..Wish::default()
        };
        let known = self.wishes.insert(new.clone(), wish);
        must(known.is_none(), "I3", || format!("{new} was there before"))
    }

    /// Shopify's books have it.
    pub(super) fn replaced(&mut self, new: &str) -> Verdict {
        let wish = self.wish(new)?;
        let (Some(old), order) = (wish.replaces.clone(), wish.of_order) else { return Ok(()) };
        let cancelled = self.order(order)?.cancelled;
        must(cancelled, "I7", || format!("order {order} lives, and {new} is made for it"))?;
        let before = self.wish(&old)?;
        before.replaced += 1;
        let (made, back) = (before.replaced, before.reverted + i64::from(before.refunds));
        must(made == 1, "I3", || format!("{made} coupons are in the place of {old}"))?;
        must(back == 0, "I3", || format!("{old} came back as points, and as {new}"))
    }

    /// Whether the new coupon surely does not stand: the old one may come back in another way.
    pub(super) fn not_replaced(&self, new: &str) -> bool {
        let flow = self.wishes.get(new).and_then(|wish| wish.flow);
        let flow = flow.and_then(|flow| self.flows.get(&flow));
        flow.is_some_and(|flow| flow.word == Word::Failed)
    }

    /// Points come back: no coupon may be in the place of this one.
    pub(super) fn not_beside_a_coupon(&mut self, code: &str) -> Verdict {
        let made = self.wish(code)?.replaced;
        must(made == 0, "I3", || format!("{code} came back as a coupon, and as points"))
    }
}
