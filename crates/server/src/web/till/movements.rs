//! `POST /pos/{shop}/customers/{id}/points/deduct` and `/add`: a movement, once by its reference,
//! and answered once by its `Idempotency-Key`.

use super::{Till, TillError};
use crate::{
    book::{self, Wanted},
    store::ledger::{self, Done, Order, Outcome, Remembered},
};
use axum::{
    body::Bytes,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use domain::{At, Points, Reference};
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

const LONGEST_KEY: usize = 255;
const LONGEST_TEXT: usize = 255;
const MOST_POINTS: i64 = 1_000_000_000_000;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MovementRequest {
    /// Above zero.
    #[schema(example = 500)]
    pub amount: i64,
    #[schema(example = "Coupon conversion")]
    pub reason: String,
    /// No other movement has it, ever.
    #[schema(example = "COUPON-70934-AC37DE-500")]
    pub reference: String,
    /// In add: until when the points are to be good, RFC 3339.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// A movement that was made.
#[derive(Debug, serde::Serialize, ToSchema)]
pub struct Moved {
    #[schema(example = true)]
    success: bool,
    #[schema(example = 1250)]
    previous_balance: i64,
    /// In the answer to deduct.
    #[schema(example = 500)]
    deducted: Option<i64>,
    /// In the answer to add.
    added: Option<i64>,
    #[schema(example = 750)]
    new_balance: i64,
    /// In the answer to add: until when the points are good.
    expires_at: Option<String>,
}

#[utoipa::path(post, path = "/pos/{shop}/customers/{id}/points/deduct", tag = "till",
    security(("till" = [])), request_body = MovementRequest,
    params(("shop" = String, Path), ("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Moved), (status = 400, body = TillError),
        (status = 401, body = TillError), (status = 422, body = TillError)))]
pub async fn deduct(till: Till, headers: HeaderMap, body: Bytes) -> Result<Response, TillError> {
    let asked = read(&body)?;
    if asked.expires_at.is_some() {
        return Err(TillError::invalid("expires_at: belongs to add"));
    }
    let (points, reference) = checked(&asked)?;
    let order = till.book.deduction(&Wanted {
        customer: &till.customer,
        points,
        reference: &reference,
        reason: asked.reason.trim(),
        expires_at: None,
    });
    answer(&till, order, &headers, write_deducted).await
}

#[utoipa::path(post, path = "/pos/{shop}/customers/{id}/points/add", tag = "till",
    security(("till" = [])), request_body = MovementRequest,
    params(("shop" = String, Path), ("id" = String, Path),
        ("Idempotency-Key" = Option<String>, Header)),
    responses((status = 200, body = Moved), (status = 400, body = TillError),
        (status = 401, body = TillError), (status = 422, body = TillError)))]
pub async fn add(till: Till, headers: HeaderMap, body: Bytes) -> Result<Response, TillError> {
    let asked = read(&body)?;
    let (points, reference) = checked(&asked)?;
    let expires_at = asked.expires_at.as_deref().map(moment).transpose()?;
    let order = till.book.addition(&Wanted {
        customer: &till.customer,
        points,
        reference: &reference,
        reason: asked.reason.trim(),
        expires_at,
    });
    answer(&till, order, &headers, write_added).await
}

fn read(body: &[u8]) -> Result<MovementRequest, TillError> {
    serde_json::from_slice(body).map_err(|error| TillError::invalid(error.to_string()))
}

fn checked(asked: &MovementRequest) -> Result<(Points, Reference), TillError> {
    let points = Points::new(asked.amount).filter(|_| (1..=MOST_POINTS).contains(&asked.amount));
    let points =
        points.ok_or_else(|| TillError::invalid("amount: a whole number above zero is needed"))?;
    for (name, text) in [("reason", &asked.reason), ("reference", &asked.reference)] {
        let plain = !text.trim().is_empty() && !text.chars().any(char::is_control);
        if !plain || text.len() > LONGEST_TEXT {
            return Err(TillError::invalid(format!("{name}: 1 to {LONGEST_TEXT} characters")));
        }
    }
    let reference = Reference(asked.reference.clone());
    if book::is_ours(&reference) {
        return Err(TillError::new(StatusCode::BAD_REQUEST, "reference_reserved"));
    }
    Ok((points, reference))
}

fn moment(text: &str) -> Result<At, TillError> {
    let parsed = text.parse::<jiff::Timestamp>();
    parsed.map(At::from).map_err(|_| {
        TillError::invalid("expires_at: a moment such as 2027-01-15T23:59:59Z is needed")
    })
}

async fn answer(
    till: &Till,
    mut order: Order,
    headers: &HeaderMap,
    write: fn(&Outcome) -> (u16, String),
) -> Result<Response, TillError> {
    if let Some(key) = headers.get("idempotency-key") {
        let key = key.to_str().map(str::trim).unwrap_or_default();
        if key.is_empty() || key.len() > LONGEST_KEY {
            let sentence = format!("Idempotency-Key: 1 to {LONGEST_KEY} characters");
            return Err(TillError::invalid(sentence));
        }
        order.answer = Some(Remembered { key: key.to_owned(), write });
    }
    let outcome = ledger::post(&till.book.database, order).await?;
    let (status, body) = write(&outcome);
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    Ok((status, [(header::CONTENT_TYPE, "application/json")], body).into_response())
}

fn write_deducted(outcome: &Outcome) -> (u16, String) {
    written(outcome, |done| {
        json!({
            "success": true,
            "previous_balance": done.balance - done.amount,
            "deducted": -done.amount,
            "new_balance": done.balance,
        })
    })
}

fn write_added(outcome: &Outcome) -> (u16, String) {
    written(outcome, |done| {
        json!({
            "success": true,
            "previous_balance": done.balance - done.amount,
            "added": done.amount,
            "new_balance": done.balance,
            "expires_at": done.expires_at.map(At::rfc3339),
        })
    })
}

fn written(outcome: &Outcome, moved: fn(&Done) -> serde_json::Value) -> (u16, String) {
    let refused = |error: &str, why: Option<String>| {
        (422, json!({"success": false, "error": error, "detail": why}).to_string())
    };
    match outcome {
        Outcome::Posted(done) | Outcome::Known(done) => (200, moved(done).to_string()),
        Outcome::Answered { status, body } => (*status, body.clone()),
        Outcome::Declined(why) => refused(book::code(*why), Some(why.to_string())),
        Outcome::ReferenceTaken => refused("reference_reused", None),
        Outcome::KeyReused => refused("idempotency_key_reused", None),
        Outcome::TooLate => refused("too_late", None),
    }
}
