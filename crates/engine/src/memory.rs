//! The store in memory: for the simulator's speed, and to say in plain code what the SQL must do.
//! It keeps nothing when the process ends, so no shop runs on it.

use crate::store::{Begun, Commit, Committed, Guard, Request, Row, Start, Store, StoreError};
use async_trait::async_trait;
use domain::{
    At, Code, CustomerId, Fact, FlowId, NodeId, Points, Problem, Reference, ShopId, Terms,
    coupon::Status,
    effect::{Notice, Reason},
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
    pub notices: Vec<(FlowId, Notice)>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coupon {
    pub status: Status,
    pub node: Option<NodeId>,
    /// The conversion that made it.
    pub flow: FlowId,
    /// The last act on it.
    pub act: Option<FlowId>,
    /// The order that is known to have used it.
    pub used_in: Option<String>,
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
        let (shop, customer) = (start.flow.shop().clone(), start.flow.customer());
        if let Some(request) = &start.request {
            let key = (shop.clone(), customer, request.key.clone());
            if let Some((id, fingerprint)) = books.keys.get(&key) {
                let same_request = *fingerprint == request.fingerprint;
                return Ok(Begun::Known { row: books.flows[id].clone(), same_request });
            }
        }
        let terms = start.flow.terms().clone();
        let refused = match &start.guard {
            Guard::Reserve { daily_limit, balance } => {
                books.reserve(start.id, &terms, *daily_limit, *balance)
            }
            Guard::Take { from, to } => books.take_coupon(start.id, &terms, from, *to),
        };
        if let Some(refused) = refused {
            return Ok(refused);
        }
        let row = Row {
            id: start.id,
            flow: start.flow,
            version: 1,
            epoch: 1,
            due_at: Some(start.lease_until),
            tries: 0,
        };
        if let Some(request) = start.request {
            books.keys.insert((shop, customer, request.key), (row.id, request.fingerprint));
        }
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

    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError> {
        let books = self.books();
        let coupon = books.coupons.get(&(shop.clone(), code.clone()));
        Ok(coupon.and_then(|coupon| coupon.used_in.clone()))
    }
}

impl Books {
    /// Makes the reservation, or says why not.
    fn reserve(
        &mut self,
        flow: FlowId,
        terms: &Terms,
        daily_limit: Points,
        balance: Points,
    ) -> Option<Begun> {
        let key = (terms.shop.clone(), terms.code.clone());
        if self.coupons.contains_key(&key) {
            return Some(Begun::CodeExists);
        }
        let account = self.accounts.entry((terms.shop.clone(), terms.customer)).or_default();
        if let Err(problem) = account.reserve(terms, daily_limit, balance) {
            return Some(Begun::Refused(problem));
        }
        let status = Status::Pending;
        self.coupons.insert(key, Coupon { status, node: None, flow, act: None, used_in: None });
        None
    }

    /// Takes the coupon for an act, or says why not.
    fn take_coupon(
        &mut self,
        act: FlowId,
        terms: &Terms,
        from: &[Status],
        to: Status,
    ) -> Option<Begun> {
        let key = (terms.shop.clone(), terms.code.clone());
        let Some(coupon) = self.coupons.get_mut(&key) else {
            return Some(Begun::Refused(Problem::CouponBusy));
        };
        if !from.contains(&coupon.status) {
            return Some(Begun::Refused(coupon.status.objection()));
        }
        let busy = |id: FlowId| self.flows.get(&id).is_some_and(|row| row.due_at.is_some());
        if busy(coupon.flow) || coupon.act.is_some_and(busy) {
            return Some(Begun::Refused(Problem::CouponBusy));
        }
        coupon.status = to;
        coupon.act = Some(act);
        None
    }

    fn take(&mut self, id: FlowId, now: At, lease: Duration) -> Option<Row> {
        let row = self.flows.get_mut(&id)?;
        row.epoch += 1;
        row.due_at = Some(now.plus(lease));
        Some(row.clone())
    }

    fn apply(&mut self, row: &Row, fact: &Fact) {
        let terms = row.flow.terms();
        let coupon = (terms.shop.clone(), terms.code.clone());
        let account = self.accounts.entry((terms.shop.clone(), terms.customer)).or_default();
        match fact {
            Fact::Issued { node } => {
                if let Some(coupon) = self.coupons.get_mut(&coupon) {
                    coupon.status = Status::Active;
                    coupon.node = Some(*node);
                }
            }
            Fact::Voided => {
                if let Some(coupon) = self.coupons.get_mut(&coupon) {
                    coupon.status = Status::Void;
                }
            }
            Fact::Coupon(status) => {
                if let Some(coupon) = self.coupons.get_mut(&coupon) {
                    coupon.status = *status;
                }
            }
            Fact::Used { order } => {
                if let Some(coupon) = self.coupons.get_mut(&coupon) {
                    coupon.used_in = Some(order.clone().unwrap_or_default());
                }
            }
            Fact::Moved { reference, points, balance, .. } => {
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
            Fact::Notify(notice) => self.notices.push((row.id, *notice)),
            Fact::KeyReleased => self.keys.retain(|_, (id, _)| *id != row.id),
        }
    }
}

impl Account {
    fn reserve(
        &mut self,
        terms: &Terms,
        daily_limit: Points,
        balance: Points,
    ) -> Result<(), Problem> {
        let points = terms.points.get();
        let today = if self.day == Some(terms.day) { self.day_points } else { 0 };
        if self.doubts > 0 {
            return Err(Problem::ConversionInDoubt);
        }
        if today + points > daily_limit.get() {
            return Err(Problem::DailyLimitExceeded);
        }
        if self.open_points + points > balance.get() {
            return Err(Problem::InsufficientPoints);
        }
        self.day = Some(terms.day);
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
