//! The checkout: a customer buys something, with a code or without.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use super::api::read;
use super::{problem, unwritten};
use crate::Sandbox;
use crate::books::{Cancelled, CancelledBy, Checkout, Entry, Open, OrderView};
use crate::clock::{self, Millis};
use crate::reply::Reply;
use crate::shopify::decimal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cart {
    customer: Value,
    code: Option<String>,
    credit: Option<Value>,
    total: Value,
}

/// Places an order; the code is redeemed with it.
pub async fn place(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let refused =
        |code: &str, detail: &str| Err(problem(StatusCode::UNPROCESSABLE_ENTITY, code, detail));
    let cart: Cart = read(&body)?;
    if cart.credit.is_some_and(|credit| !credit.is_null()) {
        return refused("store-credit-not-available", "The sandbox has no store credit yet.");
    }
    let customer = match &cart.customer {
        Value::Number(id) => id.as_u64(),
        Value::String(id) => id.rsplit('/').next().and_then(|id| id.parse().ok()),
        _ => None,
    };
    let (Some(customer), Some(total)) = (customer, decimal(&cart.total)) else {
        return refused("invalid-request", "customer and total must be numbers");
    };
    let code = cart.code.filter(|code| !code.trim().is_empty());
    let checkout = Checkout { customer, code: code.map(|code| code.trim().to_owned()), total };
    sandbox.inner.books.with(|open| buy(open, &checkout, clock::now_ms()))
}

fn buy(open: &mut Open, checkout: &Checkout, now: Millis) -> Result<Reply, Reply> {
    let order = open.books().check_out(checkout, now).map_err(|refusal| {
        problem(StatusCode::UNPROCESSABLE_ENTITY, refusal.code(), refusal.detail())
    })?;
    let view = Reply::json(StatusCode::CREATED, &OrderView::of(&order));
    open.commit(Entry::Order(Box::new(order))).map_err(|error| unwritten(&error))?;
    Ok(view)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cancel {
    #[serde(default = "admin")]
    by: CancelledBy,
    /// Always so here: the order is Shopify's.
    #[serde(default)]
    at_shopify: Option<bool>,
}

fn admin() -> CancelledBy {
    CancelledBy::Admin
}

/// Cancels an order. Its code stays used: Shopify does not give uses back.
pub async fn cancel(
    State(sandbox): State<Sandbox>,
    Path(id): Path<u64>,
    body: Bytes,
) -> Result<Reply, Reply> {
    let wish =
        if body.is_empty() { Cancel { by: admin(), at_shopify: None } } else { read(&body)? };
    if wish.at_shopify == Some(false) {
        let detail = "at_shopify: orders of the sandbox are cancelled at Shopify only";
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail));
    }
    let now = clock::now_ms();
    sandbox.inner.books.with(|open| match open.books().orders.get(&id) {
        None => Err(problem(StatusCode::NOT_FOUND, "unknown-order", "There is no such order.")),
        Some(order) if order.cancelled.is_some() => {
            let detail = "Cannot cancel an order that has already been canceled";
            Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "already-cancelled", detail))
        }
        Some(_) => {
            let cancelled = Cancelled { at: now, by: wish.by };
            let entry = Entry::OrderCancelled { id, cancelled };
            open.commit(entry).map_err(|error| unwritten(&error))?;
            let order = open.books().orders.get(&id).map(OrderView::of);
            Ok(Reply::json(StatusCode::OK, &order))
        }
    })
}
