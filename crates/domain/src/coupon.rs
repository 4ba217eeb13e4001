//! A coupon's code, its end, and its life.

use crate::{
    conversion::Terms,
    ids::{Code, MemberNo, NodeId},
    money::Money,
    problem::Problem,
    time::At,
};
use jiff::{ToSpan, civil::Time, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// What a code is drawn from: no 0/O, 1/I/L, 2/Z, 5/S, 8/B, so that it survives the telephone.
const ALPHABET: &[u8] = b"34679ACDEFGHJKMNPQRTUVWXY";
const RANDOM_CHARACTERS: usize = 6;

/// Where a coupon stands. Written to the metafield and the API by these names, except `Pending`,
/// `Cancelling` and `Void`, which nobody outside ever sees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// The code is chosen; the points are not known to be paid.
    Pending,
    Active,
    Used,
    Expired,
    /// Staff or its owner take it back; the points are not known to have returned.
    Cancelling,
    Cancelled,
    /// Dead for now on suspicion; the points stay where they are.
    Held,
    /// The conversion failed: the code was never shown and is dead, or never lived.
    Void,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Status::Pending => "pending",
            Status::Active => "active",
            Status::Used => "used",
            Status::Expired => "expired",
            Status::Cancelling => "cancelling",
            Status::Cancelled => "cancelled",
            Status::Held => "held",
            Status::Void => "void",
        }
    }
}

impl Status {
    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        [
            Status::Pending,
            Status::Active,
            Status::Used,
            Status::Expired,
            Status::Cancelling,
            Status::Cancelled,
            Status::Held,
            Status::Void,
        ]
        .into_iter()
        .find(|status| status.as_str() == text)
    }

    /// Why an act that wants another status cannot begin.
    pub const fn objection(self) -> Problem {
        match self {
            Status::Used => Problem::CouponAlreadyUsed,
            Status::Expired => Problem::CouponExpired,
            Status::Cancelled | Status::Cancelling => Problem::CouponAlreadyCancelled,
            Status::Held => Problem::CouponHeld,
            Status::Active => Problem::CouponNotHeld,
            Status::Pending | Status::Void => Problem::CouponBusy,
        }
    }
}

/// A coupon that its owner has: what was agreed, and where it stands in Shopify.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coupon {
    pub terms: Terms,
    pub node: NodeId,
}

/// What the customer's metafield says of a coupon.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub coupon: Coupon,
    pub status: Status,
    /// When it was cancelled or used.
    pub ended_at: Option<At>,
}

/// `{member_no}-{6 random}-{amount}`. `random` decides the middle part: 25^6 = 244 million codes
/// for each member and amount.
pub fn code(member_no: &MemberNo, amount: Money, random: u64) -> Code {
    let mut rest = random;
    let middle: String = (0..RANDOM_CHARACTERS)
        .map(|_| {
            let index = usize::try_from(rest % ALPHABET.len() as u64).unwrap_or(0);
            rest /= ALPHABET.len() as u64;
            char::from(ALPHABET[index])
        })
        .collect();
    Code(format!("{}-{middle}-{amount}", printable(member_no)))
}

/// A member number may hold anything; a code may not.
fn printable(member_no: &MemberNo) -> String {
    let kept: String = member_no
        .as_str()
        .chars()
        .filter(char::is_ascii_alphanumeric)
        .take(24)
        .map(|c| c.to_ascii_uppercase())
        .collect();
    if kept.is_empty() { "K".to_owned() } else { kept }
}

/// The last second of the day `valid_days` after `issued`, in the shop's time zone.
pub fn expires_at(issued: At, zone: &TimeZone, valid_days: u16) -> At {
    let day = issued.timestamp().to_zoned(zone.clone()).date();
    let last = day.checked_add(i64::from(valid_days).days()).unwrap_or(jiff::civil::Date::MAX);
    match last.to_datetime(Time::constant(23, 59, 59, 0)).to_zoned(zone.clone()) {
        Ok(zoned) => At::from(zoned.timestamp()),
        Err(_) => At::from(jiff::Timestamp::MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iso_currency::Currency;

    #[test]
    fn codes_carry_member_and_amount() {
        let yen = Money { minor: 500, currency: Currency::JPY };
        let dollars = Money { minor: 550, currency: Currency::USD };
        for (member, money, random, expected) in [
            ("70934", yen, 0, "70934-333333-500"),
            ("70934", yen, 1, "70934-433333-500"),
            ("a-b 7", dollars, 24, "AB7-Y33333-5.50"),
            ("会員", yen, 25, "K-343333-500"),
        ] {
            assert_eq!(code(&MemberNo::from(member), money, random).as_str(), expected);
        }
    }

    #[test]
    fn coupons_end_with_the_shop_s_day() {
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        let new_york = TimeZone::get("America/New_York").unwrap();
        let late = At::from("2024-01-15T15:30:00Z".parse::<jiff::Timestamp>().unwrap());
        for (zone, days, expected) in [
            (&TimeZone::UTC, 365, "2025-01-14T23:59:59Z"),
            (&tokyo, 365, "2025-01-15T14:59:59Z"),
            (&tokyo, 0, "2024-01-16T14:59:59Z"),
            (&new_york, 60, "2024-03-16T03:59:59Z"),
        ] {
            assert_eq!(expires_at(late, zone, days).rfc3339(), expected);
        }
    }
}
