//! The rules that a request must meet before anything is sent anywhere.

use crate::{points::Points, problem::Problem, rate::Rate};

/// A shop's rules. Read from the configuration, which refuses what makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub minimum: Points,
    pub unit: Points,
    /// Points per customer and calendar day in the shop's time zone.
    pub daily_limit: Points,
    pub rate: Rate,
    pub valid_days: u16,
    /// How long the owner may take an unused coupon back, in minutes; 0: not at all.
    pub undo_minutes: u16,
    /// For how many days after its end staff may still cancel a coupon.
    pub cancel_expired_days: u16,
}

impl Rules {
    /// The rules that need no look at the books. The daily limit, the balance and open doubts are
    /// checked where they are reserved: in the store, in one transaction.
    pub fn admit(&self, points: Points) -> Result<(), Problem> {
        if points < self.minimum {
            return Err(Problem::BelowMinimum);
        }
        if !points.is_multiple_of(self.unit) {
            return Err(Problem::NotAMultiple);
        }
        if points > self.daily_limit {
            return Err(Problem::DailyLimitExceeded);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use iso_currency::Currency;

    #[test]
    fn the_seed_s_rules() {
        let points = |n| Points::new(n).unwrap();
        let rules = Rules {
            minimum: points(100),
            unit: points(100),
            daily_limit: points(10_000),
            rate: Rate::new("1".parse().unwrap(), Currency::JPY).unwrap(),
            valid_days: 365,
            undo_minutes: 10,
            cancel_expired_days: 0,
        };
        for (asked, verdict) in [
            (0, Err(Problem::BelowMinimum)),
            (99, Err(Problem::BelowMinimum)),
            (100, Ok(())),
            (150, Err(Problem::NotAMultiple)),
            (10_000, Ok(())),
            (10_100, Err(Problem::DailyLimitExceeded)),
            (i64::MAX, Err(Problem::NotAMultiple)),
        ] {
            assert_eq!(rules.admit(points(asked)), verdict, "{asked}");
        }
    }
}
