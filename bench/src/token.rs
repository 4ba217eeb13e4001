//! Customers' tokens, as the shop's own login would sign them.

use anyhow::Result;
use jsonwebtoken::{EncodingKey, Header, encode};
use serde::Serialize;

use crate::clock;

/// Longer than any run.
const VALID_S: u64 = 24 * 60 * 60;

#[derive(Serialize)]
struct Claims<'a> {
    sub: String,
    aud: &'a str,
    exp: u64,
}

/// An `Authorization` header line for the customer (the number of its gid).
///
/// # Errors
/// When the token cannot be signed.
pub fn authorization(secret: &str, shop: &str, customer: u64) -> Result<String> {
    let exp = clock::unix_seconds() + VALID_S;
    let claims = Claims { sub: customer.to_string(), aud: shop, exp };
    let key = EncodingKey::from_secret(secret.as_bytes());
    Ok(format!("Authorization: Bearer {}", encode(&Header::default(), &claims, &key)?))
}
