//! The demo's storefront: a page to look at, and a sign-in without a password. Never in `serve`.

use super::{auth, error::ApiError, ops};
use crate::app::App;
use axum::{
    Json, Router,
    extract::{State, rejection::JsonRejection},
    response::Redirect,
    routing::{get, post},
};
use domain::CustomerId;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Clone, Debug, Serialize)]
pub struct DemoCustomer {
    pub id: &'static str,
    pub name: &'static str,
    pub member_no: &'static str,
}

/// Who can be signed in as; the sandbox knows them by the same numbers.
pub const CUSTOMERS: [DemoCustomer; 2] = [
    DemoCustomer { id: "12345", name: "Yamada Taro", member_no: "70934" },
    DemoCustomer { id: "23456", name: "Suzuki Hanako", member_no: "12345" },
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SignIn {
    customer_id: String,
}

#[derive(Serialize)]
struct SignedIn {
    token: String,
    customer: DemoCustomer,
}

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/", get(|| async { Redirect::to("/shop") }))
        .route("/shop", get(|| async { ops::asset("shop.html") }))
        .route("/shop/demo/customers", get(|| async { Json(CUSTOMERS) }))
        .route("/shop/demo/sign-in", post(sign_in))
}

async fn sign_in(
    State(app): State<Arc<App>>,
    body: Result<Json<SignIn>, JsonRejection>,
) -> Result<Json<SignedIn>, ApiError> {
    let Json(body) = body.map_err(|error| ApiError::invalid(error.body_text()))?;
    let customer = CUSTOMERS.iter().find(|customer| customer.id == body.customer_id);
    let customer = customer.cloned().ok_or_else(ApiError::not_found)?;
    let id = CustomerId::parse(customer.id).ok_or_else(ApiError::not_found)?;
    let shop = app.shops.values().next().ok_or_else(ApiError::not_found)?;
    let now_s = u64::try_from(app.now().0 / 1_000_000).unwrap_or(0);
    let secret = shop.jwt_secret.as_ref().ok_or_else(ApiError::not_found)?;
    let token = auth::sign(secret, &shop.id, id, now_s).map_err(|error| {
        tracing::error!(%error, "cannot sign");
        ApiError::internal()
    })?;
    Ok(Json(SignedIn { token, customer }))
}
