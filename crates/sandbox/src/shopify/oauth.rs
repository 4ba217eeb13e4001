//! `POST /admin/oauth/access_token`: client credentials, form or JSON.
//!
//! An issued token carries its own expiry and a signature, so that it outlives a restart without
//! being stored anywhere.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::calls::Call;
use crate::clock::{self, Seconds};
use crate::perform::{Mode, perform, too_many};
use crate::reply::Reply;
use crate::{Options, Sandbox};

/// Seconds that a token is valid; Shopify says one less.
const VALID_S: Seconds = 86_400;

/// Answers a token request.
pub async fn access_token(
    State(sandbox): State<Sandbox>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    sandbox.inner.counters.received(Call::ShopifyToken);
    let fault = sandbox.inner.faults.take(Call::ShopifyToken, Vec::new);
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let given = if kind.is_some_and(|kind| kind.starts_with("application/json")) {
        serde_json::from_slice::<Map<String, Value>>(&body).unwrap_or_default()
    } else {
        form(&body)
    };
    let of = sandbox.clone();
    let grant = move |mode| match mode {
        Mode::Apply => grant(&of.inner.options, &given),
        Mode::Refuse => {
            error("shop_not_permitted", "Client credentials cannot be performed on this shop.")
        }
        Mode::Throttle => too_many(r#"{"error":"too_many_requests"}"#),
    };
    perform(&sandbox, Call::ShopifyToken, fault, grant).await.into_response()
}

fn grant(options: &Options, given: &Map<String, Value>) -> Reply {
    let is = |name: &str, wanted: &str| given.get(name).and_then(Value::as_str) == Some(wanted);
    if !is("grant_type", "client_credentials") {
        return error("unsupported_grant_type", "The sandbox knows client_credentials only.");
    }
    if !is("client_id", &options.client_id) || !is("client_secret", &options.client_secret) {
        return error("invalid_client", "The client id or the client secret is wrong.");
    }
    let expires = clock::now_ms().div_euclid(1_000) + VALID_S;
    let body = json!({
        "access_token": token(options, expires),
        "scope": super::shop::scopes(),
        "expires_in": VALID_S - 1,
    });
    Reply::json(StatusCode::OK, &body)
}

/// Whether the token opens the Admin API: the static one, or one issued and still valid.
pub fn accepts(options: &Options, given: &str) -> bool {
    if given == options.access_token {
        return true;
    }
    let expires = given.strip_prefix("shpat_").and_then(|rest| rest.split_once('_'));
    let Some(expires) = expires.and_then(|(expires, _)| expires.parse::<Seconds>().ok()) else {
        return false;
    };
    clock::now_ms().div_euclid(1_000) < expires && token(options, expires) == given
}

fn token(options: &Options, expires: Seconds) -> String {
    use std::fmt::Write as _;
    // HMAC takes a key of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(options.client_secret.as_bytes()) else {
        return String::new();
    };
    mac.update(&expires.to_be_bytes());
    let mut token = format!("shpat_{expires}_");
    for byte in &mac.finalize().into_bytes()[..16] {
        let _ = write!(token, "{byte:02x}");
    }
    token
}

fn error(code: &str, description: &str) -> Reply {
    let body = json!({ "error": code, "error_description": description });
    Reply::json(StatusCode::BAD_REQUEST, &body)
}

/// `application/x-www-form-urlencoded`.
fn form(body: &[u8]) -> Map<String, Value> {
    let text = String::from_utf8_lossy(body);
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key), Value::String(decode(value)))
    };
    text.split('&').map(pair).collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        match (first, hex.and_then(|hex| u8::from_str_radix(hex, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = &after[2..];
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
        rest = after;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
