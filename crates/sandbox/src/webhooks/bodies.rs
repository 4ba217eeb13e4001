//! Payloads as Shopify's REST resources write them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rust_decimal::Decimal;
use serde_json::{Value, json};

use super::sign;
use crate::Options;
use crate::books::{
    ApplicationKind, Books, Customer, Order, Payment, PaymentKind, Refund, Value as Worth,
};
use crate::clock::Millis;

/// Writes payloads of one shop.
pub struct Bodies<'a> {
    pub options: &'a Options,
    pub books: &'a Books,
}

const SHOP_ID: u64 = 954_889;

fn gid(kind: &str, id: u64) -> String {
    format!("gid://shopify/{kind}/{id}")
}

impl Bodies<'_> {
    /// In the shop's time zone, whole seconds: «2026-11-21T15:00:00+09:00».
    fn time(&self, at: Millis) -> String {
        let zone = TimeZone::get(&self.options.timezone).unwrap_or(TimeZone::UTC);
        let at = Timestamp::from_millisecond(at).unwrap_or(Timestamp::UNIX_EPOCH);
        at.to_zoned(zone).strftime("%Y-%m-%dT%H:%M:%S%:z").to_string()
    }

    /// A decimal string with the currency's own decimals.
    fn money(&self, amount: Decimal) -> String {
        match self.options.currency.as_str() {
            "JPY" | "KRW" => format!("{amount:.0}"),
            _ => format!("{amount:.2}"),
        }
    }

    fn set(&self, amount: Decimal) -> Value {
        let one = json!({ "amount": self.money(amount), "currency_code": self.options.currency });
        json!({ "shop_money": one, "presentment_money": one })
    }

    /// orders/create, orders/paid, orders/updated, orders/cancelled.
    pub fn order(&self, order: &Order) -> Value {
        let customer = self.books.customers.get(&order.customer);
        let email = customer.and_then(|of| of.email.clone());
        let cancelled = order.cancelled.as_ref();
        let net =
            if cancelled.is_some() { Decimal::ZERO } else { order.total - order.repaid(None) };
        let mut body = json!({
            "id": order.id,
            "admin_graphql_api_id": gid("Order", order.id),
            "name": order.name,
            "order_number": order.name.trim_start_matches('#').parse::<u64>().unwrap_or(order.id),
            "number": order.name.trim_start_matches('#').parse::<u64>().unwrap_or(order.id),
            "token": sign::id(&[b"order", &order.id.to_be_bytes()]).replace('-', ""),
            "email": email,
            "contact_email": email,
            "created_at": self.time(order.created_at),
            "processed_at": self.time(order.created_at),
            "updated_at": self.time(order.updated_at),
            "closed_at": cancelled.map(|of| self.time(of.at)),
            "cancelled_at": cancelled.map(|of| self.time(of.at)),
            "cancel_reason": cancelled.map(|of| of.by.reason().to_lowercase()),
            "currency": self.options.currency,
            "presentment_currency": self.options.currency,
            "financial_status": order.financial_status().to_lowercase(),
            "fulfillment_status": Value::Null,
            "confirmed": true,
            "test": true,
            "source_name": "web",
            "note": Value::Null,
            "tags": "",
            "taxes_included": true,
            "total_tax": self.money(Decimal::ZERO),
            "total_line_items_price": self.money(order.subtotal),
            "total_discounts": self.money(order.discount),
            "subtotal_price": self.money(order.subtotal - order.discount),
            "total_price": self.money(order.total),
            "current_total_price": self.money(net),
            "total_outstanding": self.money(order.outstanding()),
            "total_price_set": self.set(order.total),
            "total_discounts_set": self.set(order.discount),
            "current_total_price_set": self.set(net),
            "payment_terms": Value::Null,
        });
        body["payment_gateway_names"] = gateways(order);
        body["discount_codes"] = self.discount_codes(order);
        body["discount_applications"] = self.applications(order);
        body["line_items"] = order.lines.iter().map(|line| self.line(line, order)).collect();
        body["refunds"] = order.refunds.iter().map(|refund| self.refund(order, refund)).collect();
        body["customer"] = customer.map_or(Value::Null, |of| self.customer(of));
        body
    }

    /// A discount of staff stands among the codes too, as at Shopify.
    fn discount_codes(&self, order: &Order) -> Value {
        let codes = order.applications.iter().map(|of| {
            let (amount, kind) = match of.value {
                Worth::Amount(amount) => (amount, "fixed_amount"),
                Worth::Percentage(_) => (order.discount, "percentage"),
            };
            json!({ "code": of.name, "amount": self.money(amount), "type": kind })
        });
        codes.collect()
    }

    fn applications(&self, order: &Order) -> Value {
        let applications = order.applications.iter().map(|of| {
            let (value, kind) = match of.value {
                Worth::Amount(amount) => (self.money(amount), "fixed_amount"),
                Worth::Percentage(share) => (format!("{share:.1}"), "percentage"),
            };
            let mut body = json!({
                "target_type": "line_item",
                "value": value,
                "value_type": kind,
                "allocation_method": "across",
                "target_selection": "all",
            });
            match of.kind {
                ApplicationKind::DiscountCode => {
                    body["type"] = json!("discount_code");
                    body["code"] = json!(of.name);
                }
                ApplicationKind::Manual => {
                    body["type"] = json!("manual");
                    body["title"] = json!(of.name);
                    body["description"] = Value::Null;
                }
            }
            body
        });
        applications.collect()
    }

    fn line(&self, line: &crate::books::Line, order: &Order) -> Value {
        let allocations: Vec<_> = (!order.applications.is_empty() && !line.discount.is_zero())
            .then(|| {
                json!({
                    "amount": self.money(line.discount),
                    "amount_set": self.set(line.discount),
                    "discount_application_index": 0,
                })
            })
            .into_iter()
            .collect();
        json!({
            "id": line.id,
            "admin_graphql_api_id": gid("LineItem", line.id),
            "title": line.title,
            "name": line.title,
            "quantity": line.quantity,
            "current_quantity": order.quantity_left(line),
            "fulfillable_quantity": order.quantity_left(line),
            "fulfillment_status": Value::Null,
            "price": self.money(line.price),
            "price_set": self.set(line.price),
            "total_discount": self.money(Decimal::ZERO),
            "gift_card": false,
            "taxable": true,
            "requires_shipping": true,
            "sku": Value::Null,
            "discount_allocations": allocations,
            "tax_lines": [],
        })
    }

    /// refunds/create, and each of an order's `refunds`.
    pub fn refund(&self, order: &Order, refund: &Refund) -> Value {
        let back = refund.lines.iter().filter_map(|back| {
            let line = order.lines.iter().find(|line| line.id == back.line)?;
            Some(json!({
                "id": back.id,
                "line_item_id": back.line,
                "quantity": back.quantity,
                "restock_type": if refund.restocked { "return" } else { "no_restock" },
                "subtotal": line.worth_of(back.quantity),
                "subtotal_set": self.set(line.worth_of(back.quantity)),
                "total_tax": 0.0,
                "line_item": self.line(line, order),
            }))
        });
        let paid = order.payments.iter().filter(|of| refund.payments.contains(&of.id));
        json!({
            "id": refund.id,
            "admin_graphql_api_id": gid("Refund", refund.id),
            "order_id": order.id,
            "created_at": self.time(refund.at),
            "processed_at": self.time(refund.at),
            "note": Value::Null,
            "restock": refund.restocked,
            "user_id": Value::Null,
            "refund_line_items": back.collect::<Vec<_>>(),
            "order_adjustments": [],
            "transactions": paid.map(|of| self.payment(order, of)).collect::<Vec<_>>(),
        })
    }

    fn payment(&self, order: &Order, of: &Payment) -> Value {
        json!({
            "id": of.id,
            "admin_graphql_api_id": gid("OrderTransaction", of.id),
            "order_id": order.id,
            "kind": match of.kind {
                PaymentKind::Sale => "sale",
                PaymentKind::Refund => "refund",
                PaymentKind::Void => "void",
            },
            "gateway": of.gateway.name(),
            "status": if of.pending { "pending" } else { "success" },
            "amount": self.money(of.amount),
            "currency": self.options.currency,
            "parent_id": of.parent,
            "created_at": self.time(of.at),
            "processed_at": self.time(of.at),
            "test": true,
        })
    }

    fn customer(&self, of: &Customer) -> Value {
        json!({
            "id": of.id,
            "admin_graphql_api_id": gid("Customer", of.id),
            "email": of.email,
            "first_name": of.first_name(),
            "last_name": of.last_name(),
            "state": "enabled",
            "currency": self.options.currency,
            "created_at": self.time(of.created_at * 1_000),
            "updated_at": self.time(of.updated_at * 1_000),
            "tags": "",
        })
    }

    pub fn customer_deleted(&self, id: u64) -> Value {
        json!({ "id": id, "tax_exemptions": [], "admin_graphql_api_id": gid("Customer", id) })
    }

    pub fn customers_merged(&self, kept: u64, deleted: u64, job: Option<&str>) -> Value {
        json!({
            "admin_graphql_api_customer_kept_id": gid("Customer", kept),
            "admin_graphql_api_customer_deleted_id": gid("Customer", deleted),
            "admin_graphql_api_job_id": job.map(|id| format!("gid://shopify/Job/{id}")),
            "status": "completed",
            "errors": [],
        })
    }

    pub fn app_uninstalled(&self) -> Value {
        json!({
            "id": SHOP_ID,
            "name": self.options.shop_name,
            "domain": self.options.shop_domain,
            "myshopify_domain": self.options.shop_domain,
            "currency": self.options.currency,
            "iana_timezone": self.options.timezone,
            "plan_name": "basic",
        })
    }

    /// customers/data_request and customers/redact; `orders` is the name of the list in it.
    pub fn compliance(&self, customer: u64, orders: &str) -> Value {
        let email = self.books.customers.get(&customer).and_then(|of| of.email.clone());
        let theirs = self.books.orders.values().filter(|of| of.customer == customer);
        let theirs: Vec<_> = theirs.map(|of| of.id).collect();
        let mut body = json!({
            "shop_id": SHOP_ID,
            "shop_domain": self.options.shop_domain,
            "customer": { "id": customer, "email": email, "phone": Value::Null },
        });
        body[orders] = json!(theirs);
        if orders == "orders_requested" {
            body["data_request"] = json!({ "id": 9_999 });
        }
        body
    }

    pub fn shop_redact(&self) -> Value {
        json!({ "shop_id": SHOP_ID, "shop_domain": self.options.shop_domain })
    }
}

fn gateways(order: &Order) -> Value {
    let mut names: Vec<_> = order.payments.iter().map(|of| of.gateway.name()).collect();
    names.sort_unstable();
    names.dedup();
    json!(names)
}
