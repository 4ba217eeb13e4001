//! What stands around an answer's data: the cost, and the errors of the whole request.

use super::bucket::Report;
use crate::outcome::{SHORT_WAIT, Stop};
use engine::ports::Why;
use serde::{Deserialize, de::DeserializeOwned};
use std::time::Duration;

/// A top-level error of the request's own: Shopify did not execute it, though `data` may be there,
/// null. The others with a code are believed only where there is no `data`, as by the GraphQL
/// specification execution has not begun then.
const NEVER_EXECUTED: &[&str] = &[
    "ACCESS_DENIED",
    "BAD_REQUEST",
    "FORBIDDEN",
    "INVALID_VARIABLE",
    "MAX_COST_EXCEEDED",
    "RESOURCE_NOT_FOUND",
    "SHOP_INACTIVE",
    "UNAUTHORIZED",
];
/// Shopify's own trouble: nobody can tell how far it came.
const INTERNAL: &[&str] =
    &["INTERNAL_SERVER_ERROR", "INTERNAL_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"];
const SHORTEST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT_S: f64 = 60.0;

#[derive(Deserialize)]
struct Envelope<T> {
    data: Option<T>,
    errors: Option<Vec<TopError>>,
    extensions: Option<Extensions>,
}

#[derive(Deserialize)]
struct TopError {
    extensions: Option<ErrorExtensions>,
}

#[derive(Deserialize)]
struct ErrorExtensions {
    code: Option<String>,
}

#[derive(Deserialize)]
struct Extensions {
    cost: Option<Cost>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Cost {
    requested_query_cost: Option<f64>,
    /// Null where nothing was executed.
    actual_query_cost: Option<f64>,
    throttle_status: Option<ThrottleStatus>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ThrottleStatus {
    maximum_available: f64,
    currently_available: f64,
    restore_rate: f64,
}

/// Reads the body of a 2xx: what came of the call, and what it said of the bucket.
pub fn read<T: DeserializeOwned>(body: &[u8]) -> (Result<T, Stop>, Option<Report>) {
    let Ok(envelope) = serde_json::from_slice::<Envelope<T>>(body) else {
        return (Err(Stop::UNREADABLE), None);
    };
    let cost = envelope.extensions.and_then(|extensions| extensions.cost);
    let report = cost.as_ref().and_then(Cost::report);
    let errors = envelope.errors.unwrap_or_default();
    let result = match envelope.data {
        Some(data) if errors.is_empty() => Ok(data),
        None if errors.is_empty() => Err(Stop::UNREADABLE),
        data => Err(worst(&errors, data.is_some(), cost.as_ref())),
    };
    (result, report)
}

/// Of several errors the one that leaves most open decides.
fn worst(errors: &[TopError], data: bool, cost: Option<&Cost>) -> Stop {
    let mut stops = errors.iter().map(|error| {
        let code = error.extensions.as_ref().and_then(|extensions| extensions.code.as_deref());
        meaning(code, data, cost)
    });
    let first = stops.next().unwrap_or(Stop::UNREADABLE);
    stops.fold(first, |worst, stop| match (&worst, &stop) {
        (Stop::Refused(_), Stop::Unknown(_)) => stop,
        _ => worst,
    })
}

fn meaning(code: Option<&str>, data: bool, cost: Option<&Cost>) -> Stop {
    match code {
        Some("THROTTLED") => Stop::wait(cost.map_or(SHORT_WAIT, Cost::until_restored)),
        Some(code) if INTERNAL.contains(&code) => Stop::Unknown(Why::ServerError(500)),
        Some(code) if NEVER_EXECUTED.contains(&code) || !data => Stop::other(code),
        _ => Stop::UNREADABLE,
    }
}

impl Cost {
    fn report(&self) -> Option<Report> {
        let status = self.throttle_status.as_ref()?;
        Some(Report {
            charged: self.actual_query_cost.unwrap_or(0.0),
            maximum: status.maximum_available,
            available: status.currently_available,
            restore: status.restore_rate,
        })
    }

    /// How long until the bucket holds what was asked for.
    fn until_restored(&self) -> Duration {
        let seconds = self.throttle_status.as_ref().and_then(|status| {
            let short = self.requested_query_cost? - status.currently_available;
            (status.restore_rate > 0.0).then(|| (short / status.restore_rate).min(LONGEST_WAIT_S))
        });
        seconds.map_or(SHORT_WAIT, |seconds| {
            Duration::try_from_secs_f64(seconds).unwrap_or_default().max(SHORTEST_WAIT)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn stop(body: &Value) -> Stop {
        read::<Value>(body.to_string().as_bytes()).0.unwrap_err()
    }

    #[test]
    fn errors_of_the_whole_request() {
        let internal = || Stop::Unknown(Why::ServerError(500));
        let error = |code: &str| json!({"message": "m", "extensions": {"code": code}});
        let data = json!({"discountCodeBasicCreate": null});
        for (body, expected) in [
            (json!({"errors": [error("INVALID_VARIABLE")]}), Stop::other("INVALID_VARIABLE")),
            (json!({"errors": [error("undefinedField")]}), Stop::other("undefinedField")),
            (json!({"errors": [error("MAX_COST_EXCEEDED")]}), Stop::other("MAX_COST_EXCEEDED")),
            (json!({"data": data, "errors": [error("BAD_REQUEST")]}), Stop::other("BAD_REQUEST")),
            (
                json!({"data": data, "errors": [error("ACCESS_DENIED")]}),
                Stop::other("ACCESS_DENIED"),
            ),
            // Execution had begun, and nobody said how far it came.
            (json!({"data": data, "errors": [error("NEW_CODE")]}), Stop::UNREADABLE),
            (json!({"errors": [error("INTERNAL_SERVER_ERROR")]}), internal()),
            (json!({"errors": [error("BAD_REQUEST"), error("TIMEOUT")]}), internal()),
            (json!({"errors": [{"message": "no code"}]}), Stop::UNREADABLE),
            (json!({"errors": "text"}), Stop::UNREADABLE),
            (json!({"data": null}), Stop::UNREADABLE),
            (json!({}), Stop::UNREADABLE),
            (json!([]), Stop::UNREADABLE),
        ] {
            assert_eq!(stop(&body), expected, "{body}");
        }
    }

    #[test]
    fn throttled_calls_are_told_when_to_come_back() {
        for (available, rate, requested, wait_ms) in [
            (json!(50), json!(100), json!(70), 200),
            (json!(-30), json!(100), json!(70), 1_000),
            (json!(70), json!(100), json!(70), 100),
            (json!(0), json!(0), json!(70), 1_000),
            (json!(0), json!(1e-9), json!(70), 60_000),
            (json!(0), json!(100), Value::Null, 1_000),
        ] {
            let body = json!({
                "errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}],
                "extensions": {"cost": {
                    "requestedQueryCost": requested,
                    "actualQueryCost": null,
                    "throttleStatus": {
                        "maximumAvailable": 2000,
                        "currentlyAvailable": available,
                        "restoreRate": rate,
                    },
                }},
            });
            assert_eq!(stop(&body), Stop::wait(Duration::from_millis(wait_ms)), "{body}");
        }
    }

    #[test]
    fn the_bucket_is_reported_with_the_data() {
        let body = json!({
            "data": {"x": 1},
            "extensions": {"cost": {
                "requestedQueryCost": 10,
                "actualQueryCost": 10.0,
                "throttleStatus":
                    {"maximumAvailable": 2000.0, "currentlyAvailable": 1990, "restoreRate": 100.0},
            }},
        });
        let (data, report) = read::<Value>(body.to_string().as_bytes());
        assert_eq!(data, Ok(json!({"x": 1})));
        let expected = Report { charged: 10.0, maximum: 2000.0, available: 1990.0, restore: 100.0 };
        assert_eq!(report, Some(expected));
    }
}
