//! An order that came out of the sandbox's checkout.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::clock::Millis;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Order {
    /// Number of the gid.
    pub id: u64,
    /// «#1001»
    pub name: String,
    pub customer: u64,
    /// The codes as the customer typed them.
    pub codes: Vec<String>,
    /// The discounts that were redeemed (numbers of `DiscountCodeNode` gids).
    pub redeemed: Vec<u64>,
    /// Before the discount, in the shop's currency.
    pub subtotal: Decimal,
    pub discount: Decimal,
    /// What was paid.
    pub total: Decimal,
    pub created_at: Millis,
    pub cancelled: Option<Cancelled>,
}

#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Cancelled {
    pub at: Millis,
    pub by: CancelledBy,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    Admin,
    Customer,
    /// The shop's automation: the order was not paid in time.
    ExpiredPayment,
}

impl CancelledBy {
    /// Shopify's `OrderCancelReason`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Admin => "STAFF",
            Self::Customer => "CUSTOMER",
            Self::ExpiredPayment => "OTHER",
        }
    }
}

impl Order {
    /// Shopify's `OrderDisplayFinancialStatus`.
    pub fn financial_status(&self) -> &'static str {
        match self.cancelled {
            None => "PAID",
            Some(Cancelled { by: CancelledBy::ExpiredPayment, .. }) => "EXPIRED",
            Some(_) => "VOIDED",
        }
    }
}
