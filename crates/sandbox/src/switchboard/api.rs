//! The switchboard's JSON: books, faults, latencies, settings, customers.

use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Map, Value, json};

use super::{problem, unwritten};
use crate::Sandbox;
use crate::books::{BooksView, Entry, NewCustomer};
use crate::calls::Call;
use crate::clock;
use crate::faults::{Fault, Rule};
use crate::options::Bucket;
use crate::reply::Reply;
use crate::settings::{ms, on};

/// The body, or a problem that says what is wrong with it.
pub(super) fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Reply> {
    serde_json::from_slice(body).map_err(|error| {
        problem(StatusCode::UNPROCESSABLE_ENTITY, "invalid-request", &error.to_string())
    })
}

pub async fn books(State(sandbox): State<Sandbox>) -> Reply {
    let now = clock::now_ms();
    let mut view = sandbox.inner.books.with(|open| BooksView::of(open.books(), now));
    view.calls = sandbox.inner.counters.by_name();
    view.throttled = sandbox.inner.counters.throttled.load(Ordering::Relaxed);
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
    let rule = Rule {
        call: call_named(&new.call)?,
        fault: fault_named(&new.fault)?,
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
            None => fault_named(&new.fault)?.default_after(),
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

pub async fn settings(State(sandbox): State<Sandbox>) -> Reply {
    let (settings, level) = (&sandbox.inner.settings, sandbox.inner.bucket.level());
    Reply::json(
        StatusCode::OK,
        &json!({
            "lookup": on(&settings.lookup),
            "idempotency": on(&settings.idempotency),
            "expiry": on(&settings.expiry),
            "usage_lag_ms": ms(&settings.usage_lag_ms),
            "orders_lag_ms": ms(&settings.orders_lag_ms),
            "maximum": level.maximum,
            "restore_per_s": level.restore_per_s,
            "available": level.available,
        }),
    )
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewSettings {
    lookup: Option<bool>,
    idempotency: Option<bool>,
    expiry: Option<bool>,
    usage_lag_ms: Option<u64>,
    orders_lag_ms: Option<u64>,
    maximum: Option<u32>,
    restore_per_s: Option<u32>,
}

pub async fn set_settings(State(sandbox): State<Sandbox>, body: Bytes) -> Result<Reply, Reply> {
    let new: NewSettings = read(&body)?;
    let now = &sandbox.inner.settings;
    for (switch, wanted) in
        [(&now.lookup, new.lookup), (&now.idempotency, new.idempotency), (&now.expiry, new.expiry)]
    {
        if let Some(wanted) = wanted {
            switch.store(wanted, Ordering::Relaxed);
        }
    }
    for (lag, wanted) in
        [(&now.usage_lag_ms, new.usage_lag_ms), (&now.orders_lag_ms, new.orders_lag_ms)]
    {
        if let Some(wanted) = wanted {
            lag.store(wanted, Ordering::Relaxed);
        }
    }
    if new.maximum.is_some() || new.restore_per_s.is_some() {
        let level = sandbox.inner.bucket.level();
        sandbox.inner.bucket.resize(Bucket {
            maximum: new.maximum.unwrap_or(level.maximum),
            restore_per_s: new.restore_per_s.unwrap_or(level.restore_per_s),
        });
    }
    Ok(settings(State(sandbox)).await)
}

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
