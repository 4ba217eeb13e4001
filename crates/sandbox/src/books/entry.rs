//! The changes that the books know. What is written here is what a restart brings back.

use serde::{Deserialize, Serialize};

use super::coupon::Coupon;
use super::credit::CreditTransaction;
use super::customer::Metafield;
use super::job::Job;
use super::order::{Cancelled, Order};
use super::points::{Answered, Movement};
use super::webhook::{Delivery, Subscription, Target, Tried};
use crate::clock::{Millis, Seconds};

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// Added, or replaced as a whole: metafields and points begin anew.
    Customer(NewCustomer),
    /// `count` customers with the ids `from`, `from + 1`, …, for benches.
    Customers {
        from: u64,
        count: u64,
        balance: i64,
        at: Seconds,
    },
    /// Created or changed: as it now stands.
    Coupon(Box<Coupon>),
    CouponDeleted {
        id: u64,
    },
    /// Written together or not at all.
    Metafields(Vec<Metafield>),
    Movement {
        customer: String,
        movement: Movement,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        answered: Option<Answered>,
    },
    /// A refusal, kept under its idempotency key.
    Answered(Answered),
    /// Placed; its codes are redeemed with it.
    Order(Box<Order>),
    /// As it now stands.
    OrderChanged(Box<Order>),
    /// Written by an earlier version.
    OrderCancelled {
        id: u64,
        cancelled: Cancelled,
    },
    CustomerDeleted {
        id: u64,
    },
    CustomersMerged {
        kept: u64,
        deleted: u64,
    },
    CreditAccount {
        id: u64,
        customer: u64,
        currency: String,
    },
    Credit {
        account: u64,
        transaction: CreditTransaction,
    },
    /// Promised, or as it now stands.
    Job(Box<Job>),
    /// Queued, to be sent.
    Webhooks(Vec<Delivery>),
    WebhookTried(Tried),
    /// Sent once more, by hand.
    WebhookAgain {
        id: u64,
        at: Millis,
    },
    WebhookTarget(Target),
    Subscription(Subscription),
    SubscriptionDeleted {
        id: u64,
    },
    /// All of them or none.
    Together(Vec<Entry>),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NewCustomer {
    pub id: u64,
    pub name: String,
    pub email: Option<String>,
    pub locale: String,
    pub member_no: Option<String>,
    /// Known to the POS by this id, when it is not the Shopify one.
    pub pos_id: Option<String>,
    pub balance: i64,
    pub at: Seconds,
}
