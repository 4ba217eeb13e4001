//! The database of a run: in memory by default; the service's tests bring their own.

use async_trait::async_trait;
use domain::{
    At, Code, CustomerId, Goods, OrderId, PartialRefunds, ShopId, coupon::Status, effect::Reason,
    reversal::Item,
};
use engine::{
    memory::MemoryStore,
    store::{Store, StoreError},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// What the news of a use meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It lived, or the same order was known.
    Used,
    /// Its points are back or on their way: a review of its conversion is open.
    AfterCancel,
    /// An order of another channel has it: a review of its conversion is open.
    Twice,
    /// It cannot have been ours.
    Other,
}

/// An order as staff read it before they give its things back.
#[derive(Clone, Debug)]
pub struct KnownOrder {
    pub shop: ShopId,
    pub order: OrderId,
    pub customer: CustomerId,
    pub code: Code,
    /// Paid with store credit, in minor units of yen; the payment has the order's number.
    pub credit: i64,
    pub payment: u64,
    pub pieces: i64,
    /// Refunds that were heard of now: their numbers, and pieces.
    pub refunds: Vec<(u64, i64)>,
    /// The coupon's points, and what the order earned.
    pub points: i64,
    pub earned: i64,
    pub cancelled: bool,
    pub at: At,
}

#[async_trait]
pub trait Backend: Send + Sync {
    /// Stays good when the database is opened anew.
    fn store(&self) -> Arc<dyn Store>;
    /// All processes have died: what was committed is read from where it is kept.
    fn reopen(&self, now: At);
    /// Writes down that an order used the coupon, in a transaction.
    async fn note_use(
        &self,
        shop: &ShopId,
        code: &Code,
        order: &str,
        at: At,
    ) -> Result<Noted, StoreError>;
    /// Keeps what was read of an order.
    async fn note_order(&self, order: &KnownOrder) -> Result<(), StoreError>;
    /// Staff re-open an order of another channel. False where a reversal works on it.
    async fn stand_again(&self, shop: &ShopId, order: &OrderId, at: At)
    -> Result<bool, StoreError>;
    /// What is due of an order that was noted, and what of it is promised already.
    async fn standing(&self, order: &KnownOrder) -> Result<Standing, StoreError>;
}

/// What refunds make due of something, and what of it reversals have been promised.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Share {
    pub due: i64,
    pub taken: i64,
    /// How many reversals.
    pub parts: u32,
}

/// How an order stands in Kaeru's books.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub points: Share,
    pub earned: Share,
}

/// Everything is forgotten with the run.
#[derive(Default)]
pub struct InMemory(Arc<MemoryStore>, Mutex<Heard>);

/// Refunds by order and number.
type Heard = BTreeMap<OrderId, BTreeMap<u64, i64>>;

impl InMemory {
    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Backend for InMemory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0) as Arc<dyn Store>
    }

    fn reopen(&self, _: At) {}

    async fn note_order(&self, order: &KnownOrder) -> Result<(), StoreError> {
        self.heard().entry(order.order.clone()).or_default().extend(order.refunds.iter().copied());
        Ok(())
    }

    async fn stand_again(&self, shop: &ShopId, order: &OrderId, _: At) -> Result<bool, StoreError> {
        Ok(self.0.books().set_cancelled(shop, order, false))
    }

    async fn standing(&self, order: &KnownOrder) -> Result<Standing, StoreError> {
        let refunded = self.heard().get(&order.order).map_or(0, |heard| heard.values().sum());
        let goods = Goods { whole: order.pieces, refunded };
        let due = |points| PartialRefunds::ProRata.due(points, goods);
        let mut standing = Standing::default();
        (standing.points.due, standing.earned.due) = (due(order.points), due(order.earned));
        let books = self.0.books();
        for row in books.flows.values() {
            let of_order = row.flow.order_id() == Some(&order.order);
            let Some(flow) = row.flow.reversal().filter(|_| of_order) else { continue };
            for item in &flow.terms.items {
                let key = (order.shop.clone(), item.reference(&order.order));
                if books.promises.get(&key).is_none_or(|(promised, _)| *promised != row.id) {
                    continue;
                }
                let (share, points, part) = match item {
                    Item::Replacement { terms, .. } => (&mut standing.points, &terms.points, &0),
                    Item::Points { points, part, .. } => (&mut standing.points, points, part),
                    Item::Earned { points, part, .. } => (&mut standing.earned, points, part),
                    Item::Credit { .. }
                    | Item::OwnCredit { .. }
                    | Item::PointsAgain { .. }
                    | Item::CreditAgain { .. } => continue,
                };
                share.taken += points.get();
                share.parts = share.parts.max(*part);
            }
        }
        Ok(standing)
    }

    async fn note_use(
        &self,
        shop: &ShopId,
        code: &Code,
        order: &str,
        _: At,
    ) -> Result<Noted, StoreError> {
        let books = &mut *self.0.books();
        let Some(coupon) = books.coupons.get_mut(&(shop.clone(), code.clone())) else {
            return Ok(Noted::Other);
        };
        match coupon.used_in.as_deref() {
            None => {}
            Some(known) if known == order || known.is_empty() => return Ok(Noted::Used),
            Some(_) => {
                let flow = coupon.flow;
                books.reviews.insert((flow, Reason::UsedTwice), true);
                return Ok(Noted::Twice);
            }
        }
        coupon.used_in = Some(order.to_owned());
        if matches!(coupon.status, Status::Cancelling | Status::Cancelled) {
            let flow = coupon.flow;
            books.reviews.insert((flow, Reason::UsedAfterCancel), true);
            return Ok(Noted::AfterCancel);
        }
        Ok(Noted::Used)
    }
}
