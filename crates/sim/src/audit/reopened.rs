//! An order of another channel that was cancelled and stands again: what came back is taken once,
//! never while the order is cancelled, and comes back with another cancellation.

use super::{Auditor, Verdict, broken, must, own_orders::OwnAct};

impl Auditor {
    pub(super) fn reopened(&mut self, order: u64) -> Verdict {
        let books = self.order(order)?;
        let was = std::mem::replace(&mut books.cancelled, false);
        must(was, "I7", || format!("order {order} stands again, and was not cancelled"))
    }

    pub(super) fn taking_again(&mut self, (order, flow): (u64, u128), codes: &[String]) -> Verdict {
        let stands = self.own(order)?.counted && !self.order(order)?.cancelled;
        must(stands, "I7", || format!("order {order} is cancelled, and is taken again"))?;
        self.open_own(flow, order, OwnAct::TakingAgain { order, codes: codes.to_vec() })
    }

    /// `of_order`: a reference without its first word. Of which order, and what of it.
    pub(super) fn going_again<'a>(
        &mut self,
        of_order: &'a str,
    ) -> Result<(u64, &'a str), super::Breach> {
        let Some((Ok(order), what)) =
            of_order.split_once('-').map(|(order, what)| (order.parse::<u64>(), what))
        else {
            return broken("I2", format!("REOPEN-{of_order} is no reference"));
        };
        let stands = !self.order(order)?.cancelled;
        must(stands, "I7", || format!("order {order} is cancelled, and its things go"))?;
        Ok((order, what.split('/').next().unwrap_or(what)))
    }

    /// The till's book has a new line.
    pub(super) fn went_again(&mut self, of_order: &str, customer: u64, points: i64) -> Verdict {
        let (_, code) = self.going_again(of_order)?;
        let wish = self.wish(code)?;
        wish.reverted += points;
        let left = wish.reverted;
        let as_asked = (wish.customer, -wish.points) == (customer, points);
        must(left >= 0, "I3", || format!("{code} was taken again twice"))?;
        must(as_asked, "I1", || format!("{code}: {points} of customer {customer} went again"))
    }

    /// The book of credit has.
    pub(super) fn credit_went_again(
        &mut self,
        of_order: &str,
        customer: u64,
        minor: i64,
    ) -> Verdict {
        let (order, _) = self.going_again(of_order)?;
        let own = self.own(order)?;
        own.back += minor;
        let as_asked = own.customer == customer && -own.spent == minor;
        let left = own.back;
        must(left >= 0, "I3", || format!("the credit of order {order} was taken again twice"))?;
        must(as_asked, "I1", || format!("order {order}: {minor} of customer {customer} went"))
    }

    /// Somebody is told how it ended: each thing is gone whole, or is still there.
    pub(super) fn taken_again(&mut self, order: u64, codes: &[String], done: bool) -> Verdict {
        must(done, "I7", || format!("order {order}: taking again failed without a cause"))?;
        for code in codes {
            let wish = self.wish(code)?;
            let whole = wish.reverted == 0 || wish.reverted == wish.points;
            must(whole, "I7", || format!("a part of {code} was taken again"))?;
        }
        Ok(())
    }

    /// Of this coupon's points, what went again: below zero.
    pub(super) fn gone_again(&self, code: &str) -> i64 {
        let of = |reference: &str| {
            let what = reference.strip_prefix("REOPEN-")?.split_once('-')?.1;
            what.split('/').next().filter(|what| *what == code).map(drop)
        };
        self.till.iter().filter_map(|(reference, points)| of(reference).map(|()| *points)).sum()
    }
}
