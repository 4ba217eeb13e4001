//! What was paid goes back, whole or in part.

use rust_decimal::Decimal;

use crate::acts::{Act, News, Scratch, Stop};
use crate::books::{
    CreditEvent, Entry, Gateway, Order, Origin, Payment, PaymentKind, Refund, RefundLine, Repay,
    Topic,
};

/// A refund as somebody asks for it.
pub struct RefundWish {
    /// `None`: what the lines are worth.
    pub amount: Option<Decimal>,
    /// How much of it goes back to store credit; `None`: what the other payments do not cover.
    pub credit: Option<Decimal>,
    /// Numbers of order lines, and how many pieces.
    pub lines: Vec<(u64, u32)>,
    pub restock: bool,
}

/// How the parts go back.
pub struct Way {
    pub repay: Repay,
    pub event: CreditEvent,
    pub restock: bool,
    pub lines: Vec<RefundLine>,
}

fn refused(detail: impl Into<String>) -> Stop {
    Stop::Refused("cannot-refund", detail.into())
}

impl Act<'_> {
    pub fn refund(&mut self, id: u64, wish: &RefundWish) -> Result<Order, Stop> {
        let mut order = self.order(id)?;
        let mut lines: Vec<RefundLine> = Vec::new();
        let mut worth = Decimal::ZERO;
        for ((line, quantity), id) in wish.lines.iter().zip(self.free_number(&order)..) {
            let known = order.lines.iter().find(|of| of.id == *line);
            let known = known.ok_or_else(|| refused(format!("The order has no line {line}.")))?;
            if lines.iter().any(|of| of.line == *line) {
                return Err(refused(format!("Line {line} is named twice.")));
            }
            if *quantity == 0 || *quantity > order.quantity_left(known) {
                let left = order.quantity_left(known);
                return Err(refused(format!("Of line {line} {left} pieces can come back.")));
            }
            worth += known.worth_of(*quantity);
            lines.push(RefundLine { id, line: *line, quantity: *quantity });
        }
        let amount = wish.amount.unwrap_or(worth);
        let parts = parts(&order, amount, wish.credit)?;
        let (repay, event) = (Repay::Original, CreditEvent::OrderRefund);
        let way = Way { repay, event, restock: wish.restock, lines };
        let (refund, mut entries) = self.repay(&mut order, &parts, way);
        order.updated_at = self.now;
        entries.push(Entry::OrderChanged(Box::new(order.clone())));
        let news = [News::Refund(refund), News::Order(Topic::OrdersUpdated)];
        self.commit(&order, entries, &news)?;
        Ok(order)
    }

    /// The first number that neither the books nor this order use.
    pub fn free_number(&self, order: &Order) -> u64 {
        self.open.books().next_number().max(order.last_number() + 1)
    }

    /// Writes the repayments into the order; the refund's number and the entries of the credit.
    pub fn repay(
        &self,
        order: &mut Order,
        parts: &[(Payment, Decimal)],
        way: Way,
    ) -> (u64, Vec<Entry>) {
        let mut next = self.free_number(order).max(way.lines.last().map_or(0, |of| of.id + 1));
        let mut scratch = Scratch::new(self.open.books(), self.now);
        let mut payments = Vec::new();
        for (paid, amount) in parts.iter().filter(|(_, amount)| !amount.is_zero()) {
            let origin = Origin { order: order.id, payment: next };
            let gateway = match (way.repay, paid.gateway) {
                (Repay::StoreCredit { expires_at }, by) if by != Gateway::StoreCredit => {
                    let account = scratch.account_of(order.customer, &self.options().currency);
                    scratch.credit(account, *amount, expires_at, (way.event, Some(origin)));
                    Gateway::StoreCredit
                }
                (_, Gateway::StoreCredit) => {
                    let debit = Origin { order: order.id, payment: paid.id };
                    scratch.revert(debit, *amount, (way.event, Some(origin)));
                    Gateway::StoreCredit
                }
                (_, by) => by,
            };
            payments.push(next);
            order.payments.push(Payment {
                id: next,
                kind: PaymentKind::Refund,
                gateway,
                amount: *amount,
                pending: false,
                at: self.now,
                parent: Some(paid.id),
            });
            next += 1;
        }
        let Way { restock: restocked, lines, .. } = way;
        order.refunds.push(Refund { id: next, at: self.now, lines, payments, restocked });
        (next, scratch.entries)
    }
}

/// Which payments give back how much: store credit last, unless it is said how much of it.
fn parts(
    order: &Order,
    amount: Decimal,
    credit: Option<Decimal>,
) -> Result<Vec<(Payment, Decimal)>, Stop> {
    let left = |by_credit: bool| -> Decimal {
        let of = order.payments.iter();
        let of = of.filter(|of| (of.gateway == Gateway::StoreCredit) == by_credit);
        of.map(|of| order.refundable(of)).sum()
    };
    let credit = credit.unwrap_or_else(|| (amount - left(false)).max(Decimal::ZERO));
    let rest = amount - credit;
    if credit > left(true) || rest > left(false) || rest < Decimal::ZERO {
        let (paid, by_credit) = (left(false), left(true));
        let detail = format!("At most {paid} can go back, and {by_credit} of store credit.");
        return Err(refused(detail));
    }
    let (mut rest, mut credit) = (rest, credit);
    let parts = order.payments.iter().map(|payment| {
        let by_credit = payment.gateway == Gateway::StoreCredit;
        let wanted = if by_credit { &mut credit } else { &mut rest };
        let part = order.refundable(payment).min(*wanted);
        *wanted -= part;
        (payment.clone(), part)
    });
    Ok(parts.filter(|(_, part)| !part.is_zero()).collect())
}
