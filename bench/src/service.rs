//! The service's configuration as the bench writes it.

use std::net::SocketAddr;
use std::path::Path;

/// The shop's id in tokens.
pub const SHOP: &str = "main";
/// Whoever knows it signs tokens.
pub const JWT_SECRET: &str = "bench-secret-bench-secret-bench-secret";

/// Signs webhooks.
pub const WEBHOOK_SECRET: &str = "bench-webhooks";

/// What the points book can do, and what the service is told of it.
#[derive(Clone, Copy)]
pub struct Till {
    pub lookup: bool,
    pub idempotency: bool,
    /// How long a lost request may still land.
    pub horizon: &'static str,
}

impl Till {
    pub const USUAL: Self = Self { lookup: true, idempotency: false, horizon: "10m" };
}

/// `kaeru.toml`: sandbox peers, limits that no load reaches, any free port.
pub fn configuration(database: &str, peers: SocketAddr, till: &Till) -> String {
    let Till { lookup, idempotency, horizon } = till;
    format!(
        r#"[server]
listen = "127.0.0.1:0"
public_url = "http://127.0.0.1"

[database]
url = "{database}"

[[shop]]
id = "{SHOP}"
domain = "demo.myshopify.com"
timezone = "Asia/Tokyo"
currency = "JPY"
locale = "en"

[shop.shopify]
base_url = "http://{peers}"
api_version = "2026-10"
access_token = "demo-shopify-token"
webhook_secret = "{WEBHOOK_SECRET}"

[shop.points]
kind = "http"
base_url = "http://{peers}/pos"
token = "demo-pos-token"
lookup = {lookup}
idempotency = {idempotency}
horizon = "{horizon}"

[shop.rules]
minimum = 100
unit = 100
daily_limit = 1000000000
money_per_point = "1"
valid_days = 365

[shop.customers]
jwt_secret = "{JWT_SECRET}"
"#
    )
}

/// The embedded database in this folder.
pub fn sqlite(folder: &Path) -> String {
    format!("sqlite://{}", folder.join("kaeru.db").display())
}
