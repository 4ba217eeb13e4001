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
    let missing = ApiError::new("idempotency-key-missing", StatusCode::BAD_REQUEST);
    let Some(key) = headers.get("idempotency-key") else { return Err(missing) };
    let key = key.to_str().unwrap_or_default().trim();
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
