//! The switchboard: break calls on purpose, set how long they take, read the books, go shopping.

mod api;
mod checkout;
mod page;

use axum::Router;
use axum::http::StatusCode;
use axum::routing::{get, post, put};
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
        .route("/sandbox/api/settings", get(api::settings).put(api::set_settings))
        .route("/sandbox/api/customers", put(api::put_customer))
        .route("/sandbox/api/customers/bulk", post(api::put_customers))
        .route("/sandbox/api/orders", post(checkout::place))
        .route("/sandbox/api/orders/{id}/cancel", post(checkout::cancel))
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
