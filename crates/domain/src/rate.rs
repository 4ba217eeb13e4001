//! Points into money, by the shop's rate.

use crate::{money::Money, points::Points};
use iso_currency::Currency;
use rust_decimal::Decimal;

/// What one point is worth, in a currency's major units: `1` yen, `0.01` dollars.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    money_per_point: Decimal,
    currency: Currency,
}

impl Rate {
    /// `None` unless the rate is above zero.
    pub fn new(money_per_point: Decimal, currency: Currency) -> Option<Self> {
        (money_per_point > Decimal::ZERO).then_some(Self { money_per_point, currency })
    }

    pub fn currency(&self) -> Currency {
        self.currency
    }

    /// What the points buy. `None` where that is not a whole number of minor units: Kaeru never
    /// rounds a coupon, so the configuration is refused unless each unit of points comes out even.
    pub fn worth(&self, points: Points) -> Option<Money> {
        let amount = self.money_per_point.checked_mul(Decimal::from(points.get()))?;
        Money::exact(amount.normalize(), self.currency)
    }

    /// What the money costs in points, rounded up. `None` in another currency.
    pub fn cost_of(&self, money: Money) -> Option<Points> {
        if money.currency != self.currency {
            return None;
        }
        let points = money.decimal().checked_div(self.money_per_point)?.ceil();
        Points::new(i64::try_from(points).ok()?)
    }

    /// What a balance is worth for display: rounded down to the currency's digits.
    pub fn worth_about(&self, points: Points) -> Option<Money> {
        let amount = self.money_per_point.checked_mul(Decimal::from(points.get()))?;
        let digits = crate::money::exponent(self.currency);
        Money::exact(amount.trunc_with_scale(digits), self.currency)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_with_and_without_decimals() {
        for (rate, currency, points, worth, about) in [
            ("1", Currency::JPY, 500, Some("500"), "500"),
            ("0.5", Currency::JPY, 500, Some("250"), "250"),
            ("0.5", Currency::JPY, 501, None, "250"),
            ("0.01", Currency::USD, 500, Some("5.00"), "5.00"),
            ("0.001", Currency::USD, 100, Some("0.10"), "0.10"),
            ("0.001", Currency::USD, 105, None, "0.10"),
            ("1.25", Currency::TWD, 100, Some("125.00"), "125.00"),
        ] {
            let rate = Rate::new(rate.parse().unwrap(), currency).unwrap();
            let points = Points::new(points).unwrap();
            assert_eq!(rate.worth(points).map(|m| m.to_string()).as_deref(), worth);
            assert_eq!(rate.worth_about(points).unwrap().to_string(), about);
        }
        assert_eq!(Rate::new(Decimal::ZERO, Currency::JPY), None);
    }

    #[test]
    fn money_costs_as_many_points_as_bring_it() {
        for (rate, currency, minor, points) in [
            ("1", Currency::JPY, 500, Some(500)),
            ("0.5", Currency::JPY, 500, Some(1_000)),
            ("0.01", Currency::USD, 501, Some(501)),
            ("1.25", Currency::TWD, 12_600, Some(101)),
            ("1", Currency::JPY, -1, None),
        ] {
            let rate = Rate::new(rate.parse().unwrap(), currency).unwrap();
            let cost = rate.cost_of(Money { minor, currency });
            assert_eq!(cost.map(Points::get), points, "{minor} {currency}");
            assert_eq!(rate.cost_of(Money { minor, currency: Currency::EUR }), None);
        }
    }

    #[test]
    fn a_worth_too_large_to_write_is_none() {
        let rate = Rate::new("1".parse().unwrap(), Currency::USD).unwrap();
        assert_eq!(rate.worth(Points::new(i64::MAX).unwrap()), None);
    }
}
