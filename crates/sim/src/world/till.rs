//! The till: balances, movements by reference, and keys where it keeps them.

use super::{Late, WINDOW, WINDOW_SLACK, World};
use crate::{diary::Entry, shared::Shared};
use async_trait::async_trait;
use domain::{At, Points, PosId, Reference, Refusal, effect::Moved};
use engine::ports::{Answer, Movement, PointsBook, PointsOrder, Recovery, Why};
use std::{collections::BTreeMap, time::Duration};

#[derive(Debug, Default)]
pub struct Till {
    pub balances: BTreeMap<u64, i64>,
    /// Under each reference: points, balance after, when.
    pub movements: BTreeMap<String, Vec<(i64, i64, At)>>,
    /// It keeps keys, with the answer that each got: whether it was applied.
    pub keyed: bool,
    kept: BTreeMap<String, (bool, At)>,
    /// It keeps keys of what it did, and none of what it refused.
    forgets_refusals: bool,
}

impl Till {
    pub fn new(balances: BTreeMap<u64, i64>, keyed: bool) -> Self {
        Self { balances, keyed, ..Self::default() }
    }

    /// From now on it keeps keys, but forgets its refusals.
    pub fn keep_only_successes(&mut self) {
        (self.keyed, self.forgets_refusals) = (true, true);
    }

    /// Moves points, signed; the reference is the key as well.
    pub fn move_points(
        &mut self,
        shared: &Shared,
        now: At,
        customer: u64,
        points: i64,
        reference: &str,
    ) -> Answer<Moved> {
        if self.keyed
            && let Some((applied, at)) = self.kept.get(reference)
            && now.since(*at) <= WINDOW + WINDOW_SLACK
        {
            return if *applied { Answer::Done(Moved::default()) } else { short() };
        }
        let Some(balance) = self.balances.get_mut(&customer) else {
            return Answer::Refused(Refusal::UnknownCustomer);
        };
        let before = *balance;
        let after = before + points;
        if self.keyed && (after >= 0 || !self.forgets_refusals) {
            self.kept.insert(reference.to_owned(), (after >= 0, now));
        }
        if after < 0 {
            return short();
        }
        *balance = after;
        self.movements.entry(reference.to_owned()).or_default().push((points, after, now));
        let reference = reference.to_owned();
        shared.note(Entry::Moved { reference, customer, points, balance: after });
        Answer::Done(Moved {
            before: Points::new(before),
            after: Points::new(after),
            honoured: None,
        })
    }
}

fn short() -> Answer<Moved> {
    Answer::Refused(Refusal::InsufficientPoints)
}

/// Customers carry the same number everywhere in the simulator.
pub fn number(customer: &PosId) -> u64 {
    customer.as_str().parse().unwrap_or(0)
}

impl World {
    async fn move_points(
        &self,
        name: &'static str,
        order: PointsOrder<'_>,
        points: i64,
        limit: Duration,
    ) -> Answer<Moved> {
        let (customer, reference) = (number(order.customer), order.reference.as_str());
        let late = Late::Move { customer, points, reference: reference.to_owned() };
        let shared = &self.shared;
        self.call(name, limit, Some(late), |books| {
            books.till.move_points(shared, shared.now(), customer, points, reference)
        })
        .await
    }
}

#[async_trait]
impl PointsBook for World {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points> {
        let customer = number(customer);
        self.call("balance", limit, None, |books| {
            let balance = books.till.balances.get(&customer).copied().unwrap_or(0);
            Points::new(balance).map_or(Answer::Unknown(Why::Unreadable), Answer::Done)
        })
        .await
    }

    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        let points = -order.points.get();
        self.move_points("deduct", order, points, limit).await
    }

    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved> {
        let points = order.points.get();
        self.move_points("add", order, points, limit).await
    }

    /// Its history shows a movement only after a while.
    async fn find(
        &self,
        _: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>> {
        let shown_until = At(self.shared.now().0 - micros(self.shared.swarm.history_lag));
        self.call("find", limit, None, |books| {
            let found = books.till.movements.get(reference.as_str()).into_iter().flatten();
            let shown = found.filter(|(_, _, at)| *at <= shown_until);
            let movement = |(points, balance, _): &(i64, i64, At)| Movement {
                points: *points,
                balance: Points::new(*balance),
                honoured: None,
            };
            Answer::Done(shown.map(movement).collect())
        })
        .await
    }

    fn recovery(&self) -> Recovery {
        self.recovery
    }
}

pub fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}
