//! A discount with its one code.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::clock::{Millis, Seconds};

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Coupon {
    /// Number of the `DiscountCodeNode` gid.
    pub id: u64,
    /// Number of the `DiscountRedeemCode` gid.
    pub code_id: u64,
    pub code: String,
    pub title: String,
    pub starts_at: Seconds,
    pub ends_at: Option<Seconds>,
    pub created_at: Seconds,
    pub updated_at: Seconds,
    pub usage_limit: Option<i64>,
    pub once_per_customer: bool,
    pub buyers: Buyers,
    pub worth: Worth,
    pub on_one_time_purchase: bool,
    pub on_subscription: bool,
    pub combines_with_orders: bool,
    pub combines_with_products: bool,
    pub combines_with_shipping: bool,
    pub minimum: Option<Minimum>,
    pub recurring_cycle_limit: Option<i64>,
    pub tags: Vec<String>,
    pub uses: Vec<Use>,
}

/// Who may redeem the code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Buyers {
    All,
    Customers(Vec<u64>),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Worth {
    Amount {
        amount: Decimal,
        each_item: bool,
    },
    /// 0.0 to 1.0
    Percentage(f64),
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub enum Minimum {
    Quantity(u64),
    Subtotal(Decimal),
}

/// The code was redeemed by an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Use {
    pub order: u64,
    pub customer: u64,
    pub at: Millis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Status {
    Active,
    Expired,
    Scheduled,
}

impl Status {
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "ACTIVE",
            Self::Expired => "EXPIRED",
            Self::Scheduled => "SCHEDULED",
        }
    }
}

impl Coupon {
    pub fn status(&self, now: Millis) -> Status {
        let now = now.div_euclid(1_000);
        if self.ends_at.is_some_and(|ends| ends <= now) {
            Status::Expired
        } else if self.starts_at > now {
            Status::Scheduled
        } else {
            Status::Active
        }
    }

    /// Every permitted use has been made.
    pub fn used_up(&self) -> bool {
        let uses = i64::try_from(self.uses.len()).unwrap_or(i64::MAX);
        self.usage_limit.is_some_and(|limit| uses >= limit)
    }

    /// A checkout would take it.
    pub fn live(&self, now: Millis) -> bool {
        self.status(now) == Status::Active && !self.used_up()
    }

    /// What `asyncUsageCount` says: uses become visible only `lag` milliseconds later.
    pub fn visible_uses(&self, now: Millis, lag: Millis) -> usize {
        self.uses.iter().filter(|used| used.at.saturating_add(lag) <= now).count()
    }
}
