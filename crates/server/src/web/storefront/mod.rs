//! The customer's API.

pub mod conversions;
pub mod coupons;
pub mod history;
pub mod page;
pub mod points;
pub mod undo;

use crate::app::App;
use axum::{Router, routing::get, routing::post};
use std::sync::Arc;

pub fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/points", get(points::show))
        .route("/conversions", post(conversions::create))
        .route("/conversions/{id}", get(conversions::show))
        .route("/coupons", get(coupons::list))
        .route("/coupons/{code}/cancel", post(undo::create).get(undo::show))
        .route("/history", get(history::list))
}
