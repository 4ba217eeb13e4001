//! `POST /admin/api/{version}/graphql.json`: who may ask, what it costs, and off to the books.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::execute::{Job, throttled};
use super::graphql::{Compiled, Errors, Out};
use super::oauth;
use crate::Sandbox;
use crate::bucket::Level;
use crate::perform::perform;
use crate::reply::Reply;

/// A single query may not cost more, whatever the plan.
const MAX_COST: u32 = 1_000;

const API_VERSION: HeaderName = HeaderName::from_static("x-shopify-api-version");

#[derive(Deserialize)]
struct Request {
    query: String,
    #[serde(default)]
    variables: Option<super::graphql::Map>,
    #[serde(default, rename = "operationName")]
    operation_name: Option<String>,
}

/// Answers one GraphQL request.
pub async fn graphql(
    State(sandbox): State<Sandbox>,
    Path(version): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let mut response = answer(&sandbox, &version, &headers, &body).await;
    if let Ok(served) = HeaderValue::from_str(&sandbox.inner.options.api_version) {
        response.headers_mut().insert(API_VERSION, served);
    }
    response
}

async fn answer(sandbox: &Sandbox, version: &str, headers: &HeaderMap, body: &Bytes) -> Response {
    if !is_version(version) {
        return Reply::json(StatusCode::NOT_FOUND, &json!({ "errors": "Not Found" }))
            .into_response();
    }
    let token = headers.get("x-shopify-access-token").and_then(|token| token.to_str().ok());
    if !token.is_some_and(|token| oauth::accepts(&sandbox.inner.options, token)) {
        let errors = "[API] Invalid API key or access token (unrecognized login or wrong password)";
        return Reply::json(StatusCode::UNAUTHORIZED, &json!({ "errors": errors })).into_response();
    }
    let Ok(request) = serde_json::from_slice::<Request>(body) else {
        let errors = json!({ "errors": { "query": "Required parameter missing or invalid" } });
        return Reply::json(StatusCode::BAD_REQUEST, &errors).into_response();
    };
    match admit(sandbox, request) {
        Ok(job) => run(sandbox, job).await,
        Err(reply) => reply.into_response(),
    }
}

/// Compiles, checks the variables, and takes the points.
fn admit(sandbox: &Sandbox, request: Request) -> Result<Job, Reply> {
    let refused = |errors: Errors| Reply::json(StatusCode::OK, &errors.to_json());
    let compiled: Arc<Compiled> =
        sandbox.inner.graphql.compiled(&request.query).map_err(refused)?;
    let name = request.operation_name.filter(|name| !name.is_empty());
    let operation = compiled.operation(name.as_deref()).map_err(refused)?;
    let variables = operation.variables(request.variables.unwrap_or_default()).map_err(refused)?;
    let cost = operation.cost(&variables);
    for (root, _) in &operation.roots {
        sandbox.inner.counters.received(root.call());
    }
    if cost > MAX_COST {
        return Err(too_dear(cost));
    }
    if let Err(level) = sandbox.inner.bucket.take(cost) {
        sandbox.inner.counters.throttled();
        return Err(throttled(cost, level));
    }
    let sandbox = sandbox.clone();
    Ok(Job { sandbox, operation: name, variables, cost, compiled })
}

async fn run(sandbox: &Sandbox, job: Job) -> Response {
    let Ok(operation) = job.compiled.operation(job.operation.as_deref()) else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let customers = || {
        sandbox.inner.books.with(|open| {
            let about = operation.roots.iter();
            about
                .flat_map(|(root, field)| root.customers(field, &job.variables, open.books()))
                .collect()
        })
    };
    // A request of several root fields goes wrong as the first of them for which a fault is set.
    let mut calls: Vec<_> = operation.roots.iter().map(|(root, _)| root.call()).collect();
    calls.dedup();
    let faults = &sandbox.inner.faults;
    let spoiled = calls
        .iter()
        .find_map(|call| faults.take(*call, customers).map(|fault| (*call, Some(fault))));
    let Some((call, fault)) = spoiled.or_else(|| calls.first().map(|call| (*call, None))) else {
        return job.run(crate::perform::Mode::Apply).into_response();
    };
    perform(sandbox, call, fault, move |mode| job.run(mode)).await
}

fn too_dear(cost: u32) -> Reply {
    let message = format!(
        "Query cost is {cost}, which exceeds the single query max cost limit ({MAX_COST}).\n\nSee \
         https://shopify.dev/concepts/about-apis/rate-limits for more information on how the cost \
         of a query is calculated."
    );
    let body = json!({
        "errors": [{
            "message": message,
            "extensions": {
                "code": "MAX_COST_EXCEEDED",
                "cost": cost,
                "maxCost": MAX_COST,
                "documentation": "https://shopify.dev/api/usage/rate-limits",
            },
        }],
    });
    Reply::json(StatusCode::OK, &body)
}

/// `2026-10`. One that is no longer served falls forward; the header says to which.
fn is_version(text: &str) -> bool {
    let digits = |part: &str, count: usize| {
        part.len() == count && part.bytes().all(|byte| byte.is_ascii_digit())
    };
    text.split_once('-').is_some_and(|(year, month)| digits(year, 4) && digits(month, 2))
}

/// `extensions.cost`.
pub struct Cost {
    pub requested: u32,
    pub actual: Option<u32>,
    pub level: Level,
}

impl Cost {
    pub fn to_json(&self) -> Value {
        json!({
            "requestedQueryCost": self.requested,
            "actualQueryCost": self.actual,
            "throttleStatus": {
                "maximumAvailable": self.level.maximum,
                "currentlyAvailable": self.level.available,
                "restoreRate": self.level.restore_per_s,
            },
        })
    }

    pub fn write(&self, out: &mut Out<'_>) {
        out.json("{\"requestedQueryCost\":");
        out.number(self.requested);
        out.json(",\"actualQueryCost\":");
        match self.actual {
            Some(actual) => out.number(actual),
            None => out.null(),
        }
        out.json(",\"throttleStatus\":{\"maximumAvailable\":");
        out.number(self.level.maximum);
        out.json(",\"currentlyAvailable\":");
        out.number(self.level.available);
        out.json(",\"restoreRate\":");
        out.number(self.level.restore_per_s);
        out.json("}}");
    }
}
