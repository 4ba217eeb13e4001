//! Shopify's leaky bucket: a query may run only when its whole cost is there.

use std::sync::Mutex;

use tokio::time::Instant;

use crate::options::Bucket;

/// What the bucket holds, as `extensions.cost.throttleStatus` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub maximum: u32,
    pub available: u32,
    pub restore_per_s: u32,
}

pub struct LeakyBucket {
    state: Mutex<State>,
}

struct State {
    size: Bucket,
    available: f64,
    at: Instant,
}

impl LeakyBucket {
    pub fn new(size: Bucket) -> Self {
        let state = State { size, available: f64::from(size.maximum), at: Instant::now() };
        Self { state: Mutex::new(state) }
    }

    /// Takes `cost` points. `Err` when they are not there: then nothing is taken.
    pub fn take(&self, cost: u32) -> Result<Level, Level> {
        self.with(|state| {
            if state.available < f64::from(cost) {
                return Err(state.level());
            }
            state.available -= f64::from(cost);
            Ok(state.level())
        })
    }

    /// Gives back what a query did not need after all.
    pub fn refund(&self, points: u32) -> Level {
        self.with(|state| {
            state.available =
                (state.available + f64::from(points)).min(f64::from(state.size.maximum));
            state.level()
        })
    }

    pub fn level(&self) -> Level {
        self.with(|state| state.level())
    }

    /// Another plan: the bucket starts full.
    pub fn resize(&self, size: Bucket) {
        self.with(|state| {
            state.size = size;
            state.available = f64::from(size.maximum);
        });
    }

    fn with<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.restore();
        work(&mut state)
    }
}

impl State {
    fn restore(&mut self) {
        let now = Instant::now();
        let back = (now - self.at).as_secs_f64() * f64::from(self.size.restore_per_s);
        self.available = (self.available + back).min(f64::from(self.size.maximum));
        self.at = now;
    }

    fn level(&self) -> Level {
        Level {
            maximum: self.size.maximum,
            // Between 0 and `maximum`, so it fits.
            available: self.available as u32,
            restore_per_s: self.size.restore_per_s,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_only_what_is_there_and_refunds_no_more_than_the_maximum() {
        let bucket = LeakyBucket::new(Bucket { maximum: 30, restore_per_s: 0 });
        let available = |result: Result<Level, Level>| match result {
            Ok(level) => (true, level.available),
            Err(level) => (false, level.available),
        };
        assert_eq!(available(bucket.take(20)), (true, 10));
        assert_eq!(available(bucket.take(11)), (false, 10));
        assert_eq!(available(bucket.take(10)), (true, 0));
        assert_eq!(bucket.refund(100).available, 30);
    }
}
