//! The checkout: a customer buys something, with a code or without.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::api::read;
use super::{problem, unwritten};
use crate::Sandbox;
use crate::books::{Cancelled, CancelledBy, CartLine, Checkout, Entry, Open, OrderView};
use crate::clock::{self, Millis};
use crate::reply::Reply;
use crate::shopify::decimal;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Cart {
    customer: Value,
    code: Option<String>,
    credit: Option<Value>,
    /// Of a cart of one piece; or `lines`.
    total: Option<Value>,
    lines: Option<Vec<Piece>>,
    manual: Option<Manual>,
    paid: Option<bool>,
    in_flight: Option<bool>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    title: String,
    quantity: u32,
    price: Value,
}

/// A discount that staff give by hand.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manual {
    title: String,
    amount: Value,
}

fn refused(code: &str, detail: &str) -> Reply {
    problem(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
}

/// Places an order; the code is redeemed with it.
pub async fn place(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let cart: Cart = read(&body)?;
    if cart.credit.as_ref().is_some_and(|credit| !credit.is_null()) {
        let detail = "The sandbox has no store credit yet.";
        return Err(refused("store-credit-not-available", detail));
    }
    let checkout = checkout(cart)?;
    sandbox.inner.books.with(|open| buy(open, &checkout, clock::now_ms()))
}

fn checkout(cart: Cart) -> Result<Checkout, Reply> {
    let invalid = |detail| refused("invalid-request", detail);
    let customer = customer(&cart.customer).ok_or_else(|| invalid("customer must be a number"))?;
    let lines = match (&cart.total, cart.lines) {
        (Some(total), None) => {
            let price = amount(total).ok_or_else(|| invalid("total must be a number"))?;
            vec![CartLine { title: "Demo item".into(), quantity: 1, price }]
        }
        (None, Some(pieces)) if !pieces.is_empty() => pieces
            .into_iter()
            .map(|piece| {
                let price = amount(&piece.price);
                let price = price.filter(|_| (1..=1_000).contains(&piece.quantity));
                let wrong = || invalid("each line needs a quantity from 1 to 1000 and a price");
                Ok(CartLine {
                    title: piece.title,
                    quantity: piece.quantity,
                    price: price.ok_or_else(wrong)?,
                })
            })
            .collect::<Result<_, Reply>>()?,
        _ => return Err(invalid("give either total or lines")),
    };
    let manual = match cart.manual {
        Some(manual) => {
            let amount = amount(&manual.amount);
            Some((manual.title, amount.ok_or_else(|| invalid("manual.amount must be a number"))?))
        }
        None => None,
    };
    let code = cart.code.filter(|code| !code.trim().is_empty());
    Ok(Checkout {
        customer,
        code: code.map(|code| code.trim().to_owned()),
        lines,
        manual,
        paid: cart.paid.unwrap_or(true),
        in_flight: cart.in_flight.unwrap_or(false),
    })
}

/// A number, or the number of a gid.
pub(super) fn customer(value: &Value) -> Option<u64> {
    match value {
        Value::Number(id) => id.as_u64(),
        Value::String(id) => id.rsplit('/').next().and_then(|id| id.parse().ok()),
        _ => None,
    }
}

/// Money that is not negative, and not more than a cart can cost.
fn amount(value: &Value) -> Option<Decimal> {
    let most = Decimal::from(1_000_000_000);
    decimal(value).filter(|amount| !amount.is_sign_negative() && *amount <= most)
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
            let cancelled = Cancelled { at: now, by: wish.by, note: None };
            let entry = Entry::OrderCancelled { id, cancelled };
            open.commit(entry).map_err(|error| unwritten(&error))?;
            let order = open.books().orders.get(&id).map(OrderView::of);
            Ok(Reply::json(StatusCode::OK, &order))
        }
    })
}
