//! Shopify: typed operations, tokens, the cost bucket, and the coupon's port.
//!
//! ```text
//!   coupons ─┐                     ┌─ tokens     static, or client credentials
//!   record  ─┼─▶ admin::call::<O> ─┼─ limiter ─▶ bucket   never throttled, never idle
//!   customer ┘    operations/*     └─ envelope   what the answer proves
//! ```

mod admin;
mod bucket;
mod coupons;
mod customer;
mod envelope;
pub mod installation;
mod limiter;
mod metafield;
mod operations;
pub mod order_read;
pub mod orders;
mod record;
pub mod standing;
mod tokens;
mod user_error;

pub use customer::{Contact, CustomerCard};
pub use tokens::Auth;

use crate::http_client::HttpClient;
use admin::Admin;
use domain::CustomerId;
use iso_currency::Currency;
use record::Recorder;
use std::{sync::Arc, time::Duration};

/// One shop's Shopify, and what Kaeru asks of it.
#[derive(Clone, Debug)]
pub struct Settings {
    pub base_url: String,
    /// Such as `2026-10`.
    pub api_version: String,
    pub auth: Auth,
    /// The shop's: Shopify takes a coupon's amount in it.
    pub currency: Currency,
    pub combines_with: CombinesWith,
    pub pos_id: Source,
    pub member_no: Source,
    pub linger: Linger,
}

/// How long a coupon's entry waits for others, before one call writes them into the metafields.
/// Nobody waits for it: the answer is given before.
#[derive(Clone, Copy, Debug)]
pub struct Linger {
    /// Where Shopify's points are plenty.
    pub shortest: Duration,
    /// Where calls have to wait for points.
    pub longest: Duration,
}

impl Default for Linger {
    fn default() -> Self {
        Self { shortest: Duration::from_millis(250), longest: Duration::from_secs(3) }
    }
}

/// Which other discounts a coupon may meet in a cart.
#[derive(Clone, Copy, Debug, Default)]
pub struct CombinesWith {
    pub order: bool,
    pub product: bool,
    pub shipping: bool,
}

/// Where a customer's number at the till, or on the card, is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    ShopifyId,
    Metafield { namespace: String, key: String },
}

/// One shop at Shopify: its coupons, and its customers' cards.
pub struct Shopify {
    admin: Arc<Admin>,
    recorder: Recorder,
    currency: Currency,
    combines_with: CombinesWith,
    pos_id: Source,
    member_no: Source,
}

/// Points that hardly any act on an order costs less than.
const CHEAPEST: u32 = 10;
/// A line that everybody can live with.
const SHORT_LINE: Duration = Duration::from_secs(1);
/// How often the line is looked at.
const LOOK: Duration = Duration::from_millis(25);

impl Shopify {
    pub fn new(settings: Settings, client: HttpClient) -> Self {
        let admin = Arc::new(Admin::new(&settings, client));
        Self {
            recorder: Recorder::new(Arc::clone(&admin), settings.linger),
            admin,
            currency: settings.currency,
            combines_with: settings.combines_with,
            pos_id: settings.pos_id,
            member_no: settings.member_no,
        }
    }

    /// So many processes share the shop's limit at Shopify, each its slice.
    pub fn share_limit(&self, processes: u32) {
        self.admin.share_limit(processes);
    }
}

impl Shopify {
    /// Whoever does many things one after the other waits before each until those who wait for
    /// points are served, and no longer than `most`. Where there are plenty it does not wait.
    pub async fn room(&self, most: Duration) {
        let limiter = self.admin.limiter();
        let until = tokio::time::Instant::now() + most;
        if limiter.scarcity() == 0.0 {
            return;
        }
        tokio::time::sleep(limiter.restores(CHEAPEST)).await;
        while limiter.line() > SHORT_LINE && tokio::time::Instant::now() < until {
            tokio::time::sleep(LOOK).await;
        }
    }

    /// What waits to be written into metafields waits no longer.
    pub fn hurry(&self) {
        self.recorder.hurry();
    }
}

fn customer_gid(id: CustomerId) -> String {
    format!("gid://shopify/Customer/{id}")
}

#[cfg(test)]
mod tests;
