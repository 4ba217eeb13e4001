//! What can be changed while the sandbox runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::clock::Millis;
use crate::options::Options;

/// The switches of the POS and of Shopify's lag. Read on every call, so plain atomics.
pub struct Settings {
    pub lookup: AtomicBool,
    pub idempotency: AtomicBool,
    pub expiry: AtomicBool,
    pub usage_lag_ms: AtomicU64,
    pub orders_lag_ms: AtomicU64,
    /// How long every webhook waits before it is sent.
    pub webhook_delay_ms: AtomicU64,
    /// How long a promised job takes.
    pub job_ms: AtomicU64,
    /// How much later than a cancellation the store credit goes back.
    pub revert_lag_ms: AtomicU64,
    /// Store credit that paid for a cancelled order goes back by itself, whatever is said of the
    /// other payments.
    pub auto_revert: AtomicBool,
}

impl Settings {
    pub fn new(options: &Options) -> Self {
        Self {
            lookup: AtomicBool::new(options.lookup),
            idempotency: AtomicBool::new(options.idempotency),
            expiry: AtomicBool::new(options.expiry),
            usage_lag_ms: AtomicU64::new(millis(options.usage_lag)),
            orders_lag_ms: AtomicU64::new(millis(options.orders_lag)),
            webhook_delay_ms: AtomicU64::new(0),
            job_ms: AtomicU64::new(millis(options.job_time)),
            revert_lag_ms: AtomicU64::new(0),
            auto_revert: AtomicBool::new(true),
        }
    }
}

fn millis(of: Duration) -> u64 {
    u64::try_from(of.as_millis()).unwrap_or(u64::MAX)
}

/// Milliseconds that are set.
pub fn ms(setting: &AtomicU64) -> Millis {
    i64::try_from(setting.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
}

/// Whether the switch is on.
pub fn on(switch: &AtomicBool) -> bool {
    switch.load(Ordering::Relaxed)
}
