//! Moments. The domain is told the time; it never asks.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A moment: microseconds since 1970-01-01T00:00:00Z.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct At(pub i64);

impl At {
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.as_micros()).unwrap_or(i64::MAX)))
    }

    /// How long ago `earlier` was; zero where it has not come yet.
    pub fn since(self, earlier: At) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    pub fn timestamp(self) -> jiff::Timestamp {
        jiff::Timestamp::from_microsecond(self.0).unwrap_or(jiff::Timestamp::MAX)
    }

    /// RFC 3339, UTC, whole seconds: Shopify truncates to seconds, so we never say more.
    pub fn rfc3339(self) -> String {
        format!("{:.0}", self.floor_second().timestamp())
    }

    #[must_use]
    pub fn floor_second(self) -> Self {
        Self(self.0.div_euclid(1_000_000) * 1_000_000)
    }
}

impl From<jiff::Timestamp> for At {
    fn from(timestamp: jiff::Timestamp) -> Self {
        Self(timestamp.as_microsecond())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_in_whole_seconds() {
        assert_eq!(At(1_705_314_600_999_999).rfc3339(), "2024-01-15T10:30:00Z");
        assert_eq!(At(0).rfc3339(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn since_never_runs_backwards() {
        assert_eq!(At(5).since(At(9)), Duration::ZERO);
        assert_eq!(At(9).since(At(5)), Duration::from_micros(4));
    }
}
