//! The switchboard: break calls on purpose, set how long they take, read the books, go shopping.

mod api;
mod customers;
mod orders;
mod page;
mod settings;
mod webhooks;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{delete, get, post, put};
use serde_json::json;

use crate::Sandbox;
use crate::reply::Reply;

pub fn router(sandbox: Sandbox) -> Router {
    Router::new()
        .route("/sandbox", get(page::html))
        .route("/sandbox/switchboard.js", get(page::script))
        .route("/sandbox/switchboard.css", get(page::style))
        .route("/sandbox/api/books", get(api::books))
        .route(
            "/sandbox/api/faults",
            get(api::faults).put(api::set_fault).delete(api::clear_faults),
        )
        .route("/sandbox/api/latency", get(api::latency).put(api::set_latency))
        .route("/sandbox/api/settings", get(settings::settings).put(settings::set_settings))
        .route("/sandbox/api/customers", put(customers::put_customer))
        .route("/sandbox/api/customers/bulk", post(customers::put_customers))
        .route("/sandbox/api/customers/merge", post(customers::merge))
        .route("/sandbox/api/customers/{id}", delete(customers::delete))
        .route("/sandbox/api/credits", post(customers::give_credit))
        .route("/sandbox/api/webhooks", post(webhooks::send))
        .route("/sandbox/api/webhooks/{id}/again", post(webhooks::again))
        .route("/sandbox/api/orders", post(orders::place))
        .route("/sandbox/api/orders/{id}/pay", post(orders::pay))
        .route("/sandbox/api/orders/{id}/cancel", post(orders::cancel))
        .route("/sandbox/api/orders/{id}/refund", post(orders::refund))
        .with_state(sandbox)
}

/// A problem (RFC 9457) with a machine code.
fn problem(status: StatusCode, code: &str, detail: &str) -> Reply {
    Reply::json(
        status,
        &json!({
            "type": format!("/problems/{code}"),
            "title": code.replace('-', " "),
            "status": status.as_u16(),
            "detail": detail,
        }),
    )
}

fn unwritten(error: &std::io::Error) -> Reply {
    tracing::error!(%error, "the sandbox's journal cannot be written");
    problem(StatusCode::INTERNAL_SERVER_ERROR, "journal", "The journal cannot be written.")
}
