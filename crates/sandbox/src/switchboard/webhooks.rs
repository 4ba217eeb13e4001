//! Webhooks at the switchboard: sent by hand, sent once more.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::api::read;
use super::orders::{act, customer};
use super::problem;
use crate::Sandbox;
use crate::acts::Stop;
use crate::books::Topic;
use crate::reply::Reply;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct New {
    topic: String,
    /// For the topics about a customer.
    customer: Option<Value>,
    /// For the topics about an order: tells it once more, as it now stands.
    order: Option<Value>,
}

fn invalid(detail: &str) -> Reply {
    problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", detail)
}

/// Sends a webhook that nothing here would cause: app/uninstalled, the compliance topics; or one of
/// an order once more.
pub async fn send(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let new: New = read(&body)?;
    let Some(topic) = Topic::from_slug(&new.topic) else {
        let known: Vec<_> = Topic::ALL.iter().map(|topic| topic.slug()).collect();
        let detail = format!("There is no topic '{}'. There is {}.", new.topic, known.join(", "));
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown-topic", &detail));
    };
    let about = new.customer.as_ref().or(new.order.as_ref()).and_then(customer);
    match topic {
        Topic::AppUninstalled | Topic::ShopRedact => {}
        Topic::CustomersDataRequest | Topic::CustomersRedact if new.customer.is_some() => {}
        Topic::OrdersCreate | Topic::OrdersPaid | Topic::OrdersUpdated | Topic::OrdersCancelled
            if new.order.is_some() => {}
        Topic::CustomersDataRequest | Topic::CustomersRedact => {
            return Err(invalid("customer: whom it is about"));
        }
        Topic::CustomersMerge | Topic::CustomersDelete | Topic::RefundsCreate => {
            return Err(invalid("that one is sent by merging, deleting or refunding"));
        }
        _ => return Err(invalid("order: which it is about")),
    }
    let queued = act(&sandbox, |act| act.tell(topic, about))?;
    Ok(Reply::json(StatusCode::ACCEPTED, &json!({ "queued": queued })))
}

/// Sends a delivery once more, with the same id.
pub async fn again(State(sandbox): State<Sandbox>, Path(id): Path<u64>) -> Result<Reply, Reply> {
    act(&sandbox, |act| {
        if act.send_again(id)? {
            return Ok(());
        }
        Err(Stop::Refused("unknown-delivery", "There is no such delivery.".into()))
    })?;
    Ok(Reply::json(StatusCode::ACCEPTED, &json!({ "id": id })))
}
