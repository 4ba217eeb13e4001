//! The names of the remote calls: what faults, latency and counters are kept by.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! calls {
    ($($variant:ident = $name:literal,)*) => {
        /// A remote call of the other side.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Call {
            $(
                #[doc = concat!("`", $name, "`")]
                $variant,
            )*
        }

        impl Call {
            /// Every call, in the order in which pages show them.
            pub const ALL: &[Call] = &[$(Call::$variant),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Call::$variant => $name,)*
                }
            }
        }
    };
}

calls! {
    PosBalance = "pos.balance",
    PosDeduct = "pos.deduct",
    PosAdd = "pos.add",
    PosLookup = "pos.lookup",
    ShopifyCreate = "shopify.create",
    ShopifyLookup = "shopify.lookup",
    ShopifyDeactivate = "shopify.deactivate",
    ShopifyActivate = "shopify.activate",
    ShopifyUpdate = "shopify.update",
    ShopifyDelete = "shopify.delete",
    ShopifyMetafield = "shopify.metafield",
    ShopifyCustomer = "shopify.customer",
    ShopifyOrders = "shopify.orders",
    ShopifyCredit = "shopify.credit",
    ShopifyCredits = "shopify.credits",
    ShopifyCancel = "shopify.cancel",
    ShopifyJob = "shopify.job",
    ShopifyMerge = "shopify.merge",
    ShopifyWebhooks = "shopify.webhooks",
    ShopifyShop = "shopify.shop",
    ShopifyToken = "shopify.token",
    Webhook = "webhook",
}

impl Call {
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|call| call.name() == name)
    }

    pub fn is_pos(self) -> bool {
        matches!(self, Self::PosBalance | Self::PosDeduct | Self::PosAdd | Self::PosLookup)
    }

    /// All names, for an error that says what is known.
    pub fn names() -> String {
        Self::ALL.iter().map(|call| call.name()).collect::<Vec<_>>().join(", ")
    }
}

/// How often each call was received, and how often Shopify answered THROTTLED.
#[derive(Default)]
pub struct Counters {
    received: [AtomicU64; Call::ALL.len()],
    spent: [AtomicU64; Call::ALL.len()],
    pub throttled: AtomicU64,
    /// Of those: because the switchboard said so, and not for want of points.
    pub throttled_by_fault: AtomicU64,
}

impl Counters {
    pub fn received(&self, call: Call) {
        self.received[call as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub fn throttled(&self) {
        self.throttled.fetch_add(1, Ordering::Relaxed);
    }

    /// Cost points that a query of that call was charged.
    pub fn spent(&self, call: Call, points: u32) {
        self.spent[call as usize].fetch_add(points.into(), Ordering::Relaxed);
    }

    pub fn by_name(&self) -> BTreeMap<&'static str, u64> {
        named(&self.received)
    }

    /// Cost points, by the name of the first call of each query.
    pub fn spent_by_name(&self) -> BTreeMap<&'static str, u64> {
        named(&self.spent)
    }
}

fn named(counts: &[AtomicU64; Call::ALL.len()]) -> BTreeMap<&'static str, u64> {
    let count = |call: &Call| counts[*call as usize].load(Ordering::Relaxed);
    Call::ALL.iter().map(|call| (call.name(), count(call))).collect()
}
