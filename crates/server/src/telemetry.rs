//! Logs and metrics. No personal data, no secret, no coupon code: a flow's id finds the rest.

use anyhow::Context;
use domain::ShopId;
use engine::store::{Event, Row};
use metrics::{Counter, Histogram};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::{cell::RefCell, io::IsTerminal, time::Duration};
use tracing_subscriber::EnvFilter;

/// Upper bounds in seconds: a local commit to a till that takes its time.
const BUCKETS: [f64; 14] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 15.0];

/// Logs to standard error: text on a terminal, JSON lines elsewhere. `RUST_LOG` sets the level.
pub fn logs() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    if std::io::stderr().is_terminal() {
        builder.with_target(false).init();
    } else {
        builder.json().flatten_event(true).with_current_span(false).with_span_list(false).init();
    }
}

/// Starts counting. The handle renders what was counted.
///
/// # Errors
/// Where another recorder is installed already.
pub fn metrics() -> anyhow::Result<PrometheusHandle> {
    PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &BUCKETS)?
        .install_recorder()
        .context("metrics")
}

/// One line for each step of a flow. The happy path's inner steps are for whoever debugs.
pub fn committed(row: &Row, event: &Event) {
    let state = row.flow.state_name();
    let flow = row.id;
    let detail = event.detail.as_deref().unwrap_or_default();
    COUNTED.with_borrow_mut(|counted| counted.event(row.flow.kind(), event.name).increment(1));
    match event.name {
        "accepted" | "created" | "recorded" | "waits" | "killed" | "unused" => {
            tracing::debug!(%flow, shop = %row.shop(), event = event.name, state, detail, "step");
        }
        "deducted" | "refunded" | "held" | "released" => {
            tracing::info!(%flow, shop = %row.shop(), event = event.name, state, detail, "step");
        }
        _ => {
            tracing::warn!(%flow, shop = %row.shop(), event = event.name, state, detail, "step");
        }
    }
}

pub fn performed(shop: &ShopId, effect: &'static str, outcome: &'static str, took: Duration) {
    COUNTED.with_borrow_mut(|counted| {
        counted.step(shop, effect, outcome).record(took.as_secs_f64());
    });
}

thread_local! {
    static COUNTED: RefCell<Counted> = RefCell::default();
}

/// Counters that this thread has used: the registry takes several times as long to find one.
/// There are a few dozen of them.
#[derive(Default)]
struct Counted {
    events: Vec<(&'static str, &'static str, Counter)>,
    steps: Vec<(ShopId, &'static str, &'static str, Histogram)>,
}

impl Counted {
    fn event(&mut self, kind: &'static str, event: &'static str) -> &Counter {
        let known = self.events.iter().position(|of| (of.0, of.1) == (kind, event));
        let place = known.unwrap_or_else(|| {
            let name = "kaeru_flow_events_total";
            let counter = metrics::counter!(name, "kind" => kind, "event" => event);
            self.events.push((kind, event, counter));
            self.events.len() - 1
        });
        &self.events[place].2
    }

    fn step(&mut self, shop: &ShopId, effect: &'static str, outcome: &'static str) -> &Histogram {
        let found =
            |of: &(ShopId, &str, &str, Histogram)| (&of.0, of.1, of.2) == (shop, effect, outcome);
        let place = self.steps.iter().position(found).unwrap_or_else(|| {
            let histogram = metrics::histogram!("kaeru_step_seconds",
                "shop" => shop.as_str().to_owned(), "effect" => effect, "outcome" => outcome);
            self.steps.push((shop.clone(), effect, outcome, histogram));
            self.steps.len() - 1
        });
        &self.steps[place].3
    }
}
