//! Who waits to be written, and who goes with the next call.

use super::{Ask, MOST_CUSTOMERS};
use domain::CustomerId;
use std::{
    collections::{HashMap, HashSet, VecDeque},
    time::Duration,
};
use tokio::time::Instant;

/// What of its time an ask may wait for others.
const SHARE_OF_TIME: f64 = 0.6;

/// One customer's part of a batch.
pub struct Share {
    pub customer: CustomerId,
    /// In the order in which they came.
    pub asks: Vec<Ask>,
}

/// Asks by customer, in the order in which the customers came.
#[derive(Default)]
pub struct Gather {
    waiting: HashMap<CustomerId, Waiting>,
    /// Those of them who are in no call just now.
    free: VecDeque<CustomerId>,
    in_call: HashSet<CustomerId>,
}

struct Waiting {
    asks: Vec<Ask>,
    since: Instant,
    /// The rest of the first one's time is for the call itself.
    at_latest: Instant,
}

impl Gather {
    pub fn add(&mut self, ask: Ask, now: Instant) {
        let customer = ask.customer;
        let at_latest = now + ask.until.left_at(now).mul_f64(SHARE_OF_TIME);
        if let Some(waiting) = self.waiting.get_mut(&customer) {
            waiting.at_latest = waiting.at_latest.min(at_latest);
            waiting.asks.push(ask);
            return;
        }
        self.waiting.insert(customer, Waiting { asks: vec![ask], since: now, at_latest });
        if !self.in_call.contains(&customer) {
            self.free.push_back(customer);
        }
    }

    /// The next batch, where one is full or somebody has waited long enough. Its customers are in a
    /// call until they are released.
    pub fn ripe(&mut self, now: Instant, linger: Duration) -> Option<Vec<Share>> {
        let full = self.free.len() >= MOST_CUSTOMERS;
        if !full && self.due(linger).is_none_or(|due| due > now) {
            return None;
        }
        let count = self.free.len().min(MOST_CUSTOMERS);
        let shares = self.free.drain(..count).filter_map(|customer| {
            let asks = self.waiting.remove(&customer)?.asks;
            self.in_call.insert(customer);
            Some(Share { customer, asks })
        });
        Some(shares.collect())
    }

    /// When somebody will have waited long enough.
    pub fn due(&self, linger: Duration) -> Option<Instant> {
        let first = self.free.iter().take(MOST_CUSTOMERS);
        let waiting = first.filter_map(|customer| self.waiting.get(customer));
        waiting.map(|waiting| (waiting.since + linger).min(waiting.at_latest)).min()
    }

    /// Nobody who could go now waits for others.
    pub fn hurry(&mut self, now: Instant) {
        for customer in &self.free {
            if let Some(waiting) = self.waiting.get_mut(customer) {
                waiting.at_latest = now;
            }
        }
    }

    pub fn release(&mut self, customers: Vec<CustomerId>) {
        for customer in customers {
            self.in_call.remove(&customer);
            if self.waiting.contains_key(&customer) {
                self.free.push_back(customer);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        http_client::Deadline,
        shopify::{
            metafield::Entry,
            tests::{issued, terms},
        },
    };
    use domain::NodeId;
    use std::sync::Arc;
    use tokio::sync::oneshot;

    const LINGER: Duration = Duration::from_millis(100);

    fn ask(customer: u64, limit: Duration) -> Ask {
        let entry = Entry::new(&issued(&terms(), NodeId(1)));
        Ask {
            customer: CustomerId(customer),
            entry,
            until: Deadline::after(limit),
            stale: 0,
            claim: Arc::default(),
            verdict: oneshot::channel().0,
        }
    }

    fn sizes(batch: Option<Vec<Share>>) -> Vec<(u64, usize)> {
        let shares = batch.into_iter().flatten();
        shares.map(|share| (share.customer.0, share.asks.len())).collect()
    }

    fn gather(customers: impl IntoIterator<Item = u64>, now: Instant) -> Gather {
        let mut gather = Gather::default();
        for customer in customers {
            gather.add(ask(customer, Duration::from_secs(5)), now);
        }
        gather
    }

    #[test]
    fn a_batch_goes_when_it_is_full_or_has_waited() {
        let now = Instant::now();
        let soon = now + Duration::from_millis(99);
        for (customers, at, taken, left) in [
            (0, now + LINGER, 0, 0),
            (1, soon, 0, 1),
            (1, now + LINGER, 1, 0),
            (24, soon, 0, 24),
            (24, now + LINGER, 24, 0),
            (25, now, 25, 0),
            (26, now, 25, 1),
            (60, now, 25, 35),
        ] {
            let mut gather = gather(1..=customers, now);
            assert_eq!(sizes(gather.ripe(at, LINGER)).len(), taken, "{customers}");
            assert_eq!(gather.free.len(), left, "{customers}");
        }
    }

    #[test]
    fn a_customer_is_in_one_call_at_a_time() {
        let now = Instant::now();
        let mut gather = gather([7, 8, 7], now);
        assert_eq!(sizes(gather.ripe(now + LINGER, LINGER)), [(7, 2), (8, 1)]);
        for customer in [8, 7, 9, 7] {
            gather.add(ask(customer, Duration::from_secs(5)), now);
        }
        assert_eq!(sizes(gather.ripe(now + LINGER, LINGER)), [(9, 1)]);
        assert_eq!(gather.due(LINGER), None);
        gather.release(vec![CustomerId(7), CustomerId(8)]);
        assert_eq!(sizes(gather.ripe(now + LINGER, LINGER)), [(7, 2), (8, 1)]);
    }

    #[test]
    fn nobody_waits_for_others_until_it_is_too_late() {
        let now = Instant::now();
        let mut gather = gather([7], now);
        let linger = Duration::from_secs(4);
        let due_s = |gather: &Gather| (gather.due(linger).unwrap() - now).as_secs_f64();
        assert!((2.99..3.5).contains(&due_s(&gather)), "{}", due_s(&gather));
        gather.add(ask(8, Duration::from_secs(2)), now);
        assert!((1.19..1.5).contains(&due_s(&gather)), "{}", due_s(&gather));
    }

    #[test]
    fn who_is_hurried_waits_for_nobody() {
        let now = Instant::now();
        let mut gather = gather([7, 8], now);
        gather.hurry(now);
        assert_eq!(sizes(gather.ripe(now, LINGER)), [(7, 1), (8, 1)]);
        gather.add(ask(9, Duration::from_secs(5)), now);
        assert_eq!(sizes(gather.ripe(now, LINGER)), []);
    }
}
