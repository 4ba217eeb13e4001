//! One remote call, spoiled as the switchboard wants it: latency first, then the fault.
//!
//! The call's own work (`apply`) never awaits and is never left half done: without latency it runs
//! before the first await of the handler, with latency in a task that the client's disconnect
//! cannot cancel.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use crate::Sandbox;
use crate::calls::Call;
use crate::faults::Fault;
use crate::reply::{self, Reply};

/// A connection is held open no longer than this.
const LONGEST_HOLD: Duration = Duration::from_secs(120);

/// What the call's own work is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Apply,
    /// Answer the call's known refusal and change nothing.
    Refuse,
    /// Answer that there were too many calls and change nothing.
    Throttle,
}

/// Runs `apply` under the latency that is set for this call, and the fault that was taken for it.
pub async fn perform<F>(
    sandbox: &Sandbox,
    call: Call,
    fault: Option<(Fault, Duration)>,
    apply: F,
) -> Response
where
    F: FnOnce(Mode) -> Reply + Send + 'static,
{
    let latency = sandbox.inner.latency.of(call);
    if latency.is_zero() {
        return deliver(call, fault, apply).await;
    }
    let task = tokio::spawn(async move {
        tokio::time::sleep(latency).await;
        deliver(call, fault, apply).await
    });
    match task.await {
        Ok(response) => response,
        Err(_) => server_error(call),
    }
}

async fn deliver<F>(call: Call, fault: Option<(Fault, Duration)>, apply: F) -> Response
where
    F: FnOnce(Mode) -> Reply + Send + 'static,
{
    let Some((fault, after)) = fault else {
        return apply(Mode::Apply).into_response();
    };
    tracing::info!(call = call.name(), fault = fault.name(), "spoiled on purpose");
    match fault {
        // Faults of webhooks are set for webhooks only.
        Fault::Drop | Fault::Twice | Fault::Reorder => apply(Mode::Apply).into_response(),
        Fault::Refuse => apply(Mode::Refuse).into_response(),
        Fault::Throttle => apply(Mode::Throttle).into_response(),
        Fault::ErrorBefore => server_error(call),
        Fault::ErrorAfter => {
            apply(Mode::Apply);
            server_error(call)
        }
        Fault::Late => {
            let reply = apply(Mode::Apply);
            tokio::time::sleep(after).await;
            reply.into_response()
        }
        Fault::ApplyNeverAnswer => {
            apply(Mode::Apply);
            hold(after).await
        }
        Fault::Never => hold(after).await,
        Fault::ApplyLater => {
            tokio::spawn(async move {
                tokio::time::sleep(after).await;
                apply(Mode::Apply);
            });
            reply::hang_up()
        }
        Fault::Reset => apply(Mode::Apply).cut_in_the_middle(),
        Fault::Garbage => {
            apply(Mode::Apply);
            reply::garbage()
        }
    }
}

async fn hold(wanted: Duration) -> Response {
    tokio::time::sleep(wanted.min(LONGEST_HOLD)).await;
    reply::hang_up()
}

fn server_error(call: Call) -> Response {
    let body = if call.is_pos() {
        r#"{"success":false,"error":"internal_error"}"#
    } else {
        r#"{"errors":"Internal Server Error"}"#
    };
    Reply::raw(StatusCode::INTERNAL_SERVER_ERROR, body.into()).into_response()
}

/// 429 with `Retry-After: 1`, the way a POS says «slow down».
pub fn too_many(body: &str) -> Reply {
    Reply::raw(StatusCode::TOO_MANY_REQUESTS, body.into())
        .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
}
