//! Deduct and add on the books, with the idempotency key where there is one.

use axum::body::Bytes;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::http::failed;
use crate::books::{Answered, Entry, Movement, Open};
use crate::calls::Call;
use crate::clock::Millis;
use crate::reply::Reply;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Deduct,
    Add,
}

impl Direction {
    pub fn call(self) -> Call {
        match self {
            Self::Deduct => Call::PosDeduct,
            Self::Add => Call::PosAdd,
        }
    }

    fn path(self) -> &'static str {
        match self {
            Self::Deduct => "deduct",
            Self::Add => "add",
        }
    }
}

/// A request for a movement.
pub struct Order {
    pub customer: String,
    pub body: Bytes,
    pub key: Option<String>,
    pub direction: Direction,
    /// Whether `expires_at` is honoured.
    pub expiry: bool,
}

#[derive(Deserialize)]
struct Wanted {
    amount: i64,
    #[serde(default)]
    reason: String,
    #[serde(default)]
    reference: String,
    #[serde(default)]
    expires_at: Option<String>,
}

/// Moves the points, or answers what was answered under the key before.
pub fn change(open: &mut Open, order: Order, now: Millis) -> Reply {
    let fingerprint = fingerprint(&order);
    let key = order.key.as_ref().map(|key| format!("{} {key}", order.customer));
    if let Some(first) = key.as_deref().and_then(|key| open.books().answer(key)) {
        if first.fingerprint != fingerprint {
            return failed(StatusCode::UNPROCESSABLE_ENTITY, "idempotency_key_reused");
        }
        let status = StatusCode::from_u16(first.status).unwrap_or(StatusCode::OK);
        return Reply::raw(status, first.body.clone().into_bytes());
    }
    let (reply, movement) = decide(open, &order, now);
    let answered = key.map(|key| Answered {
        key,
        fingerprint,
        status: reply.status.as_u16(),
        body: String::from_utf8_lossy(&reply.body).into_owned(),
    });
    let customer = order.customer;
    let entry = match (movement, answered) {
        (Some(movement), answered) => Entry::Movement { customer, movement, answered },
        (None, Some(answered)) => Entry::Answered(answered),
        (None, None) => return reply,
    };
    match open.commit(entry) {
        Ok(()) => reply,
        Err(error) => {
            tracing::error!(%error, "the sandbox's journal cannot be written");
            failed(StatusCode::INTERNAL_SERVER_ERROR, "internal_error")
        }
    }
}

/// The answer, and the movement that it tells of.
fn decide(open: &Open, order: &Order, now: Millis) -> (Reply, Option<Movement>) {
    let refused = |status, error| (failed(status, error), None);
    let Ok(wanted) = serde_json::from_slice::<Wanted>(&order.body) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_request");
    };
    let Some(account) = open.books().points.get(&order.customer) else {
        return refused(StatusCode::NOT_FOUND, "unknown_customer");
    };
    if wanted.amount <= 0 {
        return refused(StatusCode::BAD_REQUEST, "invalid_amount");
    }
    let before = account.balance;
    let amount = match order.direction {
        Direction::Deduct => -wanted.amount,
        Direction::Add => wanted.amount,
    };
    let Some(balance) = before.checked_add(amount) else {
        return refused(StatusCode::BAD_REQUEST, "invalid_amount");
    };
    if balance < 0 {
        return refused(StatusCode::UNPROCESSABLE_ENTITY, "insufficient_points");
    }
    let expires_at = wanted.expires_at.filter(|_| order.expiry);
    let mut body = json!({
        "success": true,
        "previous_balance": before,
        "new_balance": balance,
    });
    match order.direction {
        Direction::Deduct => body["deducted"] = json!(wanted.amount),
        Direction::Add => {
            body["added"] = json!(wanted.amount);
            if let Some(at) = &expires_at {
                body["expires_at"] = json!(at);
            }
        }
    }
    let movement = Movement {
        reference: wanted.reference,
        amount,
        reason: wanted.reason,
        balance,
        at: now,
        expires_at,
    };
    (Reply::json(StatusCode::OK, &body), Some(movement))
}

fn fingerprint(order: &Order) -> String {
    let mut hash = Sha256::new();
    hash.update(order.direction.path());
    hash.update([0]);
    hash.update(&order.body);
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}
