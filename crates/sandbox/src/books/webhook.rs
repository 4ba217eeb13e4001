//! Webhooks: who wants them, and what is still to be delivered.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::clock::Millis;

macro_rules! topics {
    ($($variant:ident = $slug:literal, $name:literal, $by_api:literal;)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Topic {
            $(#[serde(rename = $slug)] $variant,)*
        }

        impl Topic {
            pub const ALL: &[Topic] = &[$(Topic::$variant),*];

            /// «orders/create», as in `X-Shopify-Topic`.
            pub fn slug(self) -> &'static str {
                match self {
                    $(Topic::$variant => $slug,)*
                }
            }

            /// Shopify's `WebhookSubscriptionTopic`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Topic::$variant => $name,)*
                }
            }

            /// The compliance topics belong to the app's own configuration.
            pub fn subscribable(self) -> bool {
                match self {
                    $(Topic::$variant => $by_api,)*
                }
            }
        }
    };
}

topics! {
    OrdersCreate = "orders/create", "ORDERS_CREATE", true;
    OrdersPaid = "orders/paid", "ORDERS_PAID", true;
    OrdersUpdated = "orders/updated", "ORDERS_UPDATED", true;
    OrdersCancelled = "orders/cancelled", "ORDERS_CANCELLED", true;
    RefundsCreate = "refunds/create", "REFUNDS_CREATE", true;
    CustomersMerge = "customers/merge", "CUSTOMERS_MERGE", true;
    CustomersDelete = "customers/delete", "CUSTOMERS_DELETE", true;
    AppUninstalled = "app/uninstalled", "APP_UNINSTALLED", true;
    CustomersDataRequest = "customers/data_request", "", false;
    CustomersRedact = "customers/redact", "", false;
    ShopRedact = "shop/redact", "", false;
}

impl Topic {
    pub fn from_slug(slug: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|topic| topic.slug() == slug)
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|topic| topic.name() == name)
    }
}

/// Where the app's own configuration wants every topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    pub url: Option<String>,
    /// Signs all deliveries, those to subscriptions too.
    pub secret: String,
}

/// A subscription that was made through the Admin API.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Subscription {
    /// Number of the `WebhookSubscription` gid.
    pub id: u64,
    pub topic: Topic,
    pub uri: String,
    pub created_at: Millis,
}

/// One message to one address.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delivery {
    pub id: u64,
    /// `X-Shopify-Webhook-Id`: the same when it is sent again.
    pub webhook_id: String,
    /// `X-Shopify-Event-Id`: shared by all messages of one happening.
    pub event_id: String,
    pub topic: Topic,
    /// The subscription that it is for; `None`: the target, wherever that is by then.
    pub subscription: Option<u64>,
    pub body: String,
    pub triggered_at: Millis,
    /// When it is tried next.
    pub due_at: Millis,
    /// Waits until a later one has been tried, but not longer than `due_at`.
    pub held: bool,
    pub tries: u32,
    pub state: DeliveryState,
    /// What came of the last try.
    pub last: Option<String>,
    /// The switchboard's fault, if it was spoiled.
    pub fault: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up after the last retry.
    Failed,
    /// Never sent, on purpose.
    Dropped,
}

/// What came of one try.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Tried {
    pub id: u64,
    pub at: Millis,
    pub delivered: bool,
    /// The status, or why there was none.
    pub what: String,
    /// When to try again; `None` after the last retry.
    pub again_at: Option<Millis>,
}

impl Delivery {
    /// Whether it may be tried now.
    pub fn due(&self, now: Millis) -> bool {
        self.state == DeliveryState::Pending && self.due_at <= now
    }

    pub fn apply(&mut self, tried: &Tried) {
        self.tries += 1;
        self.held = false;
        self.last = Some(tried.what.clone());
        match (tried.delivered, tried.again_at) {
            (true, _) => self.state = DeliveryState::Delivered,
            (false, Some(at)) => self.due_at = at,
            (false, None) => self.state = DeliveryState::Failed,
        }
    }
}

/// Finished deliveries that are kept to be looked at.
const KEPT: usize = 1_000;
const FIRST_SUBSCRIPTION: u64 = 1_390_000_000_001;

/// Who wants what, and what is on its way.
pub struct Outbox {
    pub target: Target,
    pub subscriptions: BTreeMap<u64, Subscription>,
    pub deliveries: BTreeMap<u64, Delivery>,
    pending: BTreeSet<u64>,
    next_delivery: u64,
    next_subscription: u64,
}

impl Outbox {
    pub fn empty() -> Self {
        Self {
            target: Target { url: None, secret: String::new() },
            subscriptions: BTreeMap::new(),
            deliveries: BTreeMap::new(),
            pending: BTreeSet::new(),
            next_delivery: 1,
            next_subscription: FIRST_SUBSCRIPTION,
        }
    }

    pub fn next_delivery(&self) -> u64 {
        self.next_delivery
    }

    pub fn next_subscription(&self) -> u64 {
        self.next_subscription
    }

    /// Those that are not finished, oldest first.
    pub fn pending(&self) -> impl Iterator<Item = &Delivery> {
        self.pending.iter().filter_map(|id| self.deliveries.get(id))
    }

    /// Who is to hear of this topic: the target (`None`), and each subscription that has another
    /// address.
    pub fn wanting(&self, topic: Topic) -> Vec<Option<u64>> {
        let target = self.target.url.as_deref();
        let others = self.subscriptions.values();
        let others = others
            .filter(|of| of.topic == topic && target != Some(of.uri.as_str()))
            .map(|of| of.id);
        target.map(|_| None).into_iter().chain(others.map(Some)).collect()
    }

    /// Where a delivery goes; `None` when nobody wants it any more.
    pub fn address_of(&self, subscription: Option<u64>) -> Option<String> {
        match subscription {
            None => self.target.url.clone(),
            Some(id) => self.subscriptions.get(&id).map(|of| of.uri.clone()),
        }
    }

    pub fn queue(&mut self, deliveries: Vec<Delivery>) {
        for delivery in deliveries {
            self.next_delivery = self.next_delivery.max(delivery.id + 1);
            if delivery.state == DeliveryState::Pending {
                self.pending.insert(delivery.id);
            }
            self.deliveries.insert(delivery.id, delivery);
        }
        while self.deliveries.len() - self.pending.len() > KEPT {
            let finished = self.deliveries.keys().find(|id| !self.pending.contains(id));
            let Some(oldest) = finished.copied() else { break };
            self.deliveries.remove(&oldest);
        }
    }

    pub fn tried(&mut self, tried: &Tried) {
        let Some(delivery) = self.deliveries.get_mut(&tried.id) else { return };
        delivery.apply(tried);
        if delivery.state != DeliveryState::Pending {
            self.pending.remove(&tried.id);
        }
        // What was held back for a later one goes now.
        for id in self.pending.range(..tried.id) {
            if let Some(held) = self.deliveries.get_mut(id).filter(|of| of.held) {
                held.held = false;
                held.due_at = tried.at;
            }
        }
    }

    /// By hand: as if it had never been tried.
    pub fn again(&mut self, id: u64, at: Millis) {
        if let Some(delivery) = self.deliveries.get_mut(&id) {
            delivery.state = DeliveryState::Pending;
            (delivery.due_at, delivery.tries, delivery.held) = (at, 0, false);
            self.pending.insert(id);
        }
    }

    pub fn subscribe(&mut self, new: Subscription) {
        self.next_subscription = self.next_subscription.max(new.id + 1);
        self.subscriptions.insert(new.id, new);
    }
}
