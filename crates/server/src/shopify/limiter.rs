//! A mirror of Shopify's cost bucket, so that nothing is sent that would be throttled.
//!
//! Each answer tells what is left and how fast it fills. Calls under way are taken off in advance;
//! a call that would not fit waits its time.

use domain::At;
use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

/// What Shopify last said, and what was sent since.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    maximum: f64,
    /// Points per second.
    restore: f64,
    /// At `at`; below zero while callers wait for their turn.
    level: f64,
    at: At,
}

#[derive(Debug)]
pub struct Limiter(Mutex<Bucket>);

impl Limiter {
    /// Starts with the smallest bucket that Shopify has; the first answer corrects it.
    pub fn new(now: At) -> Self {
        Self(Mutex::new(Bucket { maximum: 2000.0, restore: 100.0, level: 2000.0, at: now }))
    }

    /// Takes `cost` and says how long to wait before sending. `None`, and nothing is taken, where
    /// that would be longer than `patience`.
    pub fn reserve(&self, cost: f64, patience: Duration, now: At) -> Result<Duration, Duration> {
        let mut bucket = self.lock();
        bucket.fill(now);
        let after = bucket.level - cost;
        let wait = if after >= 0.0 { 0.0 } else { -after / bucket.restore };
        let wait = Duration::from_secs_f64(wait.clamp(0.0, 3600.0));
        if wait > patience {
            return Err(wait);
        }
        bucket.level = after;
        Ok(wait)
    }

    /// What an answer said. Its level counts this call and not those still under way, so it is
    /// believed only where it is lower than ours, or where the bucket itself has changed.
    pub fn told(&self, maximum: f64, restore: f64, available: f64, now: At) {
        if !(maximum > 0.0 && restore > 0.0) {
            return;
        }
        let mut bucket = self.lock();
        bucket.fill(now);
        let changed = bucket.maximum != maximum || bucket.restore != restore;
        bucket.level = if changed { available } else { bucket.level.min(available) };
        bucket.maximum = maximum;
        bucket.restore = restore;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Bucket> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bucket {
    fn fill(&mut self, now: At) {
        let passed = now.since(self.at).as_secs_f64();
        self.level = (self.level + passed * self.restore).min(self.maximum);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_wait_for_their_share() {
        let now = At(0);
        let limiter = Limiter::new(now);
        let patience = Duration::from_secs(5);
        limiter.told(100.0, 50.0, 100.0, now);
        for (cost, at_s, wait_ms) in [
            (60.0, 0, Some(0)),
            (40.0, 0, Some(0)),
            (10.0, 0, Some(200)),
            (10.0, 0, Some(400)),
            (1000.0, 0, None),
            (10.0, 1, Some(0)),
            (100.0, 9, Some(0)),
            (1.0, 9, Some(20)),
        ] {
            let now = now.plus(Duration::from_secs(at_s));
            let wait = limiter.reserve(cost, patience, now).ok().map(|wait| wait.as_millis());
            assert_eq!(wait, wait_ms, "{cost} at {at_s} s");
        }
    }

    #[test]
    fn answers_lower_the_level_and_never_raise_it() {
        let now = At(0);
        let limiter = Limiter::new(now);
        limiter.told(2000.0, 100.0, 50.0, now);
        limiter.told(2000.0, 100.0, 1900.0, now);
        let wait = limiter.reserve(100.0, Duration::from_secs(5), now).unwrap();
        assert_eq!(wait, Duration::from_millis(500));
    }
}
