//! The bench's one clock.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::Result;

/// Now, for measuring.
#[expect(clippy::disallowed_methods, reason = "a bench measures real time")]
pub fn now() -> Instant {
    Instant::now()
}

/// Seconds since the Unix epoch, for the expiry of tokens.
#[expect(clippy::disallowed_methods, reason = "tokens expire by the calendar")]
pub fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// So long from now, as in RFC 3339.
pub fn after(span: Duration) -> Result<String> {
    let now = i64::try_from(unix_seconds())?;
    Ok((jiff::Timestamp::from_second(now)? + span).to_string())
}
