//! The checkout: an order, with or without a code.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::coupon::{Buyers, Coupon, Minimum, Status, Worth};
use super::ledgers::Books;
use super::order::{
    Application, ApplicationKind, Gateway, Line, Order, Payment, PaymentKind, Value,
};
use crate::clock::Millis;

/// What the customer has in the cart.
pub struct Checkout {
    pub customer: u64,
    pub code: Option<String>,
    /// At least one; prices before the discount, in the shop's currency.
    pub lines: Vec<CartLine>,
    /// A discount that staff gave by hand: its title and amount.
    pub manual: Option<(String, Decimal)>,
    /// Paid by store credit, in the shop's currency.
    pub credit: Decimal,
    /// Whether the rest is paid at once, by card; else the order waits for a bank transfer.
    pub paid: bool,
    /// The code was accepted before it died or was used up, and only now becomes an order.
    pub in_flight: bool,
}

pub struct CartLine {
    pub title: String,
    pub quantity: u32,
    pub price: Decimal,
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
    CreditAboveTotal,
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
            Self::CreditAboveTotal => "credit-above-total",
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
            Self::CreditAboveTotal => "The store credit is more than what is to be paid.",
        }
    }
}

impl Books {
    /// The order that this checkout makes. Nothing is changed.
    pub fn check_out(&self, cart: &Checkout, now: Millis) -> Result<Order, Refusal> {
        if !self.customers.contains_key(&cart.customer) {
            return Err(Refusal::UnknownCustomer);
        }
        let subtotal: Decimal =
            cart.lines.iter().map(|line| line.price * Decimal::from(line.quantity)).sum();
        let coupon = match &cart.code {
            Some(code) => Some(self.redeemable(code, cart, subtotal, now)?),
            None => None,
        };
        let by_code = coupon.map_or(Decimal::ZERO, |coupon| coupon.discount_on(subtotal));
        let by_hand = cart.manual.as_ref().map_or(Decimal::ZERO, |(_, amount)| *amount);
        let discount = (by_code + by_hand).min(subtotal);
        let (id, name) = self.next_order();
        let titles = cart.manual.iter().map(|(title, _)| title.clone());
        let mut order = Order {
            id,
            name,
            customer: cart.customer,
            codes: cart.code.iter().cloned().chain(titles).collect(),
            redeemed: coupon.iter().map(|coupon| coupon.id).collect(),
            subtotal,
            discount,
            total: subtotal - discount,
            created_at: now,
            cancelled: None,
            updated_at: now,
            lines: lines(&cart.lines, discount, self.next_number()),
            applications: applications(cart, coupon),
            payments: Vec::new(),
            refunds: Vec::new(),
        };
        if cart.credit > order.total {
            return Err(Refusal::CreditAboveTotal);
        }
        let by = if cart.paid { Gateway::Card } else { Gateway::BankDeposit };
        let rest = order.total - cart.credit;
        for (gateway, amount, pending) in
            [(Gateway::StoreCredit, cart.credit, false), (by, rest, !cart.paid)]
        {
            if !amount.is_zero() {
                let (id, kind) = (order.last_number() + 1, PaymentKind::Sale);
                let payment = Payment { id, kind, gateway, amount, pending, at: now, parent: None };
                order.payments.push(payment);
            }
        }
        Ok(order)
    }

    fn redeemable(
        &self,
        code: &str,
        cart: &Checkout,
        subtotal: Decimal,
        now: Millis,
    ) -> Result<&Coupon, Refusal> {
        let coupon = self.coupon_by_code(code).ok_or(Refusal::UnknownCode)?;
        match &coupon.buyers {
            Buyers::Customers(only) if !only.contains(&cart.customer) => {
                return Err(Refusal::NotYourCode);
            }
            Buyers::All | Buyers::Customers(_) => {}
        }
        if cart.in_flight {
            return Ok(coupon);
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
        let pieces: u64 = cart.lines.iter().map(|line| u64::from(line.quantity)).sum();
        match coupon.minimum {
            Some(Minimum::Subtotal(least)) if subtotal < least => Err(Refusal::BelowMinimum),
            Some(Minimum::Quantity(least)) if pieces < least => Err(Refusal::BelowMinimum),
            _ => Ok(coupon),
        }
    }
}

/// The lines with their shares of the discount; what rounding leaves over is the last one's.
fn lines(cart: &[CartLine], discount: Decimal, first: u64) -> Vec<Line> {
    let mut lines: Vec<_> = cart
        .iter()
        .zip(first..)
        .map(|(line, id)| Line {
            id,
            title: line.title.clone(),
            quantity: line.quantity,
            price: line.price,
            discount: Decimal::ZERO,
        })
        .collect();
    let whole: Decimal = lines.iter().map(Line::total).sum();
    let mut left = discount;
    let count = lines.len();
    for (at, line) in lines.iter_mut().enumerate() {
        let share = if whole.is_zero() || at + 1 == count {
            left
        } else {
            (discount * line.total() / whole).round_dp(discount.scale())
        };
        line.discount = share;
        left -= share;
    }
    lines
}

fn applications(cart: &Checkout, coupon: Option<&Coupon>) -> Vec<Application> {
    let by_code = cart.code.iter().zip(coupon).map(|(code, coupon)| Application {
        kind: ApplicationKind::DiscountCode,
        name: code.clone(),
        value: match coupon.worth {
            Worth::Amount { amount, .. } => Value::Amount(amount),
            Worth::Percentage(share) => {
                let hundred = Decimal::from(100);
                Value::Percentage(Decimal::from_f64(share).unwrap_or_default() * hundred)
            }
        },
    });
    let by_hand = cart.manual.iter().map(|(title, amount)| Application {
        kind: ApplicationKind::Manual,
        name: title.clone(),
        value: Value::Amount(*amount),
    });
    by_code.chain(by_hand).collect()
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
