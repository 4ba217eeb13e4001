//! The other systems, as the engine sees them: three outcomes, never two.

use async_trait::async_trait;
use domain::{
    At, Coupon, CustomerId, Money, NodeId, OrderId, Points, PosId, Reference, Refusal, ShopId,
    Terms, coupon::Entry, effect::Moved, flow::Book, reversal::Cancel,
};
use std::{fmt, sync::Arc, time::Duration};

/// What is known of a call once it is over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer<T> {
    Done(T),
    /// Known not to have happened.
    Refused(Refusal),
    /// Sent, and nobody can tell from here whether it happened, or will yet.
    Unknown(Why),
}

/// Why an outcome is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    TimedOut,
    ConnectionLost,
    ServerError(u16),
    Unreadable,
    /// The process that sent it is gone.
    Interrupted,
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Why::TimedOut => f.write_str("timed out"),
            Why::ConnectionLost => f.write_str("connection lost"),
            Why::ServerError(status) => write!(f, "server error {status}"),
            Why::Unreadable => f.write_str("unreadable answer"),
            Why::Interrupted => f.write_str("interrupted"),
        }
    }
}

/// How a points book lets a doubt be settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// It keeps our key with its answer, refusals too: send the identical bytes again, until so
    /// long after the first time.
    Replay { window: Duration },
    /// It can find a movement by its reference. Absence proves nothing before the horizon: a lost
    /// request may still land. A zero horizon means that absence is proof at once.
    LookUp { horizon: Duration },
    /// It can do neither: a person decides.
    Review,
}

/// A movement to be made, its direction said by the call. The same fields give the same bytes.
#[derive(Clone, Debug)]
pub struct PointsOrder<'a> {
    pub customer: &'a PosId,
    pub points: Points,
    pub reference: &'a Reference,
    pub reason: &'static str,
    /// When added points are to run out, where the book can be told.
    pub expires_at: Option<At>,
}

/// A movement that the points book knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Movement {
    /// Signed: −500 for a deduction.
    pub points: i64,
    /// The balance after it, where the book tells.
    pub balance: Option<Points>,
    /// Until when what it brought is good, where the book tells.
    pub honoured: Option<At>,
}

/// Whoever holds the points. `limit` is the most that a call may take, connecting included.
#[async_trait]
pub trait PointsBook: Send + Sync {
    async fn balance(&self, customer: &PosId, limit: Duration) -> Answer<Points>;
    async fn deduct(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved>;
    /// Gives points back.
    async fn add(&self, order: PointsOrder<'_>, limit: Duration) -> Answer<Moved>;
    /// Every movement under the reference.
    async fn find(
        &self,
        customer: &PosId,
        reference: &Reference,
        limit: Duration,
    ) -> Answer<Vec<Movement>>;
    fn recovery(&self) -> Recovery;
    /// Whether `find` is of use.
    fn finds(&self) -> bool {
        matches!(self.recovery(), Recovery::LookUp { .. })
    }
}

/// What a look-up by code shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    Ours(NodeId),
    /// The code stands, but its title does not carry our reference.
    Strangers,
    Nothing,
}

/// Whether a coupon was used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Usage {
    Unused,
    /// In this order, where it is known.
    Used {
        order: Option<String>,
    },
}

/// Shopify's side of a coupon.
#[async_trait]
pub trait Coupons: Send + Sync {
    /// Creates it under the code that the terms hold, its title carrying the reference.
    async fn create(&self, terms: &Terms, limit: Duration) -> Answer<NodeId>;
    async fn find(&self, terms: &Terms, limit: Duration) -> Answer<Found>;
    /// Done also where the coupon is already inactive, or gone.
    async fn deactivate(&self, node: NodeId, limit: Duration) -> Answer<()>;
    /// Activates it and restores its end, which Shopify forgets on deactivation.
    async fn reactivate(&self, node: NodeId, ends_at: At, limit: Duration) -> Answer<()>;
    /// Done also where it is already gone.
    async fn delete(&self, node: NodeId, limit: Duration) -> Answer<()>;
    /// Whether an order has used it, as far as Shopify knows by now.
    async fn usage(&self, coupon: &Coupon, limit: Duration) -> Answer<Usage>;
    /// Writes what the entry says into the customer's metafield, by compare-and-set.
    async fn record(&self, entry: &Entry, limit: Duration) -> Answer<()>;
}

/// How far Shopify has come with cancelling an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    Cancelled,
    Working,
    /// It has given up, and the order stands.
    Failed,
}

/// Store credit to be given.
#[derive(Clone, Copy, Debug)]
pub struct CreditOrder {
    pub customer: CustomerId,
    pub amount: Money,
    /// Its second tells this credit from others.
    pub expires_at: Option<At>,
}

/// Store credit that was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Credit {
    /// Its number at Shopify.
    pub transaction: u64,
    pub minor: i64,
    pub expires_at: Option<At>,
    pub at: At,
}

/// Shopify's side of an order.
#[async_trait]
pub trait Orders: Send + Sync {
    /// Has it cancelled, and tells the job that does it. Done also where it is cancelled already.
    async fn cancel(
        &self,
        order: &OrderId,
        cancel: &Cancel,
        limit: Duration,
    ) -> Answer<Option<String>>;
    async fn progress(
        &self,
        order: &OrderId,
        job: Option<&str>,
        limit: Duration,
    ) -> Answer<Progress>;
    /// What Shopify has given back of each payment with store credit, in minor units.
    async fn reverted(&self, order: &OrderId, limit: Duration) -> Answer<Vec<(u64, i64)>>;
    async fn credit(&self, order: CreditOrder, limit: Duration) -> Answer<Credit>;
    /// The credits that the customer was given since then, in that currency.
    async fn credits(&self, like: CreditOrder, since: At, limit: Duration) -> Answer<Vec<Credit>>;
}

/// The peers of one shop.
#[derive(Clone)]
pub struct Peers {
    pub points: Arc<dyn PointsBook>,
    pub coupons: Arc<dyn Coupons>,
    pub orders: Arc<dyn Orders>,
    /// Store credit that Kaeru itself holds, in minor units, where the shop has such.
    pub credits: Option<Arc<dyn PointsBook>>,
}

impl Peers {
    /// The book that the movement is made in. `None`: the shop has no such.
    pub fn book(&self, book: Book) -> Option<&dyn PointsBook> {
        match book {
            Book::Points => Some(&*self.points),
            Book::Credit => self.credits.as_deref(),
        }
    }
}

/// The peers of every shop that is configured.
pub trait Ports: Send + Sync {
    fn of(&self, shop: &ShopId) -> Option<&Peers>;
}

/// The time, for one process. Tests and the simulator bring their own.
pub trait Clock: Send + Sync {
    fn now(&self) -> At;
}
