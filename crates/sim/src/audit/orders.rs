//! What may come back with an order: each coupon's points once, each credit once, by whomever.

use super::{Auditor, Breach, Verdict, broken, must};
use crate::diary::Word;

#[derive(Debug, Default)]
pub(super) struct Order {
    pub cancelled: bool,
    /// Paid with store credit; what Shopify gave back of it, and what Kaeru did.
    credit: i64,
    by_shopify: i64,
    by_kaeru: i64,
    earned_taken: i64,
}

impl Order {
    pub fn of(credit: i64) -> Self {
        Self { credit, ..Self::default() }
    }
}

/// What a reversal promised.
#[derive(Clone, Debug)]
pub(super) struct Reverting {
    pub order: u64,
    pub code: String,
    pub credit: bool,
    pub earned: i64,
    pub cancels: bool,
}

impl Auditor {
    pub(super) fn order(&mut self, order: u64) -> Result<&mut Order, Breach> {
        match self.orders.get_mut(&order) {
            Some(order) => Ok(order),
            None => broken("I2", format!("there is no order {order}")),
        }
    }

    pub(super) fn reverting(&mut self, flow: u128, asked: Reverting) -> Verdict {
        let again = self.flows.values().any(|other| {
            other.word != Word::Failed
                && other.reverts.as_ref().is_some_and(|of| of.order == asked.order)
        });
        must(!again, "I3", || format!("order {} is given back twice", asked.order))?;
        let code = asked.code.clone();
        let wish = self.wish(&code)?;
        must(wish.redeemed, "I2", || format!("{code} comes back, and no order used it"))?;
        self.open(flow, &code, None, Some(asked))
    }

    /// Nothing moves for an order that is still to be cancelled.
    fn may_move(&mut self, order: u64) -> Verdict {
        let cancelled = self.order(order)?.cancelled;
        must(cancelled, "I7", || format!("order {order} lives, and its things come back"))
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
        if what == "EARNED" {
            let books = self.order(order)?;
            books.earned_taken -= points;
            let once = books.earned_taken == -points && points < 0;
            return must(once, "I3", || format!("what order {order} earned was taken twice"));
        }
        let wish = self.wish(what)?;
        wish.reverted += 1;
        must(wish.reverted == 1, "I3", || format!("{what} came back with its order twice"))?;
        must(wish.refunds == 0, "I3", || format!("{what} was refunded, and came back again"))?;
        let as_asked = (wish.customer, wish.points) == (customer, points) && wish.deductions == 1;
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
        if by_shopify { Ok(()) } else { self.may_move(order) }
    }

    /// Somebody is told how a reversal ended.
    pub(super) fn reverted(&mut self, asked: &Reverting, done: bool) -> Verdict {
        let points_back = self.wish(&asked.code)?.reverted;
        let number = asked.order;
        let order = self.order(number)?;
        if !done {
            let nothing = points_back == 0 && order.by_kaeru == 0 && order.earned_taken == 0;
            must(asked.cancels, "I7", || format!("order {number}: failed without a cause"))?;
            return must(nothing, "I7", || format!("order {number}: failed, and things moved"));
        }
        let back = order.by_shopify + order.by_kaeru;
        must(!asked.credit || back == order.credit, "I7", || {
            format!("order {number} is done, and only {back} of {} is back", order.credit)
        })?;
        must(points_back == 1, "I7", || format!("order {number} is done without its points"))
    }

    /// At the end: nothing came back that nobody promised.
    pub(super) fn orders_agree(&self) -> Verdict {
        for (number, order) in &self.orders {
            let promised = self.flows.values().find_map(|flow| {
                let asked = flow.reverts.as_ref().filter(|asked| asked.order == *number)?;
                (flow.word == Word::Done).then_some(asked)
            });
            let earned = promised.map_or(0, |asked| asked.earned);
            let taken = order.earned_taken == 0 || order.earned_taken == earned;
            must(taken, "I2", || format!("order {number}: {} taken back", order.earned_taken))?;
            let credit = order.by_kaeru == 0 || promised.is_some_and(|asked| asked.credit);
            must(credit, "I2", || format!("order {number}: credit that nobody promised"))?;
        }
        for (code, wish) in &self.wishes {
            let promised = self.flows.values().any(|flow| {
                let asked = flow.reverts.as_ref();
                asked.is_some_and(|of| of.code == *code) && flow.word == Word::Done
            });
            must(wish.reverted == u32::from(promised), "I2", || {
                format!("{code} came back {} times with its order", wish.reverted)
            })?;
        }
        Ok(())
    }
}
