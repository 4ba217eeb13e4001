//! The POS's calls: who may ask, and off to the books.

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::json;

use super::movements::{self, Direction, Order};
use crate::Sandbox;
use crate::calls::Call;
use crate::clock::{self, rfc3339_ms};
use crate::perform::{Mode, perform, too_many};
use crate::reply::Reply;
use crate::settings::on;

/// `{"success": false, "error": code}`.
pub fn failed(status: StatusCode, error: &str) -> Reply {
    Reply::json(status, &json!({ "success": false, "error": error }))
}

fn throttled() -> Reply {
    too_many(r#"{"success":false,"error":"too_many_requests"}"#)
}

fn authorized(sandbox: &Sandbox, headers: &HeaderMap) -> bool {
    let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    given.and_then(|value| value.strip_prefix("Bearer "))
        == Some(sandbox.inner.options.pos_token.as_str())
}

/// Checks the token, counts the call and runs it under its faults.
async fn call<F>(sandbox: Sandbox, headers: &HeaderMap, call: Call, id: &str, work: F) -> Response
where
    F: FnOnce(Mode) -> Reply + Send + 'static,
{
    if !authorized(&sandbox, headers) {
        return failed(StatusCode::UNAUTHORIZED, "unauthorized").into_response();
    }
    sandbox.inner.counters.received(call);
    let fault = sandbox.inner.faults.take(call, || vec![id.to_owned()]);
    perform(&sandbox, call, fault, work).await
}

pub async fn balance(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let (of, customer) = (sandbox.clone(), id.clone());
    let work = move |mode| match mode {
        Mode::Apply => of.inner.books.with(|open| match open.books().points.get(&customer) {
            Some(account) => Reply::json(StatusCode::OK, &json!({ "balance": account.balance })),
            None => failed(StatusCode::NOT_FOUND, "unknown_customer"),
        }),
        Mode::Refuse => failed(StatusCode::FORBIDDEN, "refused"),
        Mode::Throttle => throttled(),
    };
    call(sandbox, &headers, Call::PosBalance, &id, work).await
}

pub async fn deduct(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(sandbox, id, headers, body, Direction::Deduct).await
}

pub async fn add(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    change(sandbox, id, headers, body, Direction::Add).await
}

async fn change(
    sandbox: Sandbox,
    id: String,
    headers: HeaderMap,
    body: Bytes,
    direction: Direction,
) -> Response {
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    let key = key.filter(|_| on(&sandbox.inner.settings.idempotency)).map(str::to_owned);
    let (of, customer) = (sandbox.clone(), id.clone());
    let work = move |mode| match mode {
        Mode::Apply => {
            let expiry = on(&of.inner.settings.expiry);
            let order = Order { customer, body, key, direction, expiry };
            of.inner.books.with(|open| movements::change(open, order, clock::now_ms()))
        }
        Mode::Refuse => match direction {
            Direction::Deduct => failed(StatusCode::UNPROCESSABLE_ENTITY, "insufficient_points"),
            Direction::Add => failed(StatusCode::UNPROCESSABLE_ENTITY, "refused"),
        },
        Mode::Throttle => throttled(),
    };
    call(sandbox, &headers, direction.call(), &id, work).await
}

#[derive(Deserialize)]
pub struct Search {
    reference: Option<String>,
}

pub async fn transactions(
    State(sandbox): State<Sandbox>,
    Path(id): Path<String>,
    Query(search): Query<Search>,
    headers: HeaderMap,
) -> Response {
    if authorized(&sandbox, &headers) && !on(&sandbox.inner.settings.lookup) {
        // A plain POS has no such path.
        return failed(StatusCode::NOT_FOUND, "not_found").into_response();
    }
    let (of, customer) = (sandbox.clone(), id.clone());
    let work = move |mode| match mode {
        Mode::Apply => of.inner.books.with(|open| match open.books().points.get(&customer) {
            Some(account) => {
                let wanted = account.movements.iter().filter(|movement| {
                    search.reference.as_ref().is_none_or(|of| *of == movement.reference)
                });
                let rows: Vec<_> = wanted
                    .map(|movement| {
                        json!({
                            "reference": movement.reference,
                            "amount": movement.amount,
                            "balance": movement.balance,
                            "created_at": rfc3339_ms(movement.at),
                            "expires_at": movement.expires_at,
                        })
                    })
                    .collect();
                Reply::json(StatusCode::OK, &json!({ "transactions": rows }))
            }
            None => failed(StatusCode::NOT_FOUND, "unknown_customer"),
        }),
        Mode::Refuse => failed(StatusCode::FORBIDDEN, "refused"),
        Mode::Throttle => throttled(),
    };
    call(sandbox, &headers, Call::PosLookup, &id, work).await
}
