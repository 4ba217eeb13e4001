//! An order as the Admin API shows it.

use rust_decimal::Decimal;

use super::customers::CustomerObject;
use super::execute::View;
use super::graphql::{Connection, ConnectionOf, Field, Object, Out};
use super::money::Bag;
use super::order_parts::{
    ApplicationObject, CancellationObject, LineObject, PaymentObject, RefundObject,
};
use crate::books::Order;
use crate::clock::{Millis, rfc3339_s};

#[derive(Clone, Copy)]
pub struct OrderObject<'a> {
    pub order: &'a Order,
    pub view: View<'a>,
}

/// Whole seconds, as Shopify keeps them.
pub fn time(at: Millis) -> String {
    rfc3339_s(at.div_euclid(1_000))
}

impl<'a> OrderObject<'a> {
    pub fn bag(&self, amount: Decimal) -> Bag<'a> {
        Bag { amount, currency: self.view.currency() }
    }

    /// The fields about money; `None` for a field of another kind.
    fn sum(&self, name: &str) -> Option<Decimal> {
        let order = self.order;
        Some(match name {
            "totalPriceSet" => order.total,
            "totalDiscountsSet" => order.discount,
            "subtotalPriceSet" => order.subtotal - order.discount,
            "currentTotalPriceSet" if order.cancelled.is_some() => Decimal::ZERO,
            "currentTotalPriceSet" => order.total - order.repaid(None),
            "totalOutstandingSet" => order.outstanding(),
            "totalReceivedSet" => order.paid(None),
            "totalRefundedSet" => order.repaid(None),
            "netPaymentSet" => order.paid(None) - order.repaid(None),
            _ => return None,
        })
    }

    fn connections(&self, field: &Field, out: &mut Out<'_>) {
        let of = *self;
        match field.name.as_str() {
            "discountApplications" => {
                let nodes = of.order.applications.iter().enumerate();
                let nodes = nodes.map(|(index, application)| {
                    (index.to_string(), ApplicationObject { index, application, of })
                });
                Connection::write(ConnectionOf::DiscountApplications, nodes.collect(), field, out);
            }
            "lineItems" => {
                let nodes = of.order.lines.iter();
                let nodes = nodes.map(|line| (line.id.to_string(), LineObject { line, of }));
                Connection::write(ConnectionOf::LineItems, nodes.collect(), field, out);
            }
            "refunds" => {
                let refunds = of.order.refunds.iter().take(first(field, out));
                out.objects(refunds.map(|refund| RefundObject { refund, of }), field);
            }
            "transactions" => {
                let payments = of.order.payments.iter().take(first(field, out));
                out.objects(payments.map(|payment| PaymentObject { payment, of }), field);
            }
            _ => out.unanswered("Order", field),
        }
    }
}

/// Of a plain list: all, when no `first` is given.
fn first(field: &Field, out: &Out<'_>) -> usize {
    let first = field.integer("first", out.variables);
    first.map_or(usize::MAX, |first| usize::try_from(first).unwrap_or(0))
}

impl Object for OrderObject<'_> {
    fn type_name(&self) -> &'static str {
        "Order"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let order = self.order;
        let cancelled = order.cancelled.as_ref();
        let name = field.name.as_str();
        match name {
            "id" => out.gid("Order", order.id),
            "legacyResourceId" => out.text(&order.id.to_string()),
            "name" => out.text(&order.name),
            "createdAt" | "processedAt" => out.text(&time(order.created_at)),
            "updatedAt" => out.text(&time(order.updated_at)),
            // Cancelling closes an order; nothing else does here.
            "cancelledAt" | "closedAt" => out.maybe(cancelled.map(|of| time(of.at)).as_deref()),
            "closed" => out.flag(cancelled.is_some()),
            "cancelReason" => out.maybe(cancelled.map(|of| of.by.reason())),
            "cancellation" => out.nullable(cancelled.map(CancellationObject), field),
            "confirmed" | "test" => out.flag(true),
            "currencyCode" => out.text(self.view.currency()),
            "discountCode" => out.maybe(order.codes.first().map(String::as_str)),
            "discountCodes" => out.texts(order.codes.iter().map(String::as_str)),
            "displayFinancialStatus" => out.text(order.financial_status()),
            // Nothing is ever shipped here.
            "displayFulfillmentStatus" => out.text("UNFULFILLED"),
            "customer" => {
                let customer = self.view.books.customers.get(&order.customer);
                let view = self.view;
                out.nullable(customer.map(|customer| CustomerObject { customer, view }), field);
            }
            "email" => {
                let customer = self.view.books.customers.get(&order.customer);
                out.maybe(customer.and_then(|of| of.email.as_deref()));
            }
            "fullyPaid" => out.flag(order.paid(None) >= order.total),
            "unpaid" => out.flag(order.paid(None) < order.total),
            "refundable" => out.flag(order.paid(None) > order.repaid(None)),
            "paymentGatewayNames" => {
                let mut names: Vec<_> =
                    order.payments.iter().map(|payment| payment.gateway.name()).collect();
                names.sort_unstable();
                names.dedup();
                out.texts(names);
            }
            "sourceName" => out.text("web"),
            "tags" => out.texts([]),
            "note" | "paymentTerms" => out.null(),
            _ => match self.sum(name) {
                Some(amount) => out.object(&self.bag(amount), field),
                None => self.connections(field, out),
            },
        }
    }
}
