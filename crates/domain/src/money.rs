//! Money: minor units and their currency, never a float.

use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in a currency's minor units (yen for JPY, cents for USD).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Money {
    pub minor: i64,
    #[serde(with = "by_code")]
    pub currency: Currency,
}

/// The number of digits behind the point: 0 for JPY, 2 for USD, 3 for KWD.
pub fn exponent(currency: Currency) -> u32 {
    currency.exponent().map_or(0, u32::from)
}

impl Money {
    /// `None` where the amount has a fraction that the currency does not (¥0.5) or does not fit.
    pub fn exact(amount: Decimal, currency: Currency) -> Option<Self> {
        let minor = amount.checked_mul(Decimal::from(10_i64.pow(exponent(currency))))?;
        if !minor.is_integer() {
            return None;
        }
        Some(Self { minor: i64::try_from(minor.trunc().mantissa()).ok()?, currency })
    }

    pub fn decimal(self) -> Decimal {
        Decimal::new(self.minor, exponent(self.currency))
    }
}

impl fmt::Display for Money {
    /// The bare amount with the currency's own number of digits: `500`, `5.00`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.decimal())
    }
}

mod by_code {
    use iso_currency::Currency;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(currency: &Currency, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(currency.code())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Currency, D::Error> {
        let code = std::borrow::Cow::<'de, str>::deserialize(d)?;
        Currency::from_code(&code).ok_or_else(|| D::Error::custom("not an ISO 4217 code"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_take_their_currency_s_digits() {
        for (text, currency, minor, shown) in [
            ("500", Currency::JPY, Some(500), "500"),
            ("500.0", Currency::JPY, Some(500), "500"),
            ("0.5", Currency::JPY, None, ""),
            ("5", Currency::USD, Some(500), "5.00"),
            ("5.005", Currency::USD, None, ""),
            ("1.234", Currency::KWD, Some(1234), "1.234"),
            ("92233720368547758.08", Currency::USD, None, ""),
        ] {
            let money = Money::exact(text.parse().unwrap(), currency);
            assert_eq!(money.map(|m| m.minor), minor, "{text} {currency}");
            if let Some(money) = money {
                assert_eq!(money.to_string(), shown);
            }
        }
    }

    #[test]
    fn the_currency_is_stored_by_its_code() {
        let money = Money { minor: 500, currency: Currency::JPY };
        let json = serde_json::to_string(&money).unwrap();
        assert_eq!(json, r#"{"minor":500,"currency":"JPY"}"#);
        assert_eq!(serde_json::from_str::<Money>(&json).unwrap(), money);
    }
}
