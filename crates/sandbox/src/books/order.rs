//! An order: what was bought, what paid for it, and what went back.

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
    /// What is to be paid.
    pub total: Decimal,
    pub created_at: Millis,
    pub cancelled: Option<Cancelled>,
    /// 0 in an order that an earlier version wrote, until it is filled in.
    #[serde(default)]
    pub updated_at: Millis,
    #[serde(default)]
    pub lines: Vec<Line>,
    #[serde(default)]
    pub applications: Vec<Application>,
    #[serde(default)]
    pub payments: Vec<Payment>,
    #[serde(default)]
    pub refunds: Vec<Refund>,
}

/// Something in the cart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Line {
    /// Number of the `LineItem` gid.
    pub id: u64,
    pub title: String,
    pub quantity: u32,
    /// Of one piece, before the discount.
    pub price: Decimal,
    /// This line's share of the order's discount.
    pub discount: Decimal,
}

/// A discount as it was applied to an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Application {
    pub kind: ApplicationKind,
    /// The code, or the title that staff gave.
    pub name: String,
    pub value: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApplicationKind {
    DiscountCode,
    /// By staff. Its title stands among the order's codes, as at Shopify.
    Manual,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    Amount(Decimal),
    /// 0 to 100
    Percentage(Decimal),
}

/// A payment or a repayment: an `OrderTransaction`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Payment {
    /// Number of the `OrderTransaction` gid.
    pub id: u64,
    pub kind: PaymentKind,
    pub gateway: Gateway,
    /// Never negative.
    pub amount: Decimal,
    /// Not paid yet.
    pub pending: bool,
    pub at: Millis,
    /// Of a repayment: the payment that it gives back.
    pub parent: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PaymentKind {
    Sale,
    Refund,
    /// The payment was never made and never will be.
    Void,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Gateway {
    StoreCredit,
    Card,
    BankDeposit,
}

/// What went back at once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Refund {
    /// Number of the `Refund` gid.
    pub id: u64,
    pub at: Millis,
    pub lines: Vec<RefundLine>,
    /// Numbers of the repayments among the order's payments.
    pub payments: Vec<u64>,
    pub restocked: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RefundLine {
    /// Number of the `RefundLineItem` gid.
    pub id: u64,
    pub line: u64,
    pub quantity: u32,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cancelled {
    pub at: Millis,
    pub by: CancelledBy,
    #[serde(default)]
    pub note: Option<String>,
}

/// Who cancelled; through the API, Shopify's reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledBy {
    Admin,
    Customer,
    /// The shop's automation: the order was not paid in time.
    ExpiredPayment,
    Declined,
    Fraud,
    Inventory,
    Other,
}

impl CancelledBy {
    /// Shopify's `OrderCancelReason`.
    pub fn reason(self) -> &'static str {
        match self {
            Self::Admin => "STAFF",
            Self::Customer => "CUSTOMER",
            Self::ExpiredPayment | Self::Other => "OTHER",
            Self::Declined => "DECLINED",
            Self::Fraud => "FRAUD",
            Self::Inventory => "INVENTORY",
        }
    }

    pub fn from_reason(reason: &str) -> Self {
        match reason {
            "STAFF" => Self::Admin,
            "CUSTOMER" => Self::Customer,
            "DECLINED" => Self::Declined,
            "FRAUD" => Self::Fraud,
            "INVENTORY" => Self::Inventory,
            _ => Self::Other,
        }
    }
}

impl Gateway {
    /// As Shopify names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::StoreCredit => "shopify_store_credit",
            Self::Card => "bogus",
            Self::BankDeposit => "Bank Deposit",
        }
    }

    pub fn shown(self) -> &'static str {
        match self {
            Self::StoreCredit => "Store credit",
            Self::Card => "(for testing) Bogus Gateway",
            Self::BankDeposit => "Bank Deposit",
        }
    }
}

impl Payment {
    /// Shopify's `OrderTransactionKind`.
    pub fn kind_name(&self) -> &'static str {
        match self.kind {
            PaymentKind::Sale => "SALE",
            PaymentKind::Refund => "REFUND",
            PaymentKind::Void => "VOID",
        }
    }

    pub fn status_name(&self) -> &'static str {
        if self.pending { "PENDING" } else { "SUCCESS" }
    }
}

impl Line {
    /// All pieces, before the discount.
    pub fn total(&self) -> Decimal {
        self.price * Decimal::from(self.quantity)
    }

    /// What `quantity` pieces are worth after the discount, as fine as the line's price is.
    pub fn worth_of(&self, quantity: u32) -> Decimal {
        if self.quantity == 0 {
            return Decimal::ZERO;
        }
        let share = (self.total() - self.discount) * Decimal::from(quantity);
        let scale = self.price.scale().max(self.discount.scale());
        (share / Decimal::from(self.quantity)).round_dp(scale)
    }
}

impl Order {
    fn sum(&self, fits: impl Fn(&Payment) -> bool) -> Decimal {
        self.payments.iter().filter(|of| fits(of)).map(|of| of.amount).sum()
    }

    /// What was really paid, by all means or by one.
    pub fn paid(&self, by: Option<Gateway>) -> Decimal {
        self.sum(|of| {
            of.kind == PaymentKind::Sale && !of.pending && by.is_none_or(|by| of.gateway == by)
        })
    }

    /// What went back, by all means or by one.
    pub fn repaid(&self, by: Option<Gateway>) -> Decimal {
        self.sum(|of| of.kind == PaymentKind::Refund && by.is_none_or(|by| of.gateway == by))
    }

    /// What of a payment has not gone back yet.
    pub fn refundable(&self, payment: &Payment) -> Decimal {
        if payment.kind != PaymentKind::Sale || payment.pending {
            return Decimal::ZERO;
        }
        payment.amount
            - self.sum(|of| of.kind == PaymentKind::Refund && of.parent == Some(payment.id))
    }

    /// What is still to be paid.
    pub fn outstanding(&self) -> Decimal {
        if self.cancelled.is_some() { Decimal::ZERO } else { self.total - self.paid(None) }
    }

    /// Pieces of a line that have not come back.
    pub fn quantity_left(&self, line: &Line) -> u32 {
        let lines = self.refunds.iter().flat_map(|refund| &refund.lines);
        let back: u32 = lines.filter(|back| back.line == line.id).map(|back| back.quantity).sum();
        line.quantity.saturating_sub(back)
    }

    /// Shopify's `OrderDisplayFinancialStatus`.
    pub fn financial_status(&self) -> &'static str {
        let (paid, repaid) = (self.paid(None), self.repaid(None));
        let expired =
            self.cancelled.as_ref().is_some_and(|of| of.by == CancelledBy::ExpiredPayment);
        if !paid.is_zero() && repaid >= paid {
            "REFUNDED"
        } else if !repaid.is_zero() {
            "PARTIALLY_REFUNDED"
        } else if paid >= self.total {
            "PAID"
        } else if expired {
            "EXPIRED"
        } else if self.cancelled.is_some() {
            "VOIDED"
        } else if paid.is_zero() {
            "PENDING"
        } else {
            "PARTIALLY_PAID"
        }
    }

    /// An order of an earlier version knows neither lines nor payments: it was one piece, paid by
    /// card at once.
    pub fn fill_in(&mut self, next_number: u64) {
        if self.updated_at == 0 {
            self.updated_at = self.cancelled.as_ref().map_or(self.created_at, |of| of.at);
        }
        if !self.lines.is_empty() {
            return;
        }
        let title = "Demo item".to_owned();
        let (price, discount) = (self.subtotal, self.discount);
        self.lines = vec![Line { id: next_number, title, quantity: 1, price, discount }];
        self.applications = self.codes.first().map_or_else(Vec::new, |code| {
            let (kind, value) = (ApplicationKind::DiscountCode, Value::Amount(discount));
            vec![Application { kind, name: code.clone(), value }]
        });
        self.payments = vec![Payment {
            id: next_number + 1,
            kind: PaymentKind::Sale,
            gateway: Gateway::Card,
            amount: self.total,
            pending: false,
            at: self.created_at,
            parent: None,
        }];
    }

    /// The highest number that this order uses for lines, payments and refunds.
    pub fn last_number(&self) -> u64 {
        let lines = self.lines.iter().map(|of| of.id);
        let payments = self.payments.iter().map(|of| of.id);
        let refunds = self.refunds.iter();
        let refunds = refunds.flat_map(|of| of.lines.iter().map(|line| line.id).chain([of.id]));
        lines.chain(payments).chain(refunds).max().unwrap_or(0)
    }
}
