//! Orders at the switchboard: placed, paid, cancelled, refunded.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::Value;

use super::api::read;
use super::{problem, unwritten};
use crate::Sandbox;
use crate::acts::{Act, RefundWish, Stop, background};
use crate::books::{Cancel, CancelledBy, CartLine, Checkout, Done, OrderView, Repay};
use crate::clock;
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

/// Places an order: the code is redeemed, the store credit spent.
pub async fn place(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let checkout = checkout(read(&body)?)?;
    let order = act(&sandbox, |act| act.place(&checkout))?;
    Ok(Reply::json(StatusCode::CREATED, &OrderView::of(&order)))
}

/// What was still to be paid has been.
pub async fn pay(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Result<Reply, Reply> {
    let order = act(&sandbox, |act| act.pay(id))?;
    Ok(Reply::json(StatusCode::OK, &OrderView::of(&order)))
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
    let credit = match cart.credit.filter(|credit| !credit.is_null()) {
        Some(credit) => amount(&credit).ok_or_else(|| invalid("credit must be a number"))?,
        None => Decimal::ZERO,
    };
    let code = cart.code.filter(|code| !code.trim().is_empty());
    Ok(Checkout {
        customer,
        credit,
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
pub(super) fn amount(value: &Value) -> Option<Decimal> {
    let most = Decimal::from(1_000_000_000);
    decimal(value).filter(|amount| !amount.is_sign_negative() && *amount <= most)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CancelWish {
    #[serde(default = "admin")]
    by: CancelledBy,
    /// Always so here: the order is Shopify's.
    at_shopify: Option<bool>,
    /// Whether what was paid goes back to where it came from.
    #[serde(default = "yes")]
    refund: bool,
}

fn admin() -> CancelledBy {
    CancelledBy::Admin
}

fn yes() -> bool {
    true
}

/// Cancels an order. Its code stays used: Shopify does not give uses back.
pub async fn cancel(
    State(sandbox): State<Sandbox>,
    Path(id): Path<u64>,
    body: Bytes,
) -> Result<Reply, Reply> {
    let wish: CancelWish = read(if body.is_empty() { &EMPTY } else { &body })?;
    if wish.at_shopify == Some(false) {
        let detail = "at_shopify: orders of the sandbox are cancelled at Shopify only";
        return Err(refused("invalid-request", detail));
    }
    let repay = if wish.refund { Repay::Original } else { Repay::Nothing };
    let cancel = Cancel { order: id, by: wish.by, note: None, restock: true, repay };
    let order = act(&sandbox, |act| {
        act.order(id)?;
        match act.cancel(&cancel, Vec::new())? {
            Done::Succeeded => act.order(id),
            Done::Failed(why) => Err(Stop::Refused("already-cancelled", why)),
        }
    })?;
    Ok(Reply::json(StatusCode::OK, &OrderView::of(&order)))
}

static EMPTY: Bytes = Bytes::from_static(b"{}");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Refund {
    /// What the lines are worth, when it is left out.
    amount: Option<Value>,
    /// How much of it goes back to store credit.
    credit: Option<Value>,
    #[serde(default)]
    lines: Vec<RefundedLine>,
    #[serde(default)]
    restock: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RefundedLine {
    /// Number of the line.
    line: Value,
    quantity: u32,
}

/// Gives back a part of what was paid, or all of it.
pub async fn refund(
    State(sandbox): State<Sandbox>,
    Path(id): Path<u64>,
    body: Bytes,
) -> Result<Reply, Reply> {
    let invalid = |detail| refused("invalid-request", detail);
    let wanted: Refund = read(&body)?;
    let money = |value: Option<Value>, detail| match value.filter(|value| !value.is_null()) {
        Some(value) => amount(&value).map(Some).ok_or_else(|| invalid(detail)),
        None => Ok(None),
    };
    let lines = wanted.lines.iter().map(|of| Some((customer(&of.line)?, of.quantity)));
    let wish = RefundWish {
        amount: money(wanted.amount, "amount must be a number")?,
        credit: money(wanted.credit, "credit must be a number")?,
        lines: lines
            .collect::<Option<_>>()
            .ok_or_else(|| invalid("lines[].line must be the number of a line"))?,
        restock: wanted.restock,
    };
    if wish.lines.is_empty() && wish.amount.is_none_or(|amount| amount.is_zero()) {
        return Err(invalid("give an amount above 0, or lines"));
    }
    let order = act(&sandbox, |act| act.refund(id, &wish))?;
    Ok(Reply::json(StatusCode::OK, &OrderView::of(&order)))
}

/// Acts on the books as they are once all that is due has been done.
pub(super) fn act<T>(
    sandbox: &Sandbox,
    work: impl FnOnce(&mut Act<'_>) -> Result<T, Stop>,
) -> Result<T, Reply> {
    let now = clock::now_ms();
    let done = sandbox.inner.books.with(|open| {
        background::settle(sandbox, open, now)?;
        work(&mut Act { sandbox, open, now })
    });
    done.map_err(|stop| match stop {
        Stop::Refused("unknown-order", detail) => {
            problem(StatusCode::NOT_FOUND, "unknown-order", &detail)
        }
        Stop::Refused(code, detail) => refused(code, &detail),
        Stop::Journal(error) => unwritten(&error),
    })
}
