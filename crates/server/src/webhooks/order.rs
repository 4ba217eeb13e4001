//! What Shopify writes of orders and refunds in a webhook.

use crate::{
    shopify::{order_read::status, orders::STORE_CREDIT},
    store::orders::{Goods, Pieces, Refund, SHOPIFY, Seen},
};
use domain::{At, CustomerId, Money, OrderId};
use iso_currency::Currency;
use rust_decimal::Decimal;
use serde::Deserialize;

/// Of an order's body what Kaeru needs. The rest is not read.
#[derive(Debug, Deserialize)]
struct OrderBody {
    id: u64,
    name: String,
    customer: Option<CustomerBody>,
    currency: String,
    total_price: Decimal,
    subtotal_price: Option<Decimal>,
    financial_status: Option<String>,
    fulfillment_status: Option<String>,
    cancel_reason: Option<String>,
    cancelled_at: Option<jiff::Timestamp>,
    created_at: jiff::Timestamp,
    updated_at: jiff::Timestamp,
    #[serde(default)]
    discount_applications: Vec<Application>,
    #[serde(default)]
    payment_gateway_names: Vec<String>,
    #[serde(default)]
    refunds: Vec<RefundBody>,
    line_items: Option<Vec<LineBody>>,
}

#[derive(Debug, Deserialize)]
struct LineBody {
    id: u64,
    #[serde(default)]
    title: String,
    quantity: i64,
    /// Of one piece, before discounts.
    price: Decimal,
}

#[derive(Debug, Deserialize)]
struct CustomerBody {
    id: u64,
}

#[derive(Debug, Deserialize)]
struct Application {
    #[serde(rename = "type")]
    kind: String,
    code: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RefundBody {
    id: u64,
    order_id: Option<u64>,
    created_at: jiff::Timestamp,
    #[serde(default)]
    transactions: Vec<TransactionBody>,
    #[serde(default)]
    refund_line_items: Vec<RefundLineBody>,
}

#[derive(Debug, Deserialize)]
struct TransactionBody {
    amount: Decimal,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    status: String,
    currency: Option<String>,
}

#[derive(Debug, Deserialize)]
struct RefundLineBody {
    #[serde(default)]
    subtotal: Decimal,
    line_item_id: Option<u64>,
    #[serde(default)]
    quantity: i64,
    line_item: Option<LineBody>,
}

/// Why a body says nothing.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    #[error("not the JSON that this topic has: {0}")]
    Json(#[from] serde_json::Error),
    #[error("an amount or a currency that does not exist")]
    Money,
}

fn minor(amount: Decimal, currency: Currency) -> Result<i64, Unreadable> {
    Money::exact(amount, currency).map(|money| money.minor).ok_or(Unreadable::Money)
}

/// Reads the body of an `orders/…` topic.
///
/// # Errors
/// Where it is none.
pub fn read(body: &str) -> Result<Seen, Unreadable> {
    let of: OrderBody = serde_json::from_str(body)?;
    let currency = Currency::from_code(&of.currency).ok_or(Unreadable::Money)?;
    let total = minor(of.total_price, currency)?;
    let items = of.subtotal_price.map_or(Ok(total), |price| minor(price, currency))?;
    // A manual discount of the staff's may bear a coupon's code as its title.
    let by_code = of.discount_applications.into_iter().filter(|of| of.kind == "discount_code");
    let refunds = of.refunds.iter().map(|refund| self::refund(refund, currency));
    let line = |of: LineBody| {
        let LineBody { id, title, quantity, price } = of;
        Ok(Goods { id, title, quantity, price: minor(price, currency)? })
    };
    let lines =
        of.line_items.map(|lines| lines.into_iter().map(line).collect::<Result<_, Unreadable>>());
    let status = status(
        of.cancelled_at.is_some(),
        of.financial_status.as_deref(),
        of.fulfillment_status.as_deref(),
    );
    Ok(Seen {
        id: OrderId(of.id.to_string()),
        name: of.name,
        channel: SHOPIFY.to_owned(),
        customer: of.customer.map(|customer| CustomerId(customer.id)),
        total,
        items,
        lines: lines.transpose()?,
        currency: of.currency,
        status,
        financial_status: of.financial_status,
        cancel_reason: of.cancel_reason,
        cancelled_at: of.cancelled_at.map(At::from),
        created_at: At::from(of.created_at),
        updated_at: At::from(of.updated_at),
        codes: by_code.filter_map(|of| of.code).collect(),
        credit: of.payment_gateway_names.iter().any(|name| name == STORE_CREDIT),
        refunds: refunds.collect::<Result<_, _>>()?,
    })
}

fn refund(of: &RefundBody, currency: Currency) -> Result<Refund, Unreadable> {
    let counted = of
        .transactions
        .iter()
        .filter(|of| of.kind == "refund" && !matches!(of.status.as_str(), "failure" | "error"));
    let amount = counted.map(|of| of.amount).sum();
    let items = of.refund_line_items.iter().map(|line| line.subtotal).sum();
    let mut goods = Some(0);
    let mut lines = Vec::new();
    for line in &of.refund_line_items {
        let price = line.line_item.as_ref().map(|of| minor(of.price, currency)).transpose()?;
        goods = goods.zip(price).map(|(sum, price)| sum + price * line.quantity);
        if let Some(id) = line.line_item_id {
            lines.push(Pieces { line: id, quantity: line.quantity });
        }
    }
    Ok(Refund {
        id: of.id.to_string(),
        amount: minor(amount, currency)?,
        items: minor(items, currency)?,
        goods,
        lines,
        at: At::from(of.created_at),
    })
}

/// Reads the body of `refunds/create`. `fallback`: the shop's currency, where nothing was paid.
///
/// # Errors
/// Where it is none.
pub fn read_refund(body: &str, fallback: Currency) -> Result<(OrderId, Refund), Unreadable> {
    let of: RefundBody = serde_json::from_str(body)?;
    let order = of.order_id.ok_or(Unreadable::Money)?;
    let named = of.transactions.iter().find_map(|of| of.currency.as_deref());
    let currency = named.map_or(Some(fallback), Currency::from_code).ok_or(Unreadable::Money)?;
    Ok((OrderId(order.to_string()), refund(&of, currency)?))
}

#[cfg(test)]
mod tests;
