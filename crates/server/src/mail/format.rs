//! Points, money and dates as the reader writes them.

use crate::i18n::{Language, grouped};
use domain::{At, Money};
use iso_currency::Currency;
use jiff::tz::TimeZone;

/// `1,250`.
pub fn number(count: i64) -> String {
    grouped(&count.to_string())
}

/// `1,250pt`.
pub fn points(language: Language, points: i64) -> String {
    language.text_with("mail-points", &[("points", &number(points))])
}

/// `500 yen`, `$5.50`.
pub fn money(language: Language, money: Money) -> String {
    let text = money.to_string();
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let whole = grouped(whole);
    let even = fraction.chars().all(|digit| digit == '0');
    let full = if fraction.is_empty() { whole.clone() } else { format!("{whole}.{fraction}") };
    match money.currency {
        Currency::JPY => language.text_with("mail-yen", &[("amount", &whole)]),
        // Has a fraction on paper, and none in a shop.
        Currency::TWD if even => format!("NT${whole}"),
        Currency::TWD => format!("NT${full}"),
        Currency::USD => format!("${full}"),
        Currency::EUR => format!("€{full}"),
        Currency::GBP => format!("£{full}"),
        Currency::KRW => format!("₩{full}"),
        Currency::HKD => format!("HK${full}"),
        other => format!("{} {full}", other.code()),
    }
}

/// `500 yen off`.
pub fn off(language: Language, amount: Money) -> String {
    language.text_with("mail-off", &[("amount", &money(language, amount))])
}

/// `January 15, 2024`, where the shop is.
pub fn date(language: Language, at: At, zone: &TimeZone) -> String {
    at.timestamp().to_zoned(zone.clone()).strftime(&language.text("mail-date")).to_string()
}

/// The same with hours and minutes.
pub fn moment(language: Language, at: At, zone: &TimeZone) -> String {
    at.timestamp().to_zoned(zone.clone()).strftime(&language.text("mail-moment")).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_and_money() {
        use Language::*;
        for (language, count, shown) in [
            (English, 0, "0pt"),
            (English, 999, "999pt"),
            (Japanese, 1_250, "1,250ポイント"),
            (Chinese, -1_234_567, "−1,234,567 點"),
        ] {
            assert_eq!(points(language, count), shown);
        }
        for (language, minor, currency, shown) in [
            (English, 500, Currency::JPY, "500 yen off"),
            (Japanese, 10_000, Currency::JPY, "10,000円引き"),
            (Chinese, 500, Currency::JPY, "折抵 500 日圓"),
            (Chinese, 50_000, Currency::TWD, "折抵 NT$500"),
            (English, 123_450, Currency::USD, "$1,234.50 off"),
            (English, 1_234, Currency::KWD, "KWD 1.234 off"),
        ] {
            assert_eq!(off(language, Money { minor, currency }), shown);
        }
    }

    #[test]
    fn dates_are_the_shop_s() {
        let tokyo = TimeZone::get("Asia/Tokyo").unwrap();
        let late = At::from("2024-01-15T15:30:00Z".parse::<jiff::Timestamp>().unwrap());
        for (language, zone, shown) in [
            (Language::English, &TimeZone::UTC, "January 15, 2024"),
            (Language::English, &tokyo, "January 16, 2024"),
            (Language::Japanese, &tokyo, "2024年1月16日"),
            (Language::Chinese, &tokyo, "2024年1月16日"),
        ] {
            assert_eq!(date(language, late, zone), shown);
        }
        assert_eq!(moment(Language::Japanese, late, &tokyo), "2024年1月16日 00:30");
    }
}
