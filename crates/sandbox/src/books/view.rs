//! The books as `GET /sandbox/api/books` shows them.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;

use super::coupon::{Buyers, Coupon, Status, Worth};
use super::credit_view::{CreditsView, credits};
use super::ledgers::Books;
use super::order::{CancelledBy, Gateway, Line, Order};
use super::points::Account;
use super::webhook::{Delivery, DeliveryState, Topic};
use crate::clock::{Millis, rfc3339_ms, rfc3339_s};

/// The other side's truth.
#[derive(Serialize)]
pub struct BooksView {
    /// By the customer's id at the POS.
    points: BTreeMap<String, AccountView>,
    coupons: Vec<CouponView>,
    /// `loyalty.coupons` by the number of the customer's gid.
    metafields: BTreeMap<String, Value>,
    /// Store credit by the number of the customer's gid; one account for each currency.
    credits: BTreeMap<String, Vec<CreditsView>>,
    orders: Vec<OrderView>,
    /// Newest first.
    webhooks: Vec<DeliveryView>,
    /// Calls received, by name.
    pub calls: BTreeMap<&'static str, u64>,
    /// Cost points charged, by the name of each query's first call.
    pub spent: BTreeMap<&'static str, u64>,
    /// How often Shopify answered THROTTLED.
    pub throttled: u64,
    /// Of those: because a fault was set, and not for want of points.
    pub throttled_by_fault: u64,
}

#[derive(Serialize)]
struct AccountView {
    balance: i64,
    movements: Vec<MovementView>,
}

#[derive(Serialize)]
struct MovementView {
    reference: String,
    amount: i64,
    reason: String,
    balance: i64,
    at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
}

#[derive(Serialize)]
struct CouponView {
    code: String,
    /// Number of the customer's gid; null when anyone may use it.
    customer: Option<String>,
    /// Active and not used up: a checkout would take it.
    live: bool,
    uses: usize,
    id: String,
    status: Status,
    title: String,
    /// In the shop's currency; null for a percentage.
    amount: Option<Decimal>,
    created_at: String,
    ends_at: Option<String>,
}

#[derive(Serialize)]
struct DeliveryView {
    id: u64,
    topic: Topic,
    webhook_id: String,
    event_id: String,
    state: DeliveryState,
    tries: u32,
    /// What came of the last try: the status, or why there was none.
    last: Option<String>,
    fault: Option<String>,
    triggered_at: String,
    /// When it is tried next.
    due_at: Option<String>,
}

/// An order as the books and the checkout show it.
#[derive(Serialize)]
pub struct OrderView {
    id: String,
    name: String,
    customer: String,
    codes: Vec<String>,
    subtotal: Decimal,
    discount: Decimal,
    total: Decimal,
    created_at: String,
    updated_at: String,
    lines: Vec<LineView>,
    /// Paid by store credit.
    credit: Decimal,
    /// Went back, by whatever means.
    refunded: Decimal,
    /// Of that: to store credit.
    credit_refunded: Decimal,
    outstanding: Decimal,
    /// As Shopify's `displayFinancialStatus`.
    financial_status: &'static str,
    cancelled_at: Option<String>,
    cancelled_by: Option<CancelledBy>,
}

#[derive(Serialize)]
struct LineView {
    id: String,
    title: String,
    quantity: u32,
    /// Not refunded yet.
    left: u32,
    price: Decimal,
}

impl BooksView {
    pub fn of(books: &Books, now: Millis) -> Self {
        let metafields = books.customers.values().filter_map(|customer| {
            let field = customer.metafield("loyalty", "coupons")?;
            let value = serde_json::from_str(&field.value).unwrap_or(Value::Null);
            Some((customer.id.to_string(), value))
        });
        Self {
            points: books.points.iter().map(|(id, of)| (id.clone(), account(of))).collect(),
            coupons: books.coupons.values().map(|of| coupon(of, now)).collect(),
            metafields: metafields.collect(),
            credits: credits(books),
            orders: books.orders.values().map(OrderView::of).collect(),
            webhooks: books.webhooks.deliveries.values().rev().map(delivery).collect(),
            calls: BTreeMap::new(),
            spent: BTreeMap::new(),
            throttled: 0,
            throttled_by_fault: 0,
        }
    }
}

impl OrderView {
    pub fn of(order: &Order) -> Self {
        Self {
            id: order.id.to_string(),
            name: order.name.clone(),
            customer: order.customer.to_string(),
            codes: order.codes.clone(),
            subtotal: order.subtotal,
            discount: order.discount,
            total: order.total,
            created_at: rfc3339_ms(order.created_at),
            updated_at: rfc3339_ms(order.updated_at),
            lines: order.lines.iter().map(|of| line(of, order)).collect(),
            credit: order.paid(Some(Gateway::StoreCredit)),
            refunded: order.repaid(None),
            credit_refunded: order.repaid(Some(Gateway::StoreCredit)),
            outstanding: order.outstanding(),
            financial_status: order.financial_status(),
            cancelled_at: order.cancelled.as_ref().map(|cancelled| rfc3339_ms(cancelled.at)),
            cancelled_by: order.cancelled.as_ref().map(|cancelled| cancelled.by),
        }
    }
}

fn line(of: &Line, order: &Order) -> LineView {
    LineView {
        id: of.id.to_string(),
        title: of.title.clone(),
        quantity: of.quantity,
        left: order.quantity_left(of),
        price: of.price,
    }
}

fn delivery(of: &Delivery) -> DeliveryView {
    DeliveryView {
        id: of.id,
        topic: of.topic,
        webhook_id: of.webhook_id.clone(),
        event_id: of.event_id.clone(),
        state: of.state,
        tries: of.tries,
        last: of.last.clone(),
        fault: of.fault.clone(),
        triggered_at: rfc3339_ms(of.triggered_at),
        due_at: (of.state == DeliveryState::Pending).then(|| rfc3339_ms(of.due_at)),
    }
}

fn account(of: &Account) -> AccountView {
    let movements = of.movements.iter().map(|movement| MovementView {
        reference: movement.reference.clone(),
        amount: movement.amount,
        reason: movement.reason.clone(),
        balance: movement.balance,
        at: rfc3339_ms(movement.at),
        expires_at: movement.expires_at.clone(),
    });
    AccountView { balance: of.balance, movements: movements.collect() }
}

fn coupon(of: &Coupon, now: Millis) -> CouponView {
    CouponView {
        code: of.code.clone(),
        customer: match &of.buyers {
            Buyers::All => None,
            Buyers::Customers(only) => only.first().map(u64::to_string),
        },
        live: of.live(now),
        uses: of.uses.len(),
        id: of.id.to_string(),
        status: of.status(now),
        title: of.title.clone(),
        amount: match of.worth {
            Worth::Amount { amount, .. } => Some(amount),
            Worth::Percentage(_) => None,
        },
        created_at: rfc3339_s(of.created_at),
        ends_at: of.ends_at.map(rfc3339_s),
    }
}
