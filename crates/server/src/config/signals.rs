//! `[shop.signals]`: what suggests that somebody should look.

use anyhow::bail;
use serde::Deserialize;

/// When a row appears among the reviews. Nothing is stopped by it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Signals {
    /// So many conversions of one customer within `minutes`; 0: never.
    pub conversions: u32,
    pub minutes: u16,
    /// So many coupons of one customer taken back by one staff member within 30 days; 0: never.
    pub same_customer: u32,
    /// Cancellations by staff before `open` and from `close` on, hours in the shop's time zone.
    pub open: u8,
    pub close: u8,
}

impl Default for Signals {
    fn default() -> Self {
        Self { conversions: 5, minutes: 10, same_customer: 3, open: 7, close: 23 }
    }
}

/// # Errors
/// Where a value cannot be meant.
pub fn check(signals: Signals) -> anyhow::Result<Signals> {
    if signals.minutes == 0 {
        bail!("minutes: at least 1");
    }
    if signals.open >= signals.close || signals.close > 24 {
        bail!("open and close: hours from 0 to 24, the first the smaller");
    }
    Ok(signals)
}
