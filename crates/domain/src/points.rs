//! Points: whole, never negative, added and taken only where the sum exists.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A number of points, zero or more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "i64", into = "i64")]
pub struct Points(i64);

impl Points {
    pub const ZERO: Points = Points(0);

    pub const fn new(count: i64) -> Option<Self> {
        if count >= 0 { Some(Self(count)) } else { None }
    }

    pub const fn get(self) -> i64 {
        self.0
    }

    pub fn plus(self, other: Points) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// What is left, or zero where less than nothing would be.
    #[must_use]
    pub fn less(self, other: Points) -> Self {
        Self((self.0 - other.0).max(0))
    }

    pub fn is_multiple_of(self, unit: Points) -> bool {
        unit.0 > 0 && self.0 % unit.0 == 0
    }
}

impl TryFrom<i64> for Points {
    type Error = &'static str;
    fn try_from(count: i64) -> Result<Self, Self::Error> {
        Self::new(count).ok_or("points are zero or more")
    }
}

impl From<Points> for i64 {
    fn from(points: Points) -> i64 {
        points.0
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
