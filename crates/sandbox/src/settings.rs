//! What can be changed while the sandbox runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::options::Options;

/// The switches of the POS and of Shopify's lag. Read on every call, so plain atomics.
pub struct Settings {
    pub lookup: AtomicBool,
    pub idempotency: AtomicBool,
    pub expiry: AtomicBool,
    pub usage_lag_ms: AtomicU64,
}

impl Settings {
    pub fn new(options: &Options) -> Self {
        Self {
            lookup: AtomicBool::new(options.lookup),
            idempotency: AtomicBool::new(options.idempotency),
            expiry: AtomicBool::new(options.expiry),
            usage_lag_ms: AtomicU64::new(millis(options)),
        }
    }

    pub fn usage_lag_ms(&self) -> i64 {
        i64::try_from(self.usage_lag_ms.load(Ordering::Relaxed)).unwrap_or(i64::MAX)
    }
}

fn millis(options: &Options) -> u64 {
    u64::try_from(options.usage_lag.as_millis()).unwrap_or(u64::MAX)
}

/// Whether the switch is on.
pub fn on(switch: &AtomicBool) -> bool {
    switch.load(Ordering::Relaxed)
}
