//! Customers at the switchboard: made, merged, deleted, given store credit.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::read;
use super::orders::{act, amount, customer};
use super::{problem, unwritten};
use crate::Sandbox;
use crate::acts::Stop;
use crate::books::{Done, Entry, NewCustomer};
use crate::clock;
use crate::reply::Reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Customer {
    id: u64,
    name: String,
    member_no: Option<String>,
    pos_id: Option<String>,
    email: Option<String>,
    #[serde(default)]
    balance: i64,
}

pub async fn put_customer(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let new: Customer = read(&body)?;
    let entry = Entry::Customer(NewCustomer {
        id: new.id,
        name: new.name,
        email: new.email,
        locale: "ja".into(),
        member_no: new.member_no,
        pos_id: new.pos_id,
        balance: new.balance,
        at: clock::now_ms().div_euclid(1_000),
    });
    sandbox.inner.books.with(|open| open.commit(entry)).map_err(|error| unwritten(&error))?;
    Ok(Reply::json(StatusCode::OK, &json!({ "id": new.id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Bulk {
    from: u64,
    count: u64,
    balance: i64,
}

pub async fn put_customers(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let bulk: Bulk = read(&body)?;
    if bulk.count > 1_000_000 {
        let detail = "count: at most 1000000 at once";
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail));
    }
    let at = clock::now_ms().div_euclid(1_000);
    let Bulk { from, count, balance } = bulk;
    let entry = Entry::Customers { from, count, balance, at };
    sandbox.inner.books.with(|open| open.commit(entry)).map_err(|error| unwritten(&error))?;
    Ok(Reply::json(StatusCode::OK, &json!({ "from": from, "count": count })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Merge {
    keep: Value,
    delete: Value,
}

/// Merges two customers at once; sends `customers/merge`.
pub async fn merge(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let wish: Merge = read(&body)?;
    let (Some(kept), Some(deleted)) = (customer(&wish.keep), customer(&wish.delete)) else {
        return Err(invalid("keep and delete must be numbers"));
    };
    act(&sandbox, |act| match act.merge(kept, deleted, None, Vec::new())? {
        Done::Succeeded => Ok(()),
        Done::Failed(why) => Err(Stop::Refused("unknown-customer", why)),
    })?;
    Ok(Reply::json(StatusCode::OK, &json!({ "kept": kept, "deleted": deleted })))
}

/// Deletes a customer without orders; sends `customers/delete`.
pub async fn delete(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Result<Reply, Reply> {
    act(&sandbox, |act| act.delete_customer(id))?;
    Ok(Reply::json(StatusCode::OK, &json!({ "deleted": id })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Credit {
    customer: Value,
    amount: Value,
    expires_at: Option<String>,
}

/// Gives store credit by hand, as staff can in Shopify's admin.
pub async fn give_credit(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let wish: Credit = read(&body)?;
    let id = customer(&wish.customer).ok_or_else(|| invalid("customer must be a number"))?;
    let amount = amount(&wish.amount).filter(|amount| !amount.is_zero());
    let amount = amount.ok_or_else(|| invalid("amount must be a number above 0"))?;
    let expires_at = match &wish.expires_at {
        Some(at) => Some(
            clock::parse_seconds(at)
                .ok_or_else(|| invalid("expires_at must be a time, as in RFC 3339"))?,
        ),
        None => None,
    };
    let balance = act(&sandbox, |act| act.give_credit(id, amount, expires_at))?;
    Ok(Reply::json(StatusCode::CREATED, &json!({ "balance": balance })))
}

fn invalid(detail: &str) -> Reply {
    problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail)
}
