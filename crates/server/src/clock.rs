//! The one place that asks what time it is.

use domain::At;
use engine::ports::Clock;
use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

/// This machine's.
#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

/// The time that all processes on one database share: this machine's, put right by what the
/// database's clock says. Where one machine's clock is wrong, no lease is.
#[derive(Clone, Debug, Default)]
pub struct SharedClock {
    ahead_us: Arc<AtomicI64>,
}

impl SharedClock {
    /// Takes the database's time over.
    pub fn set(&self, now: At) {
        self.ahead_us.store(now.0 - SystemClock.now().0, Ordering::Relaxed);
    }
}

impl Clock for SharedClock {
    fn now(&self) -> At {
        At(SystemClock.now().0 + self.ahead_us.load(Ordering::Relaxed))
    }
}

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "everyone else gets the time from here")]
    fn now(&self) -> At {
        At::from(jiff::Timestamp::now())
    }
}
