//! The store in memory: for the simulator's speed, and to say in plain code what the SQL must do.
//! It keeps nothing when the process ends, so no shop runs on it.

mod reopened;
mod replacements;

use crate::store::{Begun, Commit, Committed, Guard, Request, Row, Start, Store, StoreError};
use async_trait::async_trait;
use domain::{
    At, Code, CustomerId, Fact, Flow, FlowId, NodeId, OrderId, Placing, Points, Problem, Reference,
    Reversal, ShopId, Terms,
    coupon::Status,
    effect::{Notice, Reason},
    flow::Told,
    placing,
    reversal::Outcome,
};
use std::{
    collections::{BTreeMap, BTreeSet},
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
    /// What reversals have promised, by reference: by whom, and whether it is back.
    pub promises: BTreeMap<(ShopId, Reference), (FlowId, bool)>,
    /// Orders of other channels: by which flow, and whether they count.
    pub orders: BTreeMap<(ShopId, OrderId), (FlowId, bool)>,
    /// Of these, those that are cancelled; and what came back with each, in points or units.
    pub cancelled: BTreeSet<(ShopId, OrderId)>,
    pub came: BTreeMap<reopened::Line, i64>,
    /// Shopify's numbers of the credits that were given.
    pub credits: BTreeMap<(ShopId, u64), FlowId>,
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
        let refused = match (&start.guard, &start.flow, start.flow.terms()) {
            (Guard::Reserve { daily_limit, balance }, _, Some(terms)) => {
                books.reserve(start.id, terms, *daily_limit, *balance)
            }
            (Guard::Take { from, to }, _, Some(terms)) => {
                books.take_coupon(start.id, terms, from, *to)
            }
            (Guard::Revert, Flow::Reversal(flow), _) => books.promise(start.id, flow),
            (Guard::Place, Flow::Placing(flow), _) => books.place(start.id, flow),
            _ => return Err(StoreError("the guard is another flow's".to_owned())),
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

    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError> {
        Ok(self.books().credits.contains_key(&(shop.clone(), transaction)))
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
            return Some(Begun::DrawAgain);
        }
        let account = self.accounts.entry((terms.shop.clone(), terms.customer)).or_default();
        if account.day.is_some_and(|day| day > terms.day) {
            // The earlier day's total is not kept.
            return Some(Begun::DrawAgain);
        }
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
        let busy = |id: FlowId| self.flows.get(&id).is_some_and(|row| row.due_at.is_some());
        if !from.contains(&coupon.status) {
            // Used by an order that may still come to nothing, or so.
            let placing = |id| self.flows.get(&id).is_some_and(|row| row.flow.placing().is_some());
            let placed = coupon.act.filter(|act| placing(*act));
            let undecided = coupon.status == Status::Used && placed.is_some_and(busy);
            return Some(Begun::Refused(match undecided {
                true => Problem::CouponBusy,
                false => coupon.status.objection(),
            }));
        }
        if busy(coupon.flow) || coupon.act.is_some_and(busy) {
            return Some(Begun::Refused(Problem::CouponBusy));
        }
        coupon.status = to;
        coupon.act = Some(act);
        None
    }

    /// Takes the order's id and its coupons, all or none.
    fn place(&mut self, flow: FlowId, of: &Placing) -> Option<Begun> {
        let Placing { terms, .. } = of;
        let order = (terms.shop.clone(), terms.order.clone());
        if self.orders.contains_key(&order) {
            return Some(Begun::Refused(Problem::OrderExists));
        }
        let before = self.coupons.clone();
        for coupon in &terms.coupons {
            let taken = self.take_coupon(flow, &coupon.terms, &[Status::Active], Status::Used);
            if taken.is_some() {
                self.coupons = before;
                return taken;
            }
        }
        self.orders.insert(order, (flow, of.counts()));
        None
    }

    /// Promises the items to the flow, or says why not.
    fn promise(&mut self, flow: FlowId, of: &Reversal) -> Option<Begun> {
        let (shop, order) = (&of.terms.shop, &of.terms.order);
        let under_way = |row: &Row| {
            let open = !matches!(row.flow.told(), Told::Done | Told::Failed);
            let same = row.customer() == of.terms.customer || row.flow.order_id() == Some(order);
            row.flow.reversal().is_some() && row.shop() == shop && open && same
        };
        if self.flows.values().any(under_way) {
            return Some(Begun::Refused(Problem::OrderBusy));
        }
        if let Some(refused) = self.unfit(&of.terms) {
            return Some(refused);
        }
        let keys: Vec<_> =
            of.terms.items.iter().map(|item| (shop.clone(), item.reference(order))).collect();
        if keys.iter().any(|key| self.promises.contains_key(key)) {
            return Some(Begun::Refused(match of.terms.again {
                Some(_) => Problem::NothingToTakeBack,
                None => Problem::AlreadyReverted,
            }));
        }
        if let Some(refused) = self.register(&of.terms) {
            return Some(refused);
        }
        self.promises.extend(keys.into_iter().map(|key| (key, (flow, false))));
        None
    }

    fn take(&mut self, id: FlowId, now: At, lease: Duration) -> Option<Row> {
        let row = self.flows.get_mut(&id)?;
        row.epoch += 1;
        row.due_at = Some(now.plus(lease));
        Some(row.clone())
    }

    fn apply(&mut self, row: &Row, fact: &Fact) {
        let shop = row.shop().clone();
        match fact {
            Fact::Moved { reference, points, balance, .. } => {
                let movement = Movement { points: *points, balance: *balance, flow: row.id };
                let earlier = self.movements.insert((shop, reference.clone()), movement);
                assert!(earlier.is_none(), "the movement {reference} was written twice");
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
            Fact::ReversalEnded => {}
            Fact::OrderCancelled => {
                let order = row.flow.order_id().cloned().map(|order| (shop, order));
                let own = order.filter(|order| self.orders.contains_key(order));
                self.cancelled.extend(own);
            }
            Fact::ReplacementBegun { .. } | Fact::Replaced | Fact::NotReplaced => {
                self.apply_to_replacement(row, fact);
            }
            Fact::ItemFreed { item } => {
                self.forget_replacement(row, *item);
                if let Some(reference) = reference_of(row, *item) {
                    self.promises.remove(&(shop, reference));
                }
            }
            Fact::ItemEnded { item, outcome } => {
                self.moved_with(row, *item, *outcome);
                if let Some(reference) = reference_of(row, *item) {
                    self.promises.insert((shop.clone(), reference), (row.id, true));
                }
                if let Outcome::Credited { transaction: Some(transaction), .. } = outcome {
                    self.credits.insert((shop, *transaction), row.id);
                }
            }
            fact => match row.flow.placing() {
                Some(flow) => self.apply_to_order(row.id, &flow.terms, fact),
                None => self.apply_to_coupon(row, fact),
            },
        }
    }

    fn apply_to_order(&mut self, flow: FlowId, terms: &placing::Terms, fact: &Fact) {
        let order = (terms.shop.clone(), terms.order.clone());
        let mut change = |place: usize, to: &dyn Fn(&mut Coupon)| {
            let code = terms.coupons.get(place).map(|coupon| coupon.terms.code.clone());
            let key = code.map(|code| (terms.shop.clone(), code));
            if let Some(coupon) = key.and_then(|key| self.coupons.get_mut(&key)) {
                to(coupon);
            }
        };
        match fact {
            // Where an order was heard of meanwhile, whoever heard of it comes again.
            Fact::CouponFreed { coupon } => change(*coupon, &|of| of.status = Status::Active),
            Fact::CouponUsed { coupon, order } => {
                change(*coupon, &|of| of.used_in = Some(order.clone().unwrap_or_default()));
            }
            Fact::OrderPlaced => {
                let placed = terms.order.to_string();
                for place in 0..terms.coupons.len() {
                    change(place, &|of| {
                        of.used_in.get_or_insert_with(|| placed.clone());
                    });
                }
                let key = |of: &domain::Coupon| (terms.shop.clone(), of.terms.code.clone());
                let used = terms.coupons.iter().filter_map(|of| self.coupons.get(&key(of)));
                // An order of Shopify's was heard of after the coupon had died.
                if used.into_iter().any(|of| of.used_in.as_ref() != Some(&placed)) {
                    self.reviews.insert((flow, Reason::UsedTwice), true);
                }
                self.orders.insert(order, (flow, true));
            }
            Fact::OrderDropped => {
                self.orders.remove(&order);
            }
            _ => {}
        }
    }

    fn apply_to_coupon(&mut self, row: &Row, fact: &Fact) {
        let Some(terms) = row.flow.terms() else { return };
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
            _ => {}
        }
    }
}

fn reference_of(row: &Row, item: usize) -> Option<Reference> {
    let flow = row.flow.reversal()?;
    Some(flow.terms.items.get(item)?.reference(&flow.terms.order))
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
