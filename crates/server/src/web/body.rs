//! A JSON body, read whole: what it says, and the bytes that an idempotency key is compared by.

use super::error::ApiError;
use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::{StatusCode, header},
};
use serde::de::DeserializeOwned;

/// Refused where it is no JSON, too large, or says what nobody knows.
pub struct Body<T> {
    pub said: T,
    pub bytes: Bytes,
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/json") {
            let status = StatusCode::UNSUPPORTED_MEDIA_TYPE;
            return Err(ApiError::new("unsupported-media-type", status));
        }
        let bytes =
            Bytes::from_request(request, state).await.map_err(|rejection| {
                match rejection.status() {
                    StatusCode::PAYLOAD_TOO_LARGE => ApiError::too_large(),
                    _ => ApiError::invalid("the body could not be read".to_owned()),
                }
            })?;
        let said =
            serde_json::from_slice(&bytes).map_err(|error| ApiError::invalid(error.to_string()))?;
        Ok(Self { said, bytes })
    }
}
