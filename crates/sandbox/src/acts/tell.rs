//! Webhooks that a person sends from the switchboard.

use std::io;

use crate::acts::{Act, Stop};
use crate::books::{Entry, Topic};
use crate::webhooks::Message;

impl Act<'_> {
    /// Queues a webhook about a customer, an order or the shop; how many deliveries there are.
    pub fn tell(&mut self, topic: Topic, about: Option<u64>) -> Result<usize, Stop> {
        let bodies = self.bodies();
        let id = about.unwrap_or_default();
        let body = match topic {
            Topic::AppUninstalled => bodies.app_uninstalled(),
            Topic::ShopRedact => bodies.shop_redact(),
            Topic::CustomersDataRequest => bodies.compliance(id, "orders_requested"),
            Topic::CustomersRedact => bodies.compliance(id, "orders_to_redact"),
            _ => bodies.order(&self.order(id)?),
        };
        match self.queued(about, vec![Message { topic, body }]) {
            Some(Entry::Webhooks(deliveries)) => {
                let count = deliveries.len();
                self.commit_all(vec![Entry::Webhooks(deliveries)])?;
                Ok(count)
            }
            _ => Ok(0),
        }
    }

    /// Whether there is such a delivery; it is due now.
    pub fn send_again(&mut self, id: u64) -> io::Result<bool> {
        let known = self.open.books().webhooks.deliveries.contains_key(&id);
        if known {
            self.commit_all(vec![Entry::WebhookAgain { id, at: self.now }])?;
        }
        Ok(known)
    }
}
