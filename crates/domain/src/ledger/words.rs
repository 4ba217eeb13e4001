//! What the ledger's rows are marked with.

use iso_currency::Currency;
use serde::{Deserialize, Serialize};

/// What an account counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unit {
    Points,
    /// Store credit, in the currency's minor units.
    Credit(Currency),
}

impl Unit {
    /// `points`, or the currency's code.
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Points => "points",
            Unit::Credit(currency) => currency.code(),
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        if text == "points" {
            return Some(Self::Points);
        }
        Currency::from_code(text).map(Self::Credit)
    }
}

/// What a lot was given for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Funding {
    Free,
    /// The customer paid for it.
    Paid,
}

impl Funding {
    pub const fn as_str(self) -> &'static str {
        match self {
            Funding::Free => "free",
            Funding::Paid => "paid",
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        [Funding::Free, Funding::Paid].into_iter().find(|funding| funding.as_str() == text)
    }
}

/// Where an amount comes from or goes to, seen from the customer's account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// Given: earned at a till, or granted by staff.
    Granted,
    /// Brought from the book that was used before.
    Opening,
    /// Spent, and given back after all.
    Redeemed,
    Expired,
    /// Put right by staff.
    Corrected,
}

impl Counter {
    pub const ALL: [Counter; 5] = [
        Counter::Granted,
        Counter::Opening,
        Counter::Redeemed,
        Counter::Expired,
        Counter::Corrected,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Counter::Granted => "granted",
            Counter::Opening => "opening",
            Counter::Redeemed => "redeemed",
            Counter::Expired => "expired",
            Counter::Corrected => "corrected",
        }
    }

    /// Reads what `as_str` writes.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|counter| counter.as_str() == text)
    }
}
