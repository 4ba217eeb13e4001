//! What the till's and Shopify's books may say at any moment.

use super::{Auditor, Verdict, broken, must};
use crate::diary::Word;

impl Auditor {
    /// A movement left for the till.
    pub(super) fn sent(&mut self, reference: &str) -> Verdict {
        let keyed = self.keyed;
        if let Some(code) = reference.strip_prefix("COUPON-") {
            let wish = self.wish(code)?;
            wish.deductions_sent += 1;
            let blindly = wish.deductions_sent > 1 && !keyed;
            must(!blindly, "I3", || format!("{reference} was sent again blindly"))
        } else if let Some(code) = reference.strip_prefix("CANCEL-") {
            let wish = self.wish(code)?;
            must(!wish.alive, "I4", || format!("{reference} was sent while the code lives"))?;
            let known = wish.redeemed && wish.heard && !wish.blind;
            must(!known, "I4", || format!("{reference} was sent, and its use had been heard of"))
        } else if let Some(of_order) = reference.strip_prefix("ORDER-") {
            self.reversal_sent(of_order)
        } else if let Some(order) = reference.strip_prefix("CREDIT-") {
            self.own_sent(order)
        } else if let Some(of_order) = reference.strip_prefix("REOPEN-") {
            self.going_again(of_order).map(drop)
        } else {
            broken("I2", format!("{reference} is nothing that is ever sent"))
        }
    }

    /// The till's book has a new line.
    pub(super) fn moved(
        &mut self,
        reference: &str,
        customer: u64,
        points: i64,
        balance: i64,
    ) -> Verdict {
        let sum = self.balances.entry(customer).or_default();
        *sum += points;
        must(*sum == balance && balance >= 0, "I1", || {
            format!("customer {customer} has {balance} after {reference}")
        })?;
        *self.till.entry(reference.to_owned()).or_default() += points;
        if let Some(code) = reference.strip_prefix("COUPON-") {
            self.deducted(code, customer, points)
        } else if let Some(code) = reference.strip_prefix("CANCEL-") {
            self.refunded(code, customer, points)
        } else if let Some(of_order) = reference.strip_prefix("ORDER-") {
            self.came_back(of_order, customer, points)
        } else if let Some(of_order) = reference.strip_prefix("REOPEN-") {
            self.went_again(of_order, customer, points)
        } else {
            must(reference.starts_with("SPEND-"), "I2", || format!("{reference} is no reference"))
        }
    }

    fn deducted(&mut self, code: &str, customer: u64, points: i64) -> Verdict {
        let wish = self.wish(code)?;
        wish.deductions += 1;
        must(wish.replaces.is_none(), "I2", || format!("{code} was paid for once more"))?;
        must(wish.deductions == 1, "I3", || format!("{code} was deducted twice"))?;
        let as_asked = (wish.customer, -wish.points) == (customer, points);
        must(as_asked, "I1", || format!("{code}: {points} of customer {customer} were moved"))?;
        let (key, day, flow) = (wish.key, wish.day, wish.flow);
        let paid = self.keys.entry(key).or_default();
        *paid += 1;
        must(*paid == 1, "I3", || format!("key {key} was deducted twice"))?;
        let today = self.days.entry((customer, day)).or_default();
        *today -= points;
        let (today, limit) = (*today, self.daily_limit);
        must(today <= limit, "I1", || {
            format!("customer {customer} converted {today} on day {day}, the limit is {limit}")
        })?;
        match flow.and_then(|flow| self.flows.get(&flow)) {
            Some(flow) if flow.word == Word::Failed => {
                broken("I7", format!("{code} was deducted after «failed»"))
            }
            Some(_) => Ok(()),
            None => broken("I2", format!("{code} was deducted, and no flow of it was begun")),
        }
    }

    fn refunded(&mut self, code: &str, customer: u64, points: i64) -> Verdict {
        self.not_beside_a_coupon(code)?;
        let wish = self.wish(code)?;
        wish.refunds += 1;
        must(wish.refunds == 1, "I3", || format!("{code} was refunded twice"))?;
        let as_asked = (wish.customer, wish.points) == (customer, points);
        must(as_asked, "I1", || format!("{code}: {points} of customer {customer} came back"))?;
        must(wish.paid() == 1, "I2", || format!("{code} was refunded and never paid"))?;
        must(wish.reverted == 0, "I3", || format!("{code} had come back with its order"))?;
        must(!wish.alive, "I4", || format!("{code} was refunded while it lives"))?;
        must(wish.counted_in.is_none(), "I4", || format!("{code} was used and refunded"))?;
        must(!wish.redeemed || wish.blind, "I4", || format!("{code} was used and refunded"))
    }

    pub(super) fn created(&mut self, code: &str, ends_at: i64) -> Verdict {
        let wish = self.wish(code)?;
        (wish.created, wish.alive) = (true, true);
        must(wish.ends_at == ends_at, "I7", || format!("{code} ends when it should not"))?;
        must(wish.refunds == 0, "I4", || format!("{code} was refunded and is created again"))?;
        self.replaced(code)
    }

    pub(super) fn revived(&mut self, code: &str, ends_at: i64) -> Verdict {
        let wish = self.wish(code)?;
        wish.alive = true;
        must(wish.ends_at == ends_at, "I7", || format!("{code} came back without its old end"))?;
        must(wish.counted_in.is_none(), "I4", || format!("{code} was used, and lives again"))?;
        must(wish.refunds == 0, "I4", || format!("{code} was refunded and lives again"))
    }

    /// The sim's customers use only codes that they were shown.
    pub(super) fn redeemed(&mut self, code: &str) -> Verdict {
        let wish = self.wish(code)?;
        wish.redeemed = true;
        must(wish.refunds == 0, "I4", || format!("{code} was refunded and then used"))?;
        must(wish.counted_in.is_none(), "I4", || format!("{code} is used in two places"))?;
        must(wish.paid() == 1, "I2", || format!("{code} was used and never paid"))?;
        must(!wish.held, "I7", || format!("{code} was used while it was held"))
    }
}
