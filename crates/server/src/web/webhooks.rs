//! `POST /webhooks/shopify/{shop}`: checked, kept, answered. What it says is worked on afterwards.

use super::error::ApiError;
use crate::{
    app::{App, Shop},
    bell::Due,
    store::inbox::{self, Arrival},
};
use axum::{
    Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Path, State, rejection::BytesRejection},
    http::{HeaderMap, StatusCode},
    routing::post,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{At, ShopId};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::{ExposeSecret, SecretString};
use sha2::Sha256;
use std::sync::Arc;

/// Shopify's largest orders have a few hundred lines.
const LARGEST: usize = 2 * 1024 * 1024;
/// No id and no topic is longer.
const LONGEST_NAME: usize = 255;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/webhooks/shopify/{shop}", post(receive))
        .layer(DefaultBodyLimit::max(LARGEST))
}

async fn receive(
    State(app): State<Arc<App>>,
    Path(shop): Path<String>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, ApiError> {
    let body = body.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(),
        _ => ApiError::invalid("the body could not be read".to_owned()),
    })?;
    let shop = app.shops.get(&ShopId(shop)).ok_or_else(ApiError::not_found)?;
    let arrival = check(shop, &headers, body, app.now()).inspect_err(|error| {
        metrics::counter!("kaeru_webhooks_refused_total", "why" => error.code).increment(1);
    })?;
    let topic = arrival.topic.clone();
    let new = inbox::keep(&app.database, arrival).await?;
    metrics::counter!("kaeru_webhooks_total", "topic" => topic, "new" => new.to_string())
        .increment(1);
    if new {
        app.bell.wake(Due::Webhooks);
    }
    Ok(StatusCode::OK)
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let value = headers.get(name)?.to_str().ok()?.trim();
    (!value.is_empty() && value.len() <= LONGEST_NAME).then_some(value)
}

/// The signature first: what an unsigned request says is not even looked at.
fn check(shop: &Shop, headers: &HeaderMap, body: Bytes, now: At) -> Result<Arrival, ApiError> {
    let signature = header(headers, "x-shopify-hmac-sha256");
    let signature = signature.and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
    if !shop.webhook_secrets.iter().any(|secret| signed(secret, &body, &signature)) {
        let mut error = ApiError::new("unauthenticated", StatusCode::UNAUTHORIZED);
        error.detail = Some("X-Shopify-Hmac-Sha256 does not fit the body".to_owned());
        return Err(error);
    }
    let domain = header(headers, "x-shopify-shop-domain").unwrap_or_default();
    if !domain.eq_ignore_ascii_case(&shop.domain) {
        return Err(ApiError::new("wrong-shop", StatusCode::FORBIDDEN));
    }
    let wanted = |name: &str| {
        let found = header(headers, name).map(str::to_owned);
        found.ok_or_else(|| ApiError::invalid(format!("the header {name} is missing")))
    };
    let id = wanted("x-shopify-webhook-id")?;
    let topic = wanted("x-shopify-topic")?.to_lowercase();
    let body = String::from_utf8(body.into())
        .map_err(|_| ApiError::invalid("the body is not UTF-8".to_owned()))?;
    let triggered_at = header(headers, "x-shopify-triggered-at")
        .and_then(|text| text.parse::<jiff::Timestamp>().ok())
        .map(At::from);
    Ok(Arrival { shop: shop.id.clone(), id, topic, body, triggered_at, at: now })
}

/// Compared in constant time.
fn signed(secret: &SecretString, body: &[u8], signature: &[u8]) -> bool {
    Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes())
        .is_ok_and(|mac| mac.chain_update(body).verify_slice(signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signatures_as_shopify_makes_them() {
        let secret = SecretString::from("hush");
        // printf '{"id":1}' | openssl dgst -sha256 -hmac hush -binary | base64
        let good = "VnKUjZsLuN5iZWjn5EntcBVCF9kMN43LglzCE1/GSeY=";
        let body = br#"{"id":1}"#;
        for (secret, body, signature, fits) in [
            (&secret, &body[..], good, true),
            (&SecretString::from("other"), &body[..], good, false),
            (&secret, br#"{"id":2}"#, good, false),
            (&secret, &body[..], "", false),
            (&secret, &body[..], &good[..20], false),
        ] {
            let signature = STANDARD.decode(signature).unwrap_or_default();
            assert_eq!(signed(secret, body, &signature), fits);
        }
    }
}
