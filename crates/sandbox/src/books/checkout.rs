//! The checkout: an order, with or without a code.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::coupon::{Buyers, Coupon, Minimum, Status, Worth};
use super::ledgers::Books;
use super::order::Order;
use crate::clock::Millis;

/// What the customer has in the cart.
pub struct Checkout {
    pub customer: u64,
    pub code: Option<String>,
    /// Before the discount, in the shop's currency.
    pub total: Decimal,
}

/// Why the checkout does not go through: a machine code and a sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    UnknownCustomer,
    UnknownCode,
    NotYourCode,
    Expired,
    NotYetValid,
    UsedUp,
    BelowMinimum,
}

impl Refusal {
    pub fn code(self) -> &'static str {
        match self {
            Self::UnknownCustomer => "unknown-customer",
            Self::UnknownCode => "unknown-code",
            Self::NotYourCode => "code-of-another-customer",
            Self::Expired => "code-expired",
            Self::NotYetValid => "code-not-yet-valid",
            Self::UsedUp => "code-used-up",
            Self::BelowMinimum => "below-minimum",
        }
    }

    pub fn detail(self) -> &'static str {
        match self {
            Self::UnknownCustomer => "The shop has no customer with this id.",
            Self::UnknownCode => "The shop has no discount with this code.",
            Self::NotYourCode => "The code belongs to another customer.",
            Self::Expired => "The code has expired or was deactivated.",
            Self::NotYetValid => "The code is not valid yet.",
            Self::UsedUp => "The code has been used.",
            Self::BelowMinimum => "The order is below the code's minimum.",
        }
    }
}

impl Books {
    /// The order that this checkout makes. Nothing is changed.
    pub fn check_out(&self, cart: &Checkout, now: Millis) -> Result<Order, Refusal> {
        if !self.customers.contains_key(&cart.customer) {
            return Err(Refusal::UnknownCustomer);
        }
        let coupon = match &cart.code {
            Some(code) => Some(self.redeemable(code, cart, now)?),
            None => None,
        };
        let discount = coupon.map_or(Decimal::ZERO, |coupon| coupon.discount_on(cart.total));
        let (id, name) = self.next_order();
        Ok(Order {
            id,
            name,
            customer: cart.customer,
            codes: cart.code.iter().cloned().collect(),
            redeemed: coupon.iter().map(|coupon| coupon.id).collect(),
            subtotal: cart.total,
            discount,
            total: cart.total - discount,
            created_at: now,
            cancelled: None,
        })
    }

    fn redeemable(&self, code: &str, cart: &Checkout, now: Millis) -> Result<&Coupon, Refusal> {
        let coupon = self.coupon_by_code(code).ok_or(Refusal::UnknownCode)?;
        match &coupon.buyers {
            Buyers::Customers(only) if !only.contains(&cart.customer) => {
                return Err(Refusal::NotYourCode);
            }
            Buyers::All | Buyers::Customers(_) => {}
        }
        match coupon.status(now) {
            Status::Expired => return Err(Refusal::Expired),
            Status::Scheduled => return Err(Refusal::NotYetValid),
            Status::Active => {}
        }
        let own_use = coupon.uses.iter().any(|used| used.customer == cart.customer);
        if coupon.used_up() || (coupon.once_per_customer && own_use) {
            return Err(Refusal::UsedUp);
        }
        match coupon.minimum {
            Some(Minimum::Subtotal(least)) if cart.total < least => Err(Refusal::BelowMinimum),
            // A cart of the sandbox is one line of one piece.
            Some(Minimum::Quantity(least)) if least > 1 => Err(Refusal::BelowMinimum),
            _ => Ok(coupon),
        }
    }
}

impl Coupon {
    fn discount_on(&self, total: Decimal) -> Decimal {
        match self.worth {
            Worth::Amount { amount, .. } => amount.min(total),
            Worth::Percentage(share) => {
                (Decimal::from_f64(share).unwrap_or_default() * total).round_dp(0)
            }
        }
    }
}
