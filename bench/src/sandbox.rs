//! The sandbox's own API: customers, settings, latency, faults, books.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::books::Books;
use crate::chance::Chance;
use crate::clock;
use crate::http::{Connection, request};
use crate::reversals::truth::Returns;
use crate::service::{SHOP, Till, WEBHOOK_SECRET};

/// Points that a customer has before the load begins: more than any run converts.
pub const BALANCE: i64 = 1_000_000_000;

/// Calls by name: how many, and the cost points that they were charged.
#[derive(Debug, Deserialize)]
pub struct Calls {
    pub calls: BTreeMap<String, u64>,
    pub spent: BTreeMap<String, u64>,
}

/// What can happen to a call, with the longest time that each may take, in seconds.
pub const FAULTS: &[(&str, u64)] = &[
    ("refuse", 0),
    ("error_before", 0),
    ("error_after", 0),
    ("late", 18),
    ("apply_never_answer", 18),
    ("never", 18),
    ("apply_later", 8),
    ("reset", 0),
    ("garbage", 0),
    ("throttle", 0),
];

/// One of them, and after how many seconds it is over.
pub fn drawn(faults: &[(&'static str, u64)], chance: &mut Chance) -> (&'static str, f64) {
    let (fault, longest) = faults[chance.below(faults.len())];
    let after_ms = chance.below((longest * 1_000) as usize + 1);
    (fault, after_ms as f64 / 1e3)
}

/// Where to reach a sandbox's switchboard. Each call opens its own connection.
#[derive(Clone, Copy)]
pub struct Switchboard {
    pub at: SocketAddr,
}

impl Switchboard {
    /// Makes customers `from`, `from + 1`, … with [`BALANCE`] points each.
    pub async fn customers(&self, from: u64, count: u64) -> Result<()> {
        let body = json!({ "from": from, "count": count, "balance": BALANCE });
        self.send("POST", "customers/bulk", &body).await
    }

    /// A bucket that never runs dry: what is measured is Kaeru, not Shopify's limit.
    pub async fn no_throttling(&self) -> Result<()> {
        self.bucket(2_000_000_000, 2_000_000_000).await
    }

    /// What the points book can do.
    pub async fn till(&self, till: &Till) -> Result<()> {
        let body = json!({ "lookup": till.lookup, "idempotency": till.idempotency });
        self.send("PUT", "settings", &body).await
    }

    /// Shopify's limit: cost points when full, and how many come back each second.
    pub async fn bucket(&self, maximum: u32, restore_per_s: u32) -> Result<()> {
        let body = json!({ "maximum": maximum, "restore_per_s": restore_per_s });
        self.send("PUT", "settings", &body).await
    }

    /// Cost points in the bucket now.
    pub async fn available(&self) -> Result<f64> {
        let settings: Value = self.read("settings").await?;
        settings["available"].as_f64().context("the sandbox's settings have no `available`")
    }

    /// `seed`: the merchant's own latencies; `none`.
    pub async fn latency(&self, preset: &str) -> Result<()> {
        self.send("PUT", "latency", &json!({ "preset": preset })).await
    }

    /// Spoils calls, see INTERFACE.md §6.
    pub async fn fault(&self, call: &str, fault: &str, times: u32, after_s: f64) -> Result<()> {
        let body = json!({ "call": call, "fault": fault, "times": times, "after_s": after_s });
        self.send("PUT", "faults", &body).await
    }

    /// Ends all faults that are set.
    pub async fn heal(&self) -> Result<()> {
        self.send("DELETE", "faults", &Value::Null).await
    }

    /// Webhooks go to the service there.
    pub async fn tell_by_webhook(&self, kaeru: SocketAddr) -> Result<()> {
        let url = format!("http://{kaeru}/webhooks/shopify/{SHOP}");
        let body = json!({ "webhook_url": url, "webhook_secret": WEBHOOK_SECRET });
        self.send("PUT", "settings", &body).await
    }

    /// Whether store credit goes back by itself, whatever a cancellation says of the payments.
    pub async fn reverts_by_itself(&self, on: bool) -> Result<()> {
        self.send("PUT", "settings", &json!({ "auto_revert": on })).await
    }

    /// How much later than a cancellation store credit goes back by itself.
    pub async fn reverts_lag(&self, ms: u64) -> Result<()> {
        self.send("PUT", "settings", &json!({ "revert_lag_ms": ms })).await
    }

    /// Store credit by hand, as staff can give it in Shopify's admin.
    pub async fn give_credit(
        &self,
        customer: u64,
        amount: i64,
        runs_out: Option<Duration>,
    ) -> Result<()> {
        let at = runs_out.map(clock::after).transpose()?;
        let (customer, amount) = (customer.to_string(), amount.to_string());
        let body = json!({ "customer": customer, "amount": amount, "expires_at": at });
        self.send("POST", "credits", &body).await
    }

    /// A checkout; the order.
    pub async fn order(&self, cart: &Value) -> Result<Value> {
        let read = |body: &[u8]| Ok(serde_json::from_slice(body)?);
        self.ask("POST", "orders", &cart.to_string(), read).await
    }

    /// An unpaid order's end, with which nothing goes back.
    pub async fn cancel(&self, order: &str) -> Result<()> {
        let how = json!({ "by": "expired_payment", "refund": false });
        self.send("POST", &format!("orders/{order}/cancel"), &how).await
    }

    /// Calls received so far and what they cost, by name.
    pub async fn calls(&self) -> Result<Calls> {
        self.read("books").await
    }

    /// Faults that have met no call yet.
    pub async fn faults_left(&self) -> Result<usize> {
        let set: Value = self.read("faults").await?;
        Ok(set["faults"].as_array().map_or(0, Vec::len))
    }

    /// The other side's truth about what came back.
    pub async fn returns(&self) -> Result<Returns> {
        self.read("books").await
    }

    /// The other side's truth.
    pub async fn books(&self) -> Result<Books> {
        self.read("books").await
    }

    async fn send(&self, method: &str, what: &str, body: &Value) -> Result<()> {
        let text = if body.is_null() { String::new() } else { body.to_string() };
        self.ask(method, what, &text, |_| Ok(())).await
    }

    async fn read<T: DeserializeOwned>(&self, what: &str) -> Result<T> {
        self.ask("GET", what, "", |body| Ok(serde_json::from_slice(body)?)).await
    }

    async fn ask<T>(
        &self,
        method: &str,
        what: &str,
        body: &str,
        read: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<T> {
        let path = format!("/sandbox/api/{what}");
        let mut connection = Connection::open(self.at).await.context("no sandbox there")?;
        let answer = connection.ask(&request(method, &path, &[], body)).await?;
        if !(200..300).contains(&answer.status) {
            let text = String::from_utf8_lossy(answer.body);
            bail!("the sandbox refused {method} {path} ({}): {text}", answer.status);
        }
        read(answer.body)
    }
}
