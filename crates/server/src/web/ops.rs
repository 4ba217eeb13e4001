//! For whoever operates it: is it alive, is it ready, what does it count. And the assets.

use super::error::ApiError;
use crate::app::App;
use axum::{
    Router,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::PrometheusHandle;
use std::sync::{Arc, atomic::Ordering};
use tower_http::compression::CompressionLayer;

#[derive(rust_embed::RustEmbed)]
#[folder = "assets/"]
struct Assets;

pub fn routes(metrics: PrometheusHandle) -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(move |state: State<Arc<App>>| scrape(state, metrics.clone())))
        .merge(assets())
}

/// Compressed: the widget travels in less than half of its size.
fn assets() -> Router<Arc<App>> {
    Router::new()
        .route("/widget.js", get(|| async { asset("widget.js") }))
        .route("/assets/{file}", get(|Path(file): Path<String>| async move { asset(&file) }))
        .layer(CompressionLayer::new())
}

/// Ready: not stopping, and the database answers and takes what is written.
async fn ready(State(app): State<Arc<App>>) -> Result<&'static str, (StatusCode, &'static str)> {
    if app.stopping.load(Ordering::Relaxed) {
        return Err((StatusCode::SERVICE_UNAVAILABLE, "stopping"));
    }
    match app.reads.ping().await {
        Ok(()) if app.database.failing() => Err((
            StatusCode::SERVICE_UNAVAILABLE,
            "the database takes nothing: is its disk full, or read-only? See the log",
        )),
        Ok(()) => Ok("ready"),
        Err(error) => {
            tracing::error!(%error, "not ready");
            Err((StatusCode::SERVICE_UNAVAILABLE, "the database does not answer"))
        }
    }
}

async fn scrape(
    State(app): State<Arc<App>>,
    metrics: PrometheusHandle,
) -> Result<String, ApiError> {
    let gauges = app.reads.gauges().await?;
    let set = |name: &'static str, value: i64| metrics::gauge!(name).set(as_float(value));
    for (kind, states) in STATES {
        for state in *states {
            let here = |of: &&(String, String, i64)| of.0 == *kind && of.1 == *state;
            let count = gauges.open.iter().find(here).map_or(0, |(_, _, n)| *n);
            metrics::gauge!("kaeru_flows_open", "kind" => *kind, "state" => *state)
                .set(as_float(count));
        }
    }
    set("kaeru_flows_in_doubt", gauges.in_doubt);
    set("kaeru_reviews_open", gauges.reviews);
    set("kaeru_mails_waiting", gauges.mails);
    set("kaeru_mails_dead", gauges.mails_dead);
    set("kaeru_alerts_waiting", gauges.alerts);
    let age = gauges.oldest_due.map_or(0.0, |due| app.now().since(due).as_secs_f64());
    metrics::gauge!("kaeru_queue_age_seconds").set(age);
    metrics.run_upkeep();
    Ok(metrics.render())
}

/// Every state in which a flow is open, so that a gauge falls back to zero.
const STATES: &[(&str, &[&str])] = &[
    (
        "conversion",
        &[
            "creating",
            "deducting",
            "confirming",
            "shelving",
            "shelved",
            "restoring",
            "recording",
            "clearing",
            "killing",
            "dead",
            "deleting",
            "chasing",
            "catching",
        ],
    ),
    ("cancellation", &["killing", "rechecking", "refunding", "owing", "confirming", "recording"]),
    ("hold", &["killing", "reviving", "recording", "clearing"]),
    ("ending", &["recording"]),
];

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float, and counts are small")]
fn as_float(count: i64) -> f64 {
    count as f64
}

pub fn asset(name: &str) -> Response {
    let kind = match name.rsplit('.').next() {
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("html") => "text/html; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    };
    match Assets::get(name) {
        Some(file) => {
            let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
            (headers, file.data).into_response()
        }
        None => ApiError::not_found().into_response(),
    }
}
