//! What can be changed while the sandbox runs.

use std::sync::atomic::Ordering;

use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Deserializer};
use serde_json::json;

use super::api::read;
use super::{problem, unwritten};
use crate::Sandbox;
use crate::books::{Entry, Target};
use crate::options::Bucket;
use crate::reply::Reply;
use crate::settings::{ms, on};

pub async fn settings(State(sandbox): State<Sandbox>) -> Reply {
    let (settings, level) = (&sandbox.inner.settings, sandbox.inner.bucket.level());
    let target = sandbox.inner.books.with(|open| open.books().webhooks.target.url.clone());
    Reply::json(
        StatusCode::OK,
        &json!({
            "lookup": on(&settings.lookup),
            "idempotency": on(&settings.idempotency),
            "expiry": on(&settings.expiry),
            "usage_lag_ms": ms(&settings.usage_lag_ms),
            "orders_lag_ms": ms(&settings.orders_lag_ms),
            "job_ms": ms(&settings.job_ms),
            "revert_lag_ms": ms(&settings.revert_lag_ms),
            "auto_revert": on(&settings.auto_revert),
            "webhook_url": target,
            "webhook_delay_ms": ms(&settings.webhook_delay_ms),
            "maximum": level.maximum,
            "restore_per_s": level.restore_per_s,
            "available": level.available,
        }),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSettings {
    lookup: Option<bool>,
    idempotency: Option<bool>,
    expiry: Option<bool>,
    usage_lag_ms: Option<u64>,
    orders_lag_ms: Option<u64>,
    job_ms: Option<u64>,
    revert_lag_ms: Option<u64>,
    auto_revert: Option<bool>,
    /// Null: nobody is told any more.
    #[serde(default, deserialize_with = "given")]
    webhook_url: Option<Option<String>>,
    webhook_secret: Option<String>,
    webhook_delay_ms: Option<u64>,
    maximum: Option<u32>,
    restore_per_s: Option<u32>,
}

/// Tells a null from what was left out.
fn given<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(value).map(Some)
}

/// Sets what is given; the webhooks' target survives a restart, the rest does not.
pub async fn set_settings(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let new: NewSettings = read(&body)?;
    let now = &sandbox.inner.settings;
    aim(&sandbox, &new)?;
    for (switch, wanted) in [
        (&now.lookup, new.lookup),
        (&now.idempotency, new.idempotency),
        (&now.expiry, new.expiry),
        (&now.auto_revert, new.auto_revert),
    ] {
        if let Some(wanted) = wanted {
            switch.store(wanted, Ordering::Relaxed);
        }
    }
    for (time, wanted) in [
        (&now.usage_lag_ms, new.usage_lag_ms),
        (&now.orders_lag_ms, new.orders_lag_ms),
        (&now.job_ms, new.job_ms),
        (&now.revert_lag_ms, new.revert_lag_ms),
        (&now.webhook_delay_ms, new.webhook_delay_ms),
    ] {
        if let Some(wanted) = wanted {
            time.store(wanted, Ordering::Relaxed);
        }
    }
    if new.maximum.is_some() || new.restore_per_s.is_some() {
        let level = sandbox.inner.bucket.level();
        sandbox.inner.bucket.resize(Bucket {
            maximum: new.maximum.unwrap_or(level.maximum),
            restore_per_s: new.restore_per_s.unwrap_or(level.restore_per_s),
        });
    }
    Ok(settings(State(sandbox)).await)
}

fn aim(sandbox: &Sandbox, new: &NewSettings) -> Result<(), Reply> {
    if new.webhook_url.is_none() && new.webhook_secret.is_none() {
        return Ok(());
    }
    if let Some(Some(url)) = &new.webhook_url
        && !(url.starts_with("http://") || url.starts_with("https://"))
    {
        let detail = "webhook_url: an address that begins with http:// or https://, or null";
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail));
    }
    let aimed = sandbox.inner.books.with(|open| {
        let before = open.books().webhooks.target.clone();
        open.commit(Entry::WebhookTarget(Target {
            url: new.webhook_url.clone().unwrap_or(before.url),
            secret: new.webhook_secret.clone().unwrap_or(before.secret),
        }))
    });
    aimed.map_err(|error| unwritten(&error))?;
    sandbox.inner.sender.wake(sandbox);
    Ok(())
}
