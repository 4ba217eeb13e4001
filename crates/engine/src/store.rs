//! What a store must do. Each method is one atomic act; a store decides nothing.

use async_trait::async_trait;
use domain::{At, Code, CustomerId, Fact, Flow, FlowId, Points, Problem, ShopId, coupon::Status};
use std::time::Duration;

/// A flow as the journal holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub id: FlowId,
    pub flow: Flow,
    /// Grows by one with every commit.
    pub version: i64,
    /// Grows by one with every claim: who holds an older one has lost the lease.
    pub epoch: i64,
    /// While leased, when the lease ends; while waiting, when to go on; `None`: nothing to do.
    pub due_at: Option<At>,
    /// How often the outstanding effect was tried without a result.
    pub tries: u32,
}

impl Row {
    pub fn shop(&self) -> &ShopId {
        self.flow.shop()
    }

    pub fn customer(&self) -> CustomerId {
        self.flow.customer()
    }
}

/// The customer's request that a flow answers, for idempotency.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub key: String,
    /// A digest of the body: the same key with another body is a mistake of the caller's.
    pub fingerprint: String,
}

/// A flow to begin, in its first state, and what it must fit into.
#[derive(Clone, Debug)]
pub struct Start {
    pub id: FlowId,
    pub flow: Flow,
    /// `None`: nobody asked for it; the guard alone makes it happen once.
    pub request: Option<Request>,
    pub guard: Guard,
    pub now: At,
    pub lease_until: At,
}

/// What must be true for a flow to begin, checked and changed in the same transaction.
#[derive(Clone, Debug)]
pub enum Guard {
    /// A conversion: its code is new, the customer has no doubt open, and the day and the balance
    /// have room. Takes the room.
    Reserve {
        daily_limit: Points,
        /// The newest known balance; what open conversions hold back comes off it.
        balance: Points,
    },
    /// An act on a coupon: it stands in one of `from`, and no other flow works on it. It stands in
    /// `to` from then on.
    Take { from: Vec<Status>, to: Status },
    /// An order of another channel: there is none of that id, and each of its coupons is active
    /// and nobody else's to work on. They stand as used from then on.
    Place,
    /// A reversal: nothing else works on the order, what its items promise is promised to nobody
    /// else, and no other reversal gives credit to the customer.
    Revert,
}

/// What came of a start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Begun {
    Started(Row),
    /// The key is known: this is its flow. The caller compares the fingerprint.
    Known {
        row: Row,
        same_request: bool,
    },
    /// Nothing was written.
    Refused(Problem),
    /// The code stands in our books already, or the customer has begun a later day meanwhile:
    /// choose the code and the day anew.
    DrawAgain,
}

/// One line of a flow's timeline.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    pub name: &'static str,
    /// For the log and the staff; holds no personal data and no secret.
    pub detail: Option<String>,
}

/// A transition, ready to be written in one transaction: the row under its guard (same epoch,
/// version one less), the event, the facts.
#[derive(Clone, Debug)]
pub struct Commit {
    pub row: Row,
    pub at: At,
    pub event: Event,
    pub facts: Vec<Fact>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Committed {
    Yes,
    /// Another process holds the flow now: stop, and send nothing more.
    LeaseLost,
}

/// A store failed. Whether the transaction took place is not known.
#[derive(Debug, thiserror::Error)]
#[error("the database did not answer: {0}")]
pub struct StoreError(pub String);

#[async_trait]
pub trait Store: Send + Sync {
    /// Key, limits and reservation, flow, coupon and first event: all or nothing.
    async fn begin(&self, start: Start) -> Result<Begun, StoreError>;
    async fn commit(&self, commit: &Commit) -> Result<Committed, StoreError>;
    /// Takes flows that are due, oldest first, each under a new epoch.
    async fn claim(&self, now: At, lease: Duration, most: usize) -> Result<Vec<Row>, StoreError>;
    /// Takes one flow whatever it waits for, so that its holder's epoch grows stale.
    async fn seize(&self, id: FlowId, now: At, lease: Duration) -> Result<Option<Row>, StoreError>;
    async fn load(&self, id: FlowId) -> Result<Option<Row>, StoreError>;
    async fn by_key(
        &self,
        shop: &ShopId,
        customer: CustomerId,
        request: &Request,
    ) -> Result<Option<(Row, bool)>, StoreError>;
    /// The order that is known to have used the coupon.
    async fn use_of(&self, shop: &ShopId, code: &Code) -> Result<Option<String>, StoreError>;
    /// Whether that credit of Shopify's is a known movement of some flow's.
    async fn credit_known(&self, shop: &ShopId, transaction: u64) -> Result<bool, StoreError>;
}
