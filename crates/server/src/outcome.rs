//! What an HTTP exchange proves: the one place where a broken call becomes refused or unknown.

use domain::Refusal;
use engine::ports::{Answer, Why};
use http::{HeaderMap, StatusCode};
use std::time::Duration;

/// How long to wait where the other side did not say.
pub const SHORT_WAIT: Duration = Duration::from_secs(1);
/// Nobody is believed who asks for more.
const LONG_WAIT: Duration = Duration::from_secs(60);

/// A call that brought no result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Known not to have happened.
    Refused(Refusal),
    Unknown(Why),
}

impl Stop {
    pub const UNREADABLE: Stop = Stop::Unknown(Why::Unreadable);

    pub fn wait(span: Duration) -> Self {
        Self::Refused(Refusal::Wait(span))
    }

    pub fn other(code: impl Into<String>) -> Self {
        Self::Refused(Refusal::Other(code.into()))
    }
}

pub fn answer<T>(result: Result<T, Stop>) -> Answer<T> {
    match result {
        Ok(done) => Answer::Done(done),
        Err(Stop::Refused(refusal)) => Answer::Refused(refusal),
        Err(Stop::Unknown(why)) => Answer::Unknown(why),
    }
}

/// A call that brought no status. Only where not even a connection came about is it certain that
/// nothing arrived; a connection that was idle and found closed before the request was written is
/// replaced by the client itself.
pub fn of_error(error: &hyper_util::client::legacy::Error) -> Stop {
    if error.is_connect() { Stop::wait(SHORT_WAIT) } else { Stop::Unknown(Why::ConnectionLost) }
}

/// A status that says by itself what came of the call, whatever the body. `None`: the peer's own
/// rules say.
pub fn of_status(status: StatusCode, headers: &HeaderMap) -> Option<Stop> {
    match status.as_u16() {
        429 => Some(Stop::wait(retry_after(headers))),
        // Half-way codes: the request may have been worked on, or still be.
        code @ (408 | 409 | 425 | 499 | 500..) => Some(Stop::Unknown(Why::ServerError(code))),
        _ => None,
    }
}

/// The peer's wish in `Retry-After`, in seconds; dates are not read.
pub fn retry_after(headers: &HeaderMap) -> Duration {
    headers
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(SHORT_WAIT)
        .min(LONG_WAIT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_that_speak_for_themselves() {
        let unknown = |code| Some(Stop::Unknown(Why::ServerError(code)));
        for (status, expected) in [
            (200, None),
            (204, None),
            (302, None),
            (400, None),
            (404, None),
            (408, unknown(408)),
            (409, unknown(409)),
            (422, None),
            (425, unknown(425)),
            (429, Some(Stop::wait(SHORT_WAIT))),
            (499, unknown(499)),
            (500, unknown(500)),
            (503, unknown(503)),
            (999, unknown(999)),
        ] {
            let code = StatusCode::from_u16(status).unwrap();
            assert_eq!(of_status(code, &HeaderMap::new()), expected, "{status}");
        }
    }

    #[test]
    fn waits_are_believed_within_reason() {
        for (value, milliseconds) in [
            ("2", 2_000),
            (" 2.5 ", 2_500),
            ("0", 0),
            ("-1", 1_000),
            ("1e300", 1_000),
            ("3600", 60_000),
            ("Wed, 21 Oct 2026 07:28:00 GMT", 1_000),
        ] {
            let value = http::HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, value)]);
            assert_eq!(retry_after(&headers), Duration::from_millis(milliseconds));
        }
    }
}
