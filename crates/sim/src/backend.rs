//! The database of a run: in memory by default; the service's tests bring their own.

use async_trait::async_trait;
use domain::{At, Code, CustomerId, OrderId, ShopId, coupon::Status, effect::Reason};
use engine::{
    memory::MemoryStore,
    store::{Store, StoreError},
};
use std::sync::Arc;

/// What the news of a use meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noted {
    /// It lived, or the same order was known.
    Used,
    /// Its points are back or on their way: a review of its conversion is open.
    AfterCancel,
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
}

/// Everything is forgotten with the run.
#[derive(Default)]
pub struct InMemory(Arc<MemoryStore>);

#[async_trait]
impl Backend for InMemory {
    fn store(&self) -> Arc<dyn Store> {
        Arc::clone(&self.0) as Arc<dyn Store>
    }

    fn reopen(&self, _: At) {}

    /// It asks no order's rows.
    async fn note_order(&self, _: &KnownOrder) -> Result<(), StoreError> {
        Ok(())
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
        if coupon.used_in.is_some() {
            return Ok(Noted::Used);
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
