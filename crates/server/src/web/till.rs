//! The POS contract, served: a till, or another Kaeru, uses this one as its points book. Its
//! answers are the contract's own, not problems.

mod balance;
mod movements;
mod transactions;

use crate::{app::App, book::Book, secrets};
use axum::{
    Json, Router,
    extract::{FromRequestParts, Path},
    http::{HeaderValue, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use domain::{PosId, ShopId};
use engine::store::StoreError;
use secrecy::ExposeSecret;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

pub use balance::{__path_show, show};
pub use movements::{__path_add, __path_deduct, add, deduct};
pub use transactions::{__path_find, find};

/// A customer's id may be so long.
const LONGEST_ID: usize = 128;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/{shop}/customers/{id}/points", get(show))
        .route("/{shop}/customers/{id}/points/deduct", post(deduct))
        .route("/{shop}/customers/{id}/points/add", post(add))
        .route("/{shop}/customers/{id}/points/transactions", get(find))
}

/// A till that showed the shop's token, and the customer it asks about.
pub struct Till {
    pub book: Arc<Book>,
    pub customer: PosId,
}

/// What a till is told when its request was not met.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct TillError {
    /// Always false.
    success: bool,
    /// A word for programs.
    #[schema(example = "insufficient_points")]
    error: &'static str,
    /// A sentence for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip)]
    status: StatusCode,
}

impl TillError {
    const fn new(status: StatusCode, error: &'static str) -> Self {
        Self { success: false, error, detail: None, status }
    }

    fn invalid(detail: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "invalid_request");
        error.detail = Some(detail.into());
        error
    }
}

impl IntoResponse for TillError {
    fn into_response(self) -> Response {
        let mut response = (self.status, Json(&self)).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let bearer = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, bearer);
        }
        response
    }
}

impl From<StoreError> for TillError {
    fn from(error: StoreError) -> Self {
        tracing::error!(%error, "a till was not answered");
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    }
}

impl FromRequestParts<Arc<App>> for Till {
    type Rejection = TillError;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, TillError> {
        let unauthorized = || TillError::new(StatusCode::UNAUTHORIZED, "unauthorized");
        let Path((shop, id)) = Path::<(String, String)>::from_request_parts(parts, app)
            .await
            .map_err(|_| TillError::invalid("the address is not valid"))?;
        let shown = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let shown = shown.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
        let book = app.shops.get(&ShopId(shop)).and_then(|shop| shop.builtin.as_ref());
        let book = book.ok_or_else(unauthorized)?;
        let token = book.settings.token.as_ref().ok_or_else(unauthorized)?;
        if !secrets::same(shown, token.expose_secret()) {
            return Err(unauthorized());
        }
        if id.is_empty() || id.len() > LONGEST_ID || id.chars().any(char::is_control) {
            return Err(TillError::invalid("the customer's id is not one"));
        }
        Ok(Self { book: Arc::clone(book), customer: PosId(id) })
    }
}
