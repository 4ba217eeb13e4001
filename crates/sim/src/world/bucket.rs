//! Shopify's cost bucket: one for all replicas. A call that finds too little in it is refused, and
//! surely not applied.

use domain::At;
use std::time::Duration;

/// How much there is, and how fast it comes back, in cost points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    pub size: u64,
    pub restore_per_s: u64,
}

/// In millionths of a point, so that nothing is rounded away.
#[derive(Debug, Default)]
pub struct Bucket {
    spent: u64,
    at: At,
}

/// What a call costs; nothing, where it is not Shopify's.
fn cost(call: &str) -> u64 {
    match call {
        "create" | "deactivate" | "activate" | "delete" | "record" | "cancel order" | "credit" => {
            10
        }
        "look up" | "usage" | "progress" | "reverted" | "credits" => 2,
        _ => 0,
    }
}

impl Bucket {
    /// Takes what the call costs.
    ///
    /// # Errors
    /// Where there is not enough: how long until there is.
    pub fn take(&mut self, limit: Limit, call: &str, now: At) -> Result<(), Duration> {
        let since = u64::try_from(now.since(self.at).as_micros()).unwrap_or(u64::MAX);
        self.spent = self.spent.saturating_sub(since.saturating_mul(limit.restore_per_s));
        self.at = self.at.max(now);
        let wanted = self.spent + cost(call) * 1_000_000;
        let too_much = wanted.saturating_sub(limit.size * 1_000_000);
        if cost(call) > 0 && too_much > 0 {
            return Err(Duration::from_micros(too_much.div_ceil(limit.restore_per_s)));
        }
        self.spent = wanted;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_spent_comes_back_with_time() {
        let limit = Limit { size: 21, restore_per_s: 4 };
        let mut bucket = Bucket::default();
        for (call, ms, outcome) in [
            ("create", 0, Ok(())),
            ("record", 0, Ok(())),
            ("deduct", 0, Ok(())),
            ("look up", 0, Err(250)),
            ("look up", 249, Err(1)),
            ("look up", 250, Ok(())),
            ("record", 250, Err(2_500)),
            ("record", 2_750, Ok(())),
            ("record", 100_000, Ok(())),
            ("record", 100_000, Ok(())),
            ("record", 100_000, Err(2_250)),
        ] {
            let now = At(ms * 1_000);
            let outcome = outcome.map_err(Duration::from_millis);
            assert_eq!(bucket.take(limit, call, now), outcome, "{call} at {ms} ms");
        }
    }
}
