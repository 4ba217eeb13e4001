//! The switchboard's JSON: books, faults, latencies.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::problem;
use crate::Sandbox;
use crate::acts::background;
use crate::books::BooksView;
use crate::calls::Call;
use crate::clock;
use crate::faults::{Fault, Rule};
use crate::reply::Reply;

/// The body, or a problem that says what is wrong with it.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Reply> {
    serde_json::from_slice(body).map_err(|error| {
        problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", &error.to_string())
    })
}

pub async fn books(State(sandbox): State<Sandbox>) -> Reply {
    let now = clock::now_ms();
    let mut view = sandbox.inner.books.with(|open| {
        if let Err(error) = background::settle(&sandbox, open, now) {
            tracing::error!(%error, "the sandbox's journal cannot be written");
        }
        BooksView::of(open.books(), now)
    });
    view.calls = sandbox.inner.counters.by_name();
    let counters = &sandbox.inner.counters;
    view.spent = counters.spent_by_name();
    view.throttled = counters.throttled.load(Ordering::Relaxed);
    view.throttled_by_fault = counters.throttled_by_fault.load(Ordering::Relaxed);
    Reply::json(StatusCode::OK, &view)
}

pub async fn faults(State(sandbox): State<Sandbox>) -> Reply {
    let kinds: Vec<_> = Fault::ALL.iter().map(|(_, name)| *name).collect();
    let calls: Vec<_> = Call::ALL.iter().map(|call| call.name()).collect();
    let set = sandbox.inner.faults.list();
    Reply::json(StatusCode::OK, &json!({ "faults": set, "calls": calls, "kinds": kinds }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    call: String,
    fault: String,
    /// 0: until removed.
    #[serde(default = "once")]
    times: u32,
    #[serde(default)]
    customer: Option<Value>,
    #[serde(default)]
    after_s: Option<f64>,
}

fn once() -> u32 {
    1
}

pub async fn set_fault(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let new: NewFault = read(&body)?;
    let (call, fault) = (call_named(&new.call)?, fault_named(&new.fault)?);
    if !fault.fits(call) {
        let fits = Fault::ALL.iter().filter(|(other, _)| other.fits(call));
        let fits: Vec<_> = fits.map(|(_, name)| *name).collect();
        let detail = format!("'{}' cannot go wrong so. It can {}.", new.call, fits.join(", "));
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown-fault", &detail));
    }
    let rule = Rule {
        call,
        fault,
        customer: new.customer.as_ref().and_then(|customer| match customer {
            Value::String(id) if !id.is_empty() => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        }),
        left: (new.times > 0).then_some(new.times),
        after: match new.after_s {
            Some(seconds) => Duration::try_from_secs_f64(seconds).map_err(|error| {
                let detail = format!("after_s: {error}");
                problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", &detail)
            })?,
            None => fault.default_after(),
        },
    };
    sandbox.inner.faults.set(rule);
    Ok(faults(State(sandbox)).await)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Which {
    call: Option<String>,
    fault: Option<String>,
}

pub async fn clear_faults(
    State(sandbox): State<Sandbox>,
    Query(which): Query<Which>,
) -> Result<Reply, Reply> {
    let call = which.call.as_deref().map(call_named).transpose()?;
    let fault = which.fault.as_deref().map(fault_named).transpose()?;
    sandbox.inner.faults.clear(call, fault);
    Ok(faults(State(sandbox)).await)
}

fn call_named(name: &str) -> Result<Call, Reply> {
    Call::from_name(name).ok_or_else(|| {
        let detail = format!("There is no call '{name}'. There is {}.", Call::names());
        problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown-call", &detail)
    })
}

fn fault_named(name: &str) -> Result<Fault, Reply> {
    Fault::from_name(name).ok_or_else(|| {
        let detail = format!("There is no fault '{name}'. There is {}.", Fault::names());
        problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown-fault", &detail)
    })
}

pub async fn latency(State(sandbox): State<Sandbox>) -> Reply {
    Reply::json(StatusCode::OK, &sandbox.inner.latency.by_name())
}

/// `{"preset": "seed"}`, or milliseconds by call.
pub async fn set_latency(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let wanted: Map<String, Value> = read(&body)?;
    let mut changes = Vec::new();
    for (name, value) in &wanted {
        if name == "preset" {
            continue;
        }
        let Some(ms) = value.as_u64().filter(|ms| *ms <= 600_000) else {
            let detail = format!("{name}: milliseconds from 0 to 600000");
            return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", &detail));
        };
        changes.push((call_named(name)?, ms));
    }
    if let Some(preset) = wanted.get("preset")
        && !sandbox.inner.latency.preset(preset.as_str().unwrap_or_default())
    {
        let detail = "There is no such preset. There is seed and none.";
        return Err(problem(StatusCode::UNPROCESSABLE_ENTITY, "unknown-preset", detail));
    }
    for (call, ms) in changes {
        sandbox.inner.latency.set(call, ms);
    }
    Ok(latency(State(sandbox)).await)
}
