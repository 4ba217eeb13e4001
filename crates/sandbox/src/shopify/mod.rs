//! A real-HTTP Shopify: Admin GraphQL 2026-10 with its errors, costs and throttling, and the token
//! endpoint for client credentials.

mod credit_view;
mod credits;
mod customer_merge;
mod customers;
mod discount_view;
mod discounts;
mod execute;
mod graphql;
mod http;
mod metafields;
mod money;
mod oauth;
mod order_cancel;
mod order_parts;
mod order_view;
mod orders;
mod root;
mod shop;
mod subscriptions;
mod user_error;

use axum::Router;
use axum::routing::post;

use crate::Sandbox;
pub use graphql::{Graphql, decimal};

pub fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/admin/api/{version}/graphql.json", post(http::graphql))
        .route("/admin/oauth/access_token", post(oauth::access_token))
        .with_state(sandbox)
}
