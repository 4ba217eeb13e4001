//! A real-HTTP POS: balance, deduct, add, and, where they are switched on, look-up and
//! idempotency keys. The plain one looks at no reference: the same deduction twice takes twice.

mod http;
mod movements;

use axum::Router;
use axum::routing::{get, post};

use crate::Sandbox;

pub fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/pos/customers/{id}/points", get(http::balance))
        .route("/pos/customers/{id}/points/deduct", post(http::deduct))
        .route("/pos/customers/{id}/points/add", post(http::add))
        .route("/pos/customers/{id}/points/transactions", get(http::transactions))
        .with_state(sandbox)
}
