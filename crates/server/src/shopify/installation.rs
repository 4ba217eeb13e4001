//! What the app may do at Shopify, and which webhooks are sent to it: for the doctor and for
//! `kaeru webhooks`.

use super::{
    Shopify,
    operations::{self, installation, webhook_subscribe},
    user_error::none_of,
};
use crate::{
    http_client::Deadline,
    outcome::{self, Stop},
};
use engine::ports::Answer;
use std::time::Duration;

/// Without these some flow is refused. Writing includes reading.
const SCOPES: [&str; 5] = [
    "write_discounts",
    "write_customers",
    "write_orders",
    "read_store_credit_accounts",
    "write_store_credit_account_transactions",
];

/// The topics that Kaeru works on, as a webhook names them. Those of privacy law are in the app's
/// configuration only.
pub const TOPICS: [&str; 8] = [
    "orders/create",
    "orders/paid",
    "orders/updated",
    "orders/cancelled",
    "refunds/create",
    "customers/merge",
    "customers/delete",
    "app/uninstalled",
];

/// The app as Shopify knows it.
#[derive(Clone, Debug)]
pub struct Installation {
    scopes: Vec<String>,
    /// ISO 4217.
    pub currency: String,
    /// Such as `example.myshopify.com`.
    pub domain: String,
    subscriptions: Vec<(String, String)>,
}

impl Installation {
    /// Scopes that are needed and were not granted.
    pub fn missing_scopes(&self) -> Vec<&'static str> {
        let granted = |scope: &&str| self.scopes.iter().any(|granted| granted == scope);
        SCOPES.into_iter().filter(|scope| !granted(scope)).collect()
    }

    /// Topics that nobody subscribed to through the API for that address. Subscriptions in the
    /// app's own configuration are not told.
    pub fn missing_topics(&self, address: &str) -> Vec<&'static str> {
        let there = |topic: &&str| {
            let wanted = name(topic);
            self.subscriptions.iter().any(|(topic, uri)| *topic == wanted && uri == address)
        };
        TOPICS.into_iter().filter(|topic| !there(topic)).collect()
    }
}

/// `orders/create` as the API names it: `ORDERS_CREATE`.
fn name(topic: &str) -> String {
    topic.replace('/', "_").to_uppercase()
}

impl Shopify {
    pub async fn installation(&self, limit: Duration) -> Answer<Installation> {
        let variables = installation::Variables {};
        let data = self.admin.call::<operations::Installation>(variables, Deadline::after(limit));
        outcome::answer(data.await.map(|data| {
            Installation {
                scopes: data
                    .current_app_installation
                    .access_scopes
                    .into_iter()
                    .map(|scope| scope.handle)
                    .collect(),
                currency: data.shop.currency_code,
                domain: data.shop.myshopify_domain,
                subscriptions: data
                    .webhook_subscriptions
                    .nodes
                    .into_iter()
                    .map(|of| (of.topic, of.uri))
                    .collect(),
            }
        }))
    }

    /// Subscribes to a topic. Sent twice, the second is refused: one subscription stands.
    pub async fn subscribe(&self, topic: &str, uri: &str, limit: Duration) -> Answer<()> {
        outcome::answer(self.try_subscribe(topic, uri, Deadline::after(limit)).await)
    }

    async fn try_subscribe(&self, topic: &str, uri: &str, until: Deadline) -> Result<(), Stop> {
        let variables = webhook_subscribe::Variables { topic: name(topic), uri: uri.to_owned() };
        let data = self.admin.call::<operations::WebhookSubscribe>(variables, until).await?;
        let payload = data.webhook_subscription_create.ok_or(Stop::UNREADABLE)?;
        match none_of(payload.user_errors) {
            Err(error) if error.message.contains("already been taken") => Ok(()),
            Err(error) => Err(Stop::other(error.message)),
            Ok(()) => Ok(()),
        }
    }
}
