//! HTTP: routes and layers. Nothing here calls Shopify or the points book but to read, and nothing
//! here writes but through the engine.

pub mod admin;
pub mod api;
mod app_proxy;
pub mod auth;
pub mod auth_staff;
pub mod body;
pub mod cancellation;
pub mod demo;
mod error;
mod idempotency;
mod language;
pub mod limits;
pub mod moments;
mod openapi;
mod ops;
mod reversal;
pub mod storefront;
pub mod till;
mod webhooks;

use crate::app::App;
use axum::{
    Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderValue, header},
    middleware::Next,
    response::Response,
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::Arc;
use tower_http::{
    catch_panic::CatchPanicLayer,
    cors::{Any, CorsLayer},
};

pub use error::ApiError;

/// No body of this API needs more.
const LARGEST_BODY: usize = 16 * 1024;
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; frame-ancestors 'self'; base-uri 'none'";

/// What every answer says, whoever gave it. One layer: each is paid for by every request.
async fn finish(request: Request, next: Next) -> Response {
    let asked = request.uri().clone();
    let response = error::dress_plain_errors(next.run(request).await);
    let mut response = error::place(response, asked.path());
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "same-origin"),
    ] {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}

/// Every route of the service.
pub fn router(app: Arc<App>, metrics: PrometheusHandle) -> Router {
    // Storefronts call from their own origin, with a bearer token and no cookie.
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods(Any)
        .allow_headers(Any)
        .expose_headers([axum::http::header::LOCATION, axum::http::header::RETRY_AFTER]);
    let proxied = axum::middleware::from_fn_with_state(Arc::clone(&app), app_proxy::believe);
    let mut router = Router::new()
        .nest("/storefront/v1", storefront::routes().layer(proxied).layer(cors))
        .nest("/admin/api/v1", api::routes())
        .merge(admin::routes(&app))
        .nest("/pos", till::routes())
        .merge(ops::routes(metrics))
        .merge(webhooks::routes())
        .merge(openapi::routes());
    if app.demo {
        router = router.merge(demo::routes());
    }
    router
        .fallback(|| async { ApiError::not_found() })
        .method_not_allowed_fallback(|| async { ApiError::method_not_allowed() })
        .layer(DefaultBodyLimit::max(LARGEST_BODY))
        .layer(axum::middleware::from_fn(finish))
        .layer(CatchPanicLayer::custom(|_| -> Response { ApiError::internal().into() }))
        .with_state(app)
}
