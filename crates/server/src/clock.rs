//! The one place that asks what time it is.

use domain::At;
use engine::ports::Clock;

#[derive(Clone, Copy, Debug)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "everyone else gets the time from here")]
    fn now(&self) -> At {
        At::from(jiff::Timestamp::now())
    }
}
