//! How a sandbox is set up. `Options::default()` is the demo.

use std::path::PathBuf;
use std::time::Duration;

/// Shopify's leaky bucket of query cost points.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bucket {
    /// Points when full.
    pub maximum: u32,
    /// Points that come back each second.
    pub restore_per_s: u32,
}

/// What a sandbox is made of. The defaults are the demo's.
#[derive(Debug, Clone)]
pub struct Options {
    /// The shop's `myshopify.com` name, as `shop.myshopifyDomain` answers it.
    pub shop_domain: String,
    /// The shop's display name.
    pub shop_name: String,
    /// The API version that is served, whatever version the path asks for.
    pub api_version: String,
    /// A static Admin token that never expires.
    pub access_token: String,
    /// For `grant_type=client_credentials`.
    pub client_id: String,
    /// For `grant_type=client_credentials`; also signs the tokens that are issued.
    pub client_secret: String,
    /// The POS's bearer token.
    pub pos_token: String,
    /// The POS answers `GET …/points/transactions?reference=…`.
    pub lookup: bool,
    /// The POS honours `Idempotency-Key`.
    pub idempotency: bool,
    /// The POS honours `expires_at` when points are added.
    pub expiry: bool,
    /// Where every webhook goes. `None`: where the journal says, or nowhere.
    pub webhook_url: Option<String>,
    /// Signs the webhooks.
    pub webhook_secret: String,
    /// Shopify's rate limit: a standard plan by default.
    pub bucket: Bucket,
    /// Where every change of the books is written before it is answered. `None`: memory only.
    pub journal: Option<PathBuf>,
    /// IANA name of the shop's time zone.
    pub timezone: String,
    /// ISO 4217 code of the shop's currency; one that the Admin schema of the sandbox knows.
    pub currency: String,
    /// How much later than the order `asyncUsageCount` learns of a use.
    pub usage_lag: Duration,
    /// How much later than an order, or a change of it, `orders(query)` finds it so. `order(id)`
    /// knows it at once.
    pub orders_lag: Duration,
    /// How long what is promised takes: `orderCancel`, `customerMerge`.
    pub job_time: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            shop_domain: "demo.myshopify.com".into(),
            shop_name: "Kaeru demo shop".into(),
            api_version: "2026-10".into(),
            access_token: "demo-shopify-token".into(),
            client_id: "demo-client-id".into(),
            client_secret: "demo-client-secret".into(),
            pos_token: "demo-pos-token".into(),
            lookup: true,
            idempotency: false,
            expiry: true,
            webhook_url: None,
            webhook_secret: "demo-webhook-secret".into(),
            bucket: Bucket { maximum: 2_000, restore_per_s: 100 },
            journal: None,
            timezone: "Asia/Tokyo".into(),
            currency: "JPY".into(),
            usage_lag: Duration::from_secs(2),
            orders_lag: Duration::ZERO,
            job_time: Duration::from_millis(300),
        }
    }
}
