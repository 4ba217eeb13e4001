//! The store in memory: for the simulator's speed, and to say in plain code what the SQL must do.
//! It keeps nothing when the process ends, so no shop runs on it.

use crate::store::{Begun, Commit, Committed, Request, Row, Start, Store, StoreError};
use async_trait::async_trait;
use domain::{
    At, Code, Conversion, CustomerId, Fact, FlowId, NodeId, Points, Problem, Reference, ShopId,
    coupon::Status, effect::Reason,
};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

/// The whole content, readable by tests and by the simulator's auditor.
#[derive(Clone, Debug, Default)]
pub struct Books {
    pub flows: BTreeMap<FlowId, Row>,
    pub keys: BTreeMap<(ShopId, CustomerId, String), (FlowId, String)>,
    pub coupons: BTreeMap<(ShopId, Code), Coupon>,
    pub movements: BTreeMap<(ShopId, Reference), Movement>,
    pub accounts: BTreeMap<(ShopId, CustomerId), Account>,
    pub events: BTreeMap<(FlowId, i64), (At, &'static str)>,
    pub reviews: BTreeMap<(FlowId, Reason), bool>,
    pub alerts: Vec<(FlowId, Reason)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    pub status: Status,
    pub node: Option<NodeId>,
    pub flow: FlowId,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Movement {
    pub points: i64,
    pub balance: Option<Points>,
    pub flow: FlowId,
}

/// What a customer's open conversions and the day hold back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Account {
    pub day: Option<jiff::civil::Date>,
    pub day_points: i64,
    pub open_points: i64,
    pub doubts: i64,
}

#[derive(Debug, Default)]
pub struct MemoryStore {
    books: Mutex<Books>,
}

impl MemoryStore {
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn begin(&self, start: Start) -> Result<Begun, StoreError> {
        let books = &mut *self.books();
        let terms = &start.terms;
        let key = (terms.shop.clone(), terms.customer, start.request.key.clone());
        if let Some((id, fingerprint)) = books.keys.get(&key) {
            let same_request = *fingerprint == start.request.fingerprint;
            return Ok(Begun::Known { row: books.flows[id].clone(), same_request });
        }
        let coupon = (terms.shop.clone(), terms.code.clone());
        if books.coupons.contains_key(&coupon) {
            return Ok(Begun::CodeExists);
        }
        let account = books.accounts.entry((terms.shop.clone(), terms.customer)).or_default();
        if let Err(problem) = account.reserve(&start) {
            return Ok(Begun::Refused(problem));
        }
        let row = Row {
            id: start.id,
            conversion: Conversion::accept(start.terms, start.check),
            version: 1,
            epoch: 1,
            due_at: Some(start.lease_until),
            tries: 0,
        };
        books.keys.insert(key, (row.id, start.request.fingerprint));
        books.coupons.insert(coupon, Coupon { status: Status::Pending, node: None, flow: row.id });
        books.events.insert((row.id, 1), (start.now, "accepted"));
        books.flows.insert(row.id, row.clone());
        Ok(Begun::Started(row))
    }

    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError> {
        let books = &mut *self.books();
        let row = &commit.row;
        let Some(current) = books.flows.get_mut(&row.id) else {
            return Ok(Committed::LeaseLost);
        };
        if current.epoch != row.epoch || current.version != row.version - 1 {
            return Ok(Committed::LeaseLost);
        }
        *current = row.clone();
        books.events.insert((row.id, row.version), (commit.at, commit.event.name));
        for fact in &commit.facts {
            books.apply(row, fact);
        }
        Ok(Committed::Yes)
    }

    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError> {
        let books = &mut *self.books();
        let mut due: Vec<(At, FlowId)> = books
            .flows
            .values()
            .filter_map(|row| row.due_at.filter(|at| *at <= now).map(|at| (at, row.id)))
            .collect();
        due.sort_unstable();
        due.truncate(most);
        let claimed = due.into_iter().filter_map(|(_, id)| books.take(id, now, lease));
        Ok(claimed.collect())
    }

    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError> {
        Ok(self.books().take(id, now, lease))
    }

    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError> {
        Ok(self.books().flows.get(&id).cloned())
    }

    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError> {
        let books = self.books();
        let known = books.keys.get(&(shop.clone(), customer, request.key.clone()));
        Ok(known.map(|(id, fingerprint)| {
            (books.flows[id].clone(), *fingerprint == request.fingerprint)
        }))
    }
}

impl Books {
    fn take(&mut self, id: FlowId, now: At, lease: Duration) -> Option<Row> {
        let row = self.flows.get_mut(&id)?;
        row.epoch += 1;
        row.due_at = Some(now.plus(lease));
        Some(row.clone())
    }

    fn apply(&mut self, row: &Row, fact: &Fact) {
        let terms = &row.conversion.terms;
        let coupon = (terms.shop.clone(), terms.code.clone());
        let account = self.accounts.entry((terms.shop.clone(), terms.customer)).or_default();
        match fact {
            Fact::Issued { node } => {
                let issued = Coupon { status: Status::Active, node: Some(*node), flow: row.id };
                self.coupons.insert(coupon, issued);
            }
            Fact::Voided => {
                if let Some(coupon) = self.coupons.get_mut(&coupon) {
                    coupon.status = Status::Void;
                }
            }
            Fact::Moved { reference, points, balance } => {
                let movement = Movement { points: *points, balance: *balance, flow: row.id };
                let earlier =
                    self.movements.insert((terms.shop.clone(), reference.clone()), movement);
                assert!(earlier.is_none(), "the movement {reference} was written twice");
            }
            Fact::Released { give_back } => {
                account.open_points -= terms.points.get();
                if *give_back && account.day == Some(terms.day) {
                    account.day_points -= terms.points.get();
                }
                assert!(account.open_points >= 0 && account.day_points >= 0);
            }
            Fact::DoubtOpened => account.doubts += 1,
            Fact::DoubtClosed => {
                account.doubts -= 1;
                assert!(account.doubts >= 0, "a doubt was closed that was not open");
            }
            Fact::ReviewOpened(reason) => {
                self.reviews.insert((row.id, *reason), true);
            }
            Fact::ReviewClosed(reason) => {
                self.reviews.insert((row.id, *reason), false);
            }
            Fact::Alert(reason) => self.alerts.push((row.id, *reason)),
            Fact::KeyReleased => self.keys.retain(|_, (id, _)| *id != row.id),
        }
    }
}

impl Account {
    fn reserve(&mut self, start: &Start) -> Result<(), Problem> {
        let points = start.terms.points.get();
        let today = if self.day == Some(start.terms.day) { self.day_points } else { 0 };
        if self.doubts > 0 {
            return Err(Problem::ConversionInDoubt);
        }
        if today + points > start.daily_limit.get() {
            return Err(Problem::DailyLimitExceeded);
        }
        if self.open_points + points > start.balance.get() {
            return Err(Problem::InsufficientPoints);
        }
        self.day = Some(start.terms.day);
        self.day_points = today + points;
        self.open_points += points;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance;

    #[test]
    fn conforms() {
        conformance::every_rule(|| futures::executor::block_on(async { MemoryStore::default() }));
    }
}
