//! What may come back with an order: each coupon's points once, each credit once, by whomever; in
//! parts as at once.

use super::{Auditor, Breach, Verdict, broken, must};
use crate::diary::Word;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(super) struct Order {
    pub cancelled: bool,
    /// Paid with store credit; what Shopify gave back of it, and what Kaeru did.
    credit: i64,
    by_shopify: i64,
    by_kaeru: i64,
    pieces: i64,
    pub refunded: i64,
    earned: i64,
    earned_taken: i64,
    /// New coupons that reversals have promised.
    pub promised: BTreeMap<u128, String>,
}

impl Order {
    pub fn of(credit: i64, pieces: i64, earned: i64) -> Self {
        Self { credit, pieces, earned, ..Self::default() }
    }

    /// Of so many points, what may have come back by now: whatever the parts, as at once.
    const fn allowed(&self, points: i64) -> i64 {
        if self.cancelled { points } else { points * self.refunded / self.pieces }
    }
}

/// What a reversal promised.
#[derive(Clone, Debug)]
pub(super) struct Reverting {
    pub order: u64,
    pub code: String,
    pub credit: bool,
    pub points: i64,
    pub earned: i64,
    pub cancels: bool,
    /// The new coupon that comes back instead of points.
    pub replacement: Option<String>,
    /// The order stands: a part of it.
    pub refunds: bool,
    /// Of the coupon and of what the order earned, what had been moved before.
    pub before: (i64, i64),
}

impl Auditor {
    pub(super) fn order(&mut self, order: u64) -> Result<&mut Order, Breach> {
        match self.orders.get_mut(&order) {
            Some(order) => Ok(order),
            None => broken("I2", format!("there is no order {order}")),
        }
    }

    pub(super) fn reverting(&mut self, flow: u128, mut asked: Reverting) -> Verdict {
        asked.replacement = self.order(asked.order)?.promised.get(&flow).cloned();
        let again = self.flows.values().any(|other| {
            let whole = |of: &&Reverting| {
                let freed = of.replacement.as_deref().is_some_and(|new| self.not_replaced(new));
                of.order == asked.order && !of.refunds && !freed
            };
            other.word != Word::Failed && other.reverts.as_ref().filter(whole).is_some()
        });
        asked.before.1 = self.order(asked.order)?.earned_taken;
        must(!again, "I3", || format!("order {} is given back twice", asked.order))?;
        let code = asked.code.clone();
        let wish = self.wish(&code)?;
        must(wish.redeemed, "I2", || format!("{code} comes back, and no order used it"))?;
        asked.before.0 = wish.reverted;
        self.open(flow, &code, None, Some(asked))
    }

    /// Nothing moves for an order that is still to be cancelled, and of which nothing was refunded.
    fn may_move(&mut self, order: u64) -> Verdict {
        let of = self.order(order)?;
        must(of.cancelled || of.refunded > 0, "I7", || {
            format!("order {order} lives, and its things come back")
        })
    }

    /// `of_order`: a reference without its first word.
    pub(super) fn reversal_sent(&mut self, of_order: &str) -> Verdict {
        match of_order.split_once('-').map(|(order, _)| order.parse()) {
            Some(Ok(order)) => self.may_move(order),
            _ => broken("I2", format!("ORDER-{of_order} is nothing that is ever sent")),
        }
    }

    /// The till's book has a new line for an order.
    pub(super) fn came_back(&mut self, of_order: &str, customer: u64, points: i64) -> Verdict {
        let Some((Ok(order), what)) =
            of_order.split_once('-').map(|(order, what)| (order.parse(), what))
        else {
            return broken("I2", format!("ORDER-{of_order} is no reference"));
        };
        self.may_move(order)?;
        let what = what.split('/').next().unwrap_or(what);
        let books = self.order(order)?;
        if what == "EARNED" {
            books.earned_taken -= points;
            let (taken, most) = (books.earned_taken, books.allowed(books.earned));
            let once = points < 0 && taken <= most;
            return must(once, "I3", || {
                format!("order {order}: {taken} of what it earned were taken, {most} may be")
            });
        }
        self.not_beside_a_coupon(what)?;
        let wish = self.wishes.get(what).map_or(0, |wish| wish.points);
        let most = self.order(order)?.allowed(wish);
        let wish = self.wish(what)?;
        wish.reverted += points;
        let back = wish.reverted;
        must(back <= most, "I3", || format!("{back} of {what} came back, {most} may"))?;
        must(wish.refunds == 0, "I3", || format!("{what} was refunded, and came back again"))?;
        let as_asked = wish.customer == customer && points > 0 && wish.paid() == 1;
        must(as_asked, "I1", || format!("{what}: {points} of customer {customer} came back"))
    }

    pub(super) fn credited(&mut self, order: u64, minor: i64, by_shopify: bool) -> Verdict {
        let books = self.order(order)?;
        if by_shopify {
            books.by_shopify += minor;
        } else {
            books.by_kaeru += minor;
        }
        let (back, paid) = (books.by_shopify + books.by_kaeru, books.credit);
        must(back <= paid, "I3", || {
            format!("{back} of order {order} came back, {paid} were paid with credit")
        })?;
        let cancelled = books.cancelled;
        must(by_shopify || cancelled, "I7", || format!("order {order} lives, its credit is back"))
    }

    /// Somebody is told how a reversal ended.
    pub(super) fn reverted(&mut self, asked: &Reverting, done: bool) -> Verdict {
        let points_back = self.wish(&asked.code)?.reverted;
        let whole = self.wish(&asked.code)?.points;
        let (points, earned) = asked.before;
        let number = asked.order;
        let order = self.order(number)?;
        if !done {
            let before = (points_back, order.earned_taken) == asked.before;
            let nothing = before && order.by_kaeru == 0;
            must(asked.cancels, "I7", || format!("order {number}: failed without a cause"))?;
            return must(nothing, "I7", || format!("order {number}: failed, and things moved"));
        }
        let back = order.by_shopify + order.by_kaeru;
        must(!asked.credit || back == order.credit, "I7", || {
            format!("order {number} is done, and only {back} of {} is back", order.credit)
        })?;
        let taken = order.earned_taken - earned;
        must(taken == 0 || taken == asked.earned, "I7", || {
            format!("order {number}: {taken} of what it earned were taken, not {}", asked.earned)
        })?;
        let all = asked.refunds || asked.replacement.is_some() || points_back == whole;
        must(all && points_back == points + asked.points, "I7", || {
            format!("order {number} is done, and {points_back} of its {whole} points are back")
        })
    }

    /// Refunded in parts is refunded at once: nothing more, and nothing less.
    pub(super) fn nothing_due(&mut self, order: u64, code: &str) -> Verdict {
        let points = self.wish(code)?.points;
        let due = self.order(order)?.allowed(points);
        let back = self.wish(code)?.reverted;
        must(back == due, "I2", || {
            format!("{back} of {code} came back in parts, at once it were {due}")
        })
    }

    /// At the end: nothing came back that nobody promised.
    pub(super) fn orders_agree(&self) -> Verdict {
        for (number, order) in &self.orders {
            let promised = || {
                let done = self.flows.values().filter(|flow| flow.word == Word::Done);
                done.filter_map(|flow| flow.reverts.as_ref()).filter(|of| of.order == *number)
            };
            let earned: i64 = promised().map(|asked| asked.earned).sum();
            let taken = order.earned_taken <= earned;
            must(taken, "I2", || format!("order {number}: {} taken back", order.earned_taken))?;
            let credit = order.by_kaeru == 0 || promised().any(|asked| asked.credit);
            must(credit, "I2", || format!("order {number}: credit that nobody promised"))?;
        }
        for (code, wish) in &self.wishes {
            let done = self.flows.values().filter(|flow| flow.word == Word::Done);
            let asked = done.filter_map(|flow| flow.reverts.as_ref());
            let promised: i64 = asked.filter(|of| of.code == *code).map(|of| of.points).sum();
            let promised = promised + self.own_promised(code);
            must(wish.reverted == promised, "I2", || {
                format!("{} of {code} came back with its order", wish.reverted)
            })?;
        }
        Ok(())
    }
}
