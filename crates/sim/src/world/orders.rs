//! Shopify's orders: cancelled by a job that may fail, credits given back by Shopify itself or by
//! Kaeru, which carry no reference. Each order's credit has an amount of its own (its thousands),
//! so that the books can tell what came back of which.

use super::{Books, Late, World, till::micros};
use crate::{diary::Entry, shared::Shared};
use async_trait::async_trait;
use domain::{At, OrderId, Refusal, reversal::Cancel};
use engine::ports::{Answer, Credit, CreditOrder, Orders, Progress};
use std::{collections::BTreeMap, time::Duration};

/// An order's credit is its number times this, and a half: parts of it stay with the same number.
pub const SPACE: i64 = 1_000;
/// How many pieces an order has: no coupon's points can be divided by them.
const PIECES: [i64; 3] = [3, 7, 11];
/// What some orders earn.
const EARNED: i64 = 30;
/// How long Shopify takes to cancel an order, in seconds.
const JOB_S: [u64; 4] = [0, 1, 3, 90];
/// How long after that it gives store credit back by itself, in seconds.
const REVERT_S: [u64; 3] = [0, 2, 20];
/// For so long after the cancellation Shopify's own reverts are waited for.
pub const REVERTS_WITHIN: Duration = Duration::from_secs(40);

#[derive(Clone, Debug)]
pub struct Order {
    pub customer: u64,
    /// Paid with store credit, in minor units; the payment has the order's number.
    pub credit: i64,
    pub pieces: i64,
    /// Pieces of each refund, oldest first.
    pub refunds: Vec<i64>,
    /// Points that the till granted for it.
    pub earned: i64,
    pub cancelled: bool,
    pub cancelled_at: At,
    /// Shopify is cancelling it: until when, and whether it will come to that.
    job: Option<(At, bool)>,
    /// When Shopify gives back what it gives back by itself.
    reverts_at: Option<At>,
    /// What Shopify gives back by itself once it is cancelled.
    by_itself: i64,
    reverted: i64,
}

#[derive(Debug, Default)]
pub struct OrderBooks {
    pub orders: BTreeMap<u64, Order>,
    credits: Vec<(u64, Credit)>,
}

/// The order that a credit of that amount belongs to.
pub fn number_of(minor: i64) -> u64 {
    u64::try_from(minor / SPACE).unwrap_or(0)
}

fn number(order: &OrderId) -> u64 {
    order.as_str().parse().unwrap_or(0)
}

impl Order {
    pub fn refunded(&self) -> i64 {
        self.refunds.iter().sum()
    }
}

impl OrderBooks {
    pub fn place(&mut self, shared: &Shared, order: u64, customer: u64, credit: bool) {
        let credit = if credit { i64::try_from(order).unwrap_or(0) * SPACE + SPACE / 2 } else { 0 };
        let pieces = shared.chance.one_of(&PIECES);
        let earned = if order.is_multiple_of(3) { EARNED } else { 0 };
        let by_itself = shared.chance.one_of(&[0, 0, credit, credit.min(100)]);
        let placed = Order {
            customer,
            credit,
            pieces,
            refunds: vec![],
            earned,
            cancelled: false,
            cancelled_at: At(0),
            job: None,
            reverts_at: None,
            by_itself,
            reverted: 0,
        };
        self.orders.insert(order, placed);
        shared.note(Entry::Ordered { order, customer, credit, pieces, earned });
    }

    /// Some of the pieces that are left are refunded, while the order stands.
    pub fn refund(&mut self, shared: &Shared, order: u64) {
        let Some(found) = self.orders.get_mut(&order) else { return };
        let left = found.pieces - found.refunded();
        if found.cancelled || left == 0 {
            return;
        }
        let most = u64::try_from(left).unwrap_or(1);
        let pieces = 1 + i64::try_from(shared.chance.below(most)).unwrap_or(0);
        found.refunds.push(pieces);
        shared.note(Entry::Refunded { order, pieces });
    }

    pub fn begin_job(&mut self, shared: &Shared, order: u64) {
        let Some(found) = self.orders.get_mut(&order) else { return };
        if !found.cancelled && found.job.is_none() {
            let delay = Duration::from_secs(shared.chance.one_of(&JOB_S));
            found.job = Some((shared.now().plus(delay), !shared.chance.one_in(12)));
        }
    }

    /// Jobs whose time has come end, and Shopify gives back what it gives back by itself.
    pub fn work(&mut self, shared: &Shared) {
        for (number, order) in &mut self.orders {
            if let Some((at, well)) = order.job.filter(|(at, _)| *at <= shared.now()) {
                order.job = None;
                if well {
                    order.cancelled = true;
                    order.cancelled_at = at;
                    shared.note(Entry::OrderCancelled { order: *number });
                    let delay = Duration::from_secs(shared.chance.one_of(&REVERT_S));
                    order.reverts_at = (order.by_itself > 0).then(|| at.plus(delay));
                }
            }
            if order.reverts_at.is_some_and(|at| at <= shared.now()) {
                order.reverts_at = None;
                order.reverted = order.by_itself;
                let (order, minor) = (*number, order.by_itself);
                shared.note(Entry::Credited { order, minor, by_shopify: true });
            }
        }
    }

    pub fn credit(
        &mut self,
        shared: &Shared,
        at: At,
        customer: u64,
        minor: i64,
        expires_at: Option<At>,
    ) -> Credit {
        let transaction = self.credits.len() as u64 + 1;
        let expires_at = expires_at.map(At::floor_second);
        let credit = Credit { transaction, minor, expires_at, at };
        self.credits.push((customer, credit));
        shared.note(Entry::Credited { order: number_of(minor), minor, by_shopify: false });
        credit
    }

    /// Whether Kaeru's credit for that order was given.
    pub fn was_credited(&self, order: u64) -> bool {
        self.credits.iter().any(|(_, credit)| number_of(credit.minor) == order)
    }
}

#[async_trait]
impl Orders for World {
    async fn cancel(&self, order: &OrderId, _: &Cancel, limit: Duration) -> Answer<Option<String>> {
        let (shared, order) = (&self.shared, number(order));
        self.call("cancel order", limit, Some(Late::CancelOrder { order }), |books| {
            books.orders.begin_job(shared, order);
            Answer::Done(Some(format!("job-{order}")))
        })
        .await
    }

    async fn progress(
        &self,
        order: &OrderId,
        job: Option<&str>,
        limit: Duration,
    ) -> Answer<Progress> {
        let (shared, order) = (&self.shared, number(order));
        self.call("progress", limit, None, |books| {
            books.orders.work(shared);
            Answer::Done(match books.orders.orders.get(&order) {
                Some(found) if found.cancelled => Progress::Cancelled,
                Some(found) if found.job.is_none() && job.is_some() => Progress::Failed,
                _ => Progress::Working,
            })
        })
        .await
    }

    async fn reverted(&self, order: &OrderId, limit: Duration) -> Answer<Vec<(u64, i64)>> {
        let (shared, number) = (&self.shared, number(order));
        self.call("reverted", limit, None, |books| {
            books.orders.work(shared);
            let found = books.orders.orders.get(&number);
            let back = found.map(|found| (number, found.reverted)).filter(|back| back.1 > 0);
            Answer::Done(back.into_iter().collect())
        })
        .await
    }

    async fn credit(&self, order: CreditOrder, limit: Duration) -> Answer<Credit> {
        let (shared, customer) = (&self.shared, order.customer.0);
        let (minor, expires_at) = (order.amount.minor, order.expires_at);
        if expires_at.is_some_and(|at| at <= shared.now()) {
            return Answer::Refused(Refusal::Lapsed);
        }
        let late = Late::Credit { customer, minor, expires_at };
        self.call("credit", limit, Some(late), |books: &mut Books| {
            let now = shared.now();
            Answer::Done(books.orders.credit(shared, now, customer, minor, expires_at))
        })
        .await
    }

    /// Its list shows a credit only after a while.
    async fn credits(&self, like: CreditOrder, since: At, limit: Duration) -> Answer<Vec<Credit>> {
        let shown_until = At(self.shared.now().0 - micros(self.shared.swarm.history_lag));
        self.call("credits", limit, None, |books| {
            let of = books.orders.credits.iter().filter(|(of, _)| *of == like.customer.0);
            let seen = of.map(|(_, credit)| *credit);
            let seen = seen.filter(|credit| credit.at >= since && credit.at <= shown_until);
            Answer::Done(seen.collect())
        })
        .await
    }
}
