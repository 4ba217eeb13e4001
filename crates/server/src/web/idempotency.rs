//! The `Idempotency-Key` and the fingerprint of the request it stands for.

use super::error::ApiError;
use axum::http::{HeaderMap, StatusCode};
use engine::store::Request;
use sha2::{Digest, Sha256};
use std::fmt::Write;

const LONGEST_KEY: usize = 255;

/// The key and a digest of the body.
///
/// # Errors
/// Where there is no key, or an unusable one.
pub fn request(headers: &HeaderMap, body: &[u8]) -> Result<Request, ApiError> {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    of(key.unwrap_or_default(), body)
}

/// The same, where the key came in a form.
///
/// # Errors
/// Where there is no key, or an unusable one.
pub fn of(key: &str, body: &[u8]) -> Result<Request, ApiError> {
    let missing = ApiError::new("idempotency-key-missing", StatusCode::BAD_REQUEST);
    let key = key.trim();
    if key.is_empty() || key.len() > LONGEST_KEY {
        return Err(missing);
    }
    let mut fingerprint = String::with_capacity(32);
    for byte in &Sha256::digest(body)[..16] {
        // Writing to a string cannot fail.
        let _ = write!(fingerprint, "{byte:02x}");
    }
    Ok(Request { key: key.to_owned(), fingerprint })
}
