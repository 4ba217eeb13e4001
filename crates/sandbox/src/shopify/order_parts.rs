//! What an order is made of, as the Admin API shows it: lines, discounts, payments, refunds.

use super::graphql::{Connection, ConnectionOf, Field, Object, Out};
use super::money::Money;
use super::order_view::{OrderObject, time};
use crate::books::{
    Application, ApplicationKind, Cancelled, Gateway, Line, Payment, Refund, RefundLine, Value,
};

pub struct CancellationObject<'a>(pub &'a Cancelled);

impl Object for CancellationObject<'_> {
    fn type_name(&self) -> &'static str {
        "OrderCancellation"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "staffNote" => out.maybe(self.0.note.as_deref()),
            _ => out.unanswered("OrderCancellation", field),
        }
    }
}

pub struct ApplicationObject<'a> {
    pub index: usize,
    pub application: &'a Application,
    pub of: OrderObject<'a>,
}

impl Object for ApplicationObject<'_> {
    fn type_name(&self) -> &'static str {
        match self.application.kind {
            ApplicationKind::DiscountCode => "DiscountCodeApplication",
            ApplicationKind::Manual => "ManualDiscountApplication",
        }
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "index" => out.number(self.index),
            "code" | "title" => out.text(&self.application.name),
            "description" => out.null(),
            "allocationMethod" => out.text("ACROSS"),
            "targetSelection" => out.text("ALL"),
            "targetType" => out.text("LINE_ITEM"),
            "value" => match self.application.value {
                Value::Amount(amount) => {
                    out.object(&Money { amount, currency: self.of.view.currency() }, field);
                }
                Value::Percentage(share) => out.object(&Percentage(share), field),
            },
            _ => out.unanswered(self.type_name(), field),
        }
    }
}

struct Percentage(rust_decimal::Decimal);

impl Object for Percentage {
    fn type_name(&self) -> &'static str {
        "PricingPercentageValue"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match field.name.as_str() {
            "percentage" => out.number(self.0.normalize()),
            _ => out.unanswered("PricingPercentageValue", field),
        }
    }
}

#[derive(Clone, Copy)]
pub struct LineObject<'a> {
    pub line: &'a Line,
    pub of: OrderObject<'a>,
}

impl Object for LineObject<'_> {
    fn type_name(&self) -> &'static str {
        "LineItem"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let line = self.line;
        let left = || match self.of.order.cancelled {
            Some(_) => 0,
            None => self.of.order.quantity_left(line),
        };
        match field.name.as_str() {
            "id" => out.gid("LineItem", line.id),
            "title" | "name" => out.text(&line.title),
            "quantity" => out.number(line.quantity),
            "currentQuantity" => out.number(left()),
            "refundableQuantity" => out.number(self.of.order.quantity_left(line)),
            "isGiftCard" => out.flag(false),
            "sku" | "variantTitle" => out.null(),
            "originalUnitPriceSet" => out.object(&self.of.bag(line.price), field),
            "originalTotalSet" => out.object(&self.of.bag(line.total()), field),
            "totalDiscountSet" => out.object(&self.of.bag(line.discount), field),
            "discountedTotalSet" => {
                // Without the codes no discount is left: those of staff count as the order's too.
                let codes = field.flag("withCodeDiscounts", out.variables);
                let off = if codes { line.discount } else { rust_decimal::Decimal::ZERO };
                out.object(&self.of.bag(line.total() - off), field);
            }
            _ => out.unanswered("LineItem", field),
        }
    }
}

#[derive(Clone, Copy)]
pub struct PaymentObject<'a> {
    pub payment: &'a Payment,
    pub of: OrderObject<'a>,
}

impl Object for PaymentObject<'_> {
    fn type_name(&self) -> &'static str {
        "OrderTransaction"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let payment = self.payment;
        match field.name.as_str() {
            "id" => out.gid("OrderTransaction", payment.id),
            "kind" => out.text(payment.kind_name()),
            "status" => out.text(payment.status_name()),
            "gateway" => out.text(payment.gateway.name()),
            "formattedGateway" => out.text(payment.gateway.shown()),
            "manualPaymentGateway" => out.flag(payment.gateway == Gateway::BankDeposit),
            "amountSet" => out.object(&self.of.bag(payment.amount), field),
            "createdAt" | "processedAt" => out.text(&time(payment.at)),
            "test" => out.flag(true),
            "order" => out.object(&self.of, field),
            "parentTransaction" => {
                let mut all = self.of.order.payments.iter();
                let parent = all.find(|other| Some(other.id) == payment.parent);
                let parent = parent.map(|payment| PaymentObject { payment, of: self.of });
                out.nullable(parent, field);
            }
            _ => out.unanswered("OrderTransaction", field),
        }
    }
}

pub struct RefundObject<'a> {
    pub refund: &'a Refund,
    pub of: OrderObject<'a>,
}

impl Object for RefundObject<'_> {
    fn type_name(&self) -> &'static str {
        "Refund"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let (refund, of) = (self.refund, self.of);
        let repaid = || {
            let all = of.order.payments.iter();
            all.filter(|payment| refund.payments.contains(&payment.id))
        };
        match field.name.as_str() {
            "id" => out.gid("Refund", refund.id),
            "legacyResourceId" => out.text(&refund.id.to_string()),
            "note" => out.null(),
            "order" => out.object(&of, field),
            "createdAt" | "processedAt" | "updatedAt" => out.text(&time(refund.at)),
            "totalRefundedSet" => {
                out.object(&of.bag(repaid().map(|payment| payment.amount).sum()), field);
            }
            "transactions" => {
                let nodes = repaid();
                let nodes =
                    nodes.map(|payment| (payment.id.to_string(), PaymentObject { payment, of }));
                Connection::write(ConnectionOf::OrderTransactions, nodes.collect(), field, out);
            }
            "refundLineItems" => {
                let nodes = refund.lines.iter().filter_map(|back| {
                    let line = of.order.lines.iter().find(|line| line.id == back.line)?;
                    let line = LineObject { line, of };
                    let restocked = refund.restocked;
                    Some((back.id.to_string(), RefundLineObject { back, line, restocked }))
                });
                Connection::write(ConnectionOf::RefundLineItems, nodes.collect(), field, out);
            }
            _ => out.unanswered("Refund", field),
        }
    }
}

struct RefundLineObject<'a> {
    back: &'a RefundLine,
    line: LineObject<'a>,
    restocked: bool,
}

impl Object for RefundLineObject<'_> {
    fn type_name(&self) -> &'static str {
        "RefundLineItem"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let (line, of) = (self.line.line, self.line.of);
        match field.name.as_str() {
            "id" => out.gid("RefundLineItem", self.back.id),
            "lineItem" => out.object(&self.line, field),
            "quantity" => out.number(self.back.quantity),
            "restocked" => out.flag(self.restocked),
            "restockType" => out.text(if self.restocked { "RETURN" } else { "NO_RESTOCK" }),
            "priceSet" => out.object(&of.bag(line.price), field),
            "subtotalSet" => out.object(&of.bag(line.worth_of(self.back.quantity)), field),
            _ => out.unanswered("RefundLineItem", field),
        }
    }
}
