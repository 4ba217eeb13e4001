//! What an HTTP exchange proves: the one place where a broken call becomes refused or unknown.

use domain::Refusal;
use engine::ports::{Answer, Why};
use http::StatusCode;
use std::time::Duration;

/// How long to wait where the other side did not say.
pub const SHORT_WAIT: Duration = Duration::from_secs(1);

/// A call that brought no answer. Only where not even a connection came about is it certain that
/// nothing arrived.
pub fn of_error<T>(error: &reqwest::Error) -> Answer<T> {
    if error.is_connect() {
        Answer::Refused(Refusal::Wait(SHORT_WAIT))
    } else if error.is_timeout() {
        Answer::Unknown(Why::TimedOut)
    } else if error.is_builder() {
        Answer::Refused(Refusal::Other("request_not_built".to_owned()))
    } else {
        Answer::Unknown(Why::ConnectionLost)
    }
}

/// The peer's wish in `Retry-After`, in seconds.
pub fn retry_after(headers: &http::HeaderMap) -> Duration {
    headers
        .get(http::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.trim().parse::<f64>().ok())
        .and_then(|seconds| Duration::try_from_secs_f64(seconds).ok())
        .unwrap_or(SHORT_WAIT)
        .min(Duration::from_secs(60))
}

/// A status that says by itself what came of the call, whatever the body. `None`: read the body.
pub fn of_status<T>(status: StatusCode, headers: &http::HeaderMap) -> Option<Answer<T>> {
    match status.as_u16() {
        200..=299 => None,
        429 => Some(Answer::Refused(Refusal::Wait(retry_after(headers)))),
        // Half-way codes: the request may have been worked on.
        408 | 409 | 425 | 499 => Some(Answer::Unknown(Why::ServerError(status.as_u16()))),
        400..=498 => None,
        code => Some(Answer::Unknown(Why::ServerError(code))),
    }
}
