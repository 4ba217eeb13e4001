//! The only place where the sandbox asks what time it is.

use jiff::Timestamp;

/// Milliseconds since the Unix epoch.
pub type Millis = i64;
/// Seconds since the Unix epoch. Shopify keeps no fractions of a second.
pub type Seconds = i64;

#[expect(clippy::disallowed_methods, reason = "the one clock of the sandbox")]
pub fn now_ms() -> Millis {
    Timestamp::now().as_millisecond()
}

/// RFC 3339 with milliseconds, as the POS and the switchboard write times.
pub fn rfc3339_ms(at: Millis) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(at) => format!("{at:.3}"),
        Err(_) => String::new(),
    }
}

/// RFC 3339 in whole seconds, UTC with `Z`, as Shopify writes times.
pub fn rfc3339_s(at: Seconds) -> String {
    match Timestamp::from_second(at) {
        Ok(at) => at.to_string(),
        Err(_) => String::new(),
    }
}

/// Parses RFC 3339 and drops the fraction of a second, as Shopify does.
pub fn parse_seconds(text: &str) -> Option<Seconds> {
    text.parse::<Timestamp>().ok().map(|at| at.as_millisecond().div_euclid(1_000))
}
