//! Moments as people write them: a day in the shop's time zone, or a moment of its own.

use super::error::ApiError;
use domain::At;
use jiff::{Timestamp, ToSpan, civil::Date, tz::TimeZone};

/// The last second of `2027-03-31` in the zone, or `2027-03-31T12:00:00Z` as it is.
///
/// # Errors
/// `invalid-request`, naming the field.
pub fn end(field: &str, text: &str, zone: &TimeZone) -> Result<At, ApiError> {
    let day = text.parse::<Date>().ok().filter(|_| text.len() == "2027-03-31".len());
    let end = |day: Date| {
        let midnight = day.tomorrow().ok()?.to_zoned(zone.clone()).ok()?;
        midnight.checked_sub(1.second()).ok().map(|end| At::from(end.timestamp()))
    };
    let moment = || text.parse::<Timestamp>().ok().map(At::from);
    day.map_or_else(moment, end).ok_or_else(|| {
        ApiError::invalid(format!("{field}: a day such as 2027-03-31 or a moment is needed"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_ends_in_the_shops_zone() {
        let zone = TimeZone::get("Asia/Tokyo").unwrap();
        for (text, found) in [
            ("2027-03-31", Some("2027-03-31T14:59:59Z")),
            ("2027-03-31T12:00:00Z", Some("2027-03-31T12:00:00Z")),
            ("2027-03-31T12:00:00+09:00", Some("2027-03-31T03:00:00Z")),
            ("2027-02-30", None),
            ("2027-03-31T12:00:00", None),
            ("tomorrow", None),
            ("", None),
        ] {
            assert_eq!(end("until", text, &zone).ok().map(At::rfc3339).as_deref(), found, "{text}");
        }
    }
}
