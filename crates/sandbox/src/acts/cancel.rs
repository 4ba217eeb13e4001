//! An order is cancelled: at once from the switchboard, later by a job through the API.

use std::io;

use crate::acts::refund::Way;
use crate::acts::{Act, News};
use crate::books::{
    Cancel, Cancelled, CreditEvent, Done, Entry, Gateway, Job, Order, Payment, PaymentKind,
    RefundLine, Repay, Topic, Work,
};
use crate::clock::Millis;
use crate::settings::{ms, on};
use crate::webhooks;

/// As recorded.
pub const ALREADY: &str = "Cannot cancel an order that has already been canceled";

impl Act<'_> {
    /// Cancels now. `entries` are committed with it.
    pub fn cancel(&mut self, wish: &Cancel, entries: Vec<Entry>) -> io::Result<Done> {
        let known = self.open.books().orders.get(&wish.order).cloned();
        let Some(mut order) = known.filter(|order| order.cancelled.is_none()) else {
            return Ok(Done::Failed(ALREADY.into()));
        };
        let (now, note) = (self.now, wish.note.clone());
        let lines = self.lines_back(&order, wish.repay);
        order.cancelled = Some(Cancelled { at: now, by: wish.by, note });
        order.updated_at = now;
        self.void(&mut order);
        let (parts, later) = self.parts_of_cancel(&order, wish.repay);
        let mut entries = entries;
        let mut news = vec![News::Order(Topic::OrdersCancelled)];
        if !parts.is_empty() || !lines.is_empty() {
            let (repay, event) = (wish.repay, CreditEvent::OrderCancellation);
            let way = Way { repay, event, restock: wish.restock, lines };
            let (refund, credit) = self.repay(&mut order, &parts, way);
            entries.extend(credit);
            news.push(News::Refund(refund));
        }
        news.push(News::Order(Topic::OrdersUpdated));
        if later {
            let work = Work::RevertCredit { order: order.id };
            let lag = ms(&self.sandbox.inner.settings.revert_lag_ms);
            entries.push(Entry::Job(Box::new(self.job(work, lag))));
        }
        entries.push(Entry::OrderChanged(Box::new(order.clone())));
        self.commit(&order, entries, &news)?;
        Ok(Done::Succeeded)
    }

    /// What goes back with the cancellation, and whether store credit follows later.
    fn parts_of_cancel(
        &self,
        order: &Order,
        repay: Repay,
    ) -> (Vec<(Payment, rust_decimal::Decimal)>, bool) {
        let settings = &self.sandbox.inner.settings;
        let reverts = repay != Repay::Nothing || on(&settings.auto_revert);
        let lags = ms(&settings.revert_lag_ms) > 0;
        let mut later = false;
        let mut parts = Vec::new();
        for payment in &order.payments {
            let left = order.refundable(payment);
            let by_credit = payment.gateway == Gateway::StoreCredit;
            if left.is_zero() || (!by_credit && repay == Repay::Nothing) {
                continue;
            }
            if by_credit && (!reverts || lags) {
                later |= reverts;
                continue;
            }
            parts.push((payment.clone(), left));
        }
        (parts, later)
    }

    /// Every piece that is not back yet, when the money goes back too.
    fn lines_back(&self, order: &Order, repay: Repay) -> Vec<RefundLine> {
        if repay == Repay::Nothing || order.paid(None).is_zero() {
            return Vec::new();
        }
        let left = order.lines.iter().map(|line| (line.id, order.quantity_left(line)));
        let left = left.filter(|(_, quantity)| *quantity > 0).zip(self.free_number(order)..);
        left.map(|((line, quantity), id)| RefundLine { id, line, quantity }).collect()
    }

    /// What was never paid never will be.
    fn void(&self, order: &mut Order) {
        let pending: Vec<_> = order.payments.iter().filter(|of| of.pending).cloned().collect();
        for (payment, id) in pending.into_iter().zip(self.free_number(order)..) {
            let (kind, at) = (PaymentKind::Void, self.now);
            let parent = Some(payment.id);
            order.payments.push(Payment { id, kind, at, parent, pending: false, ..payment });
        }
    }

    /// The credit that paid for a cancelled order goes back by itself.
    pub fn revert_credit(&mut self, id: u64, mut entries: Vec<Entry>) -> io::Result<Done> {
        let Some(mut order) = self.open.books().orders.get(&id).cloned() else {
            return Ok(Done::Failed("The order is gone.".into()));
        };
        let by_credit = order.payments.iter().filter(|of| of.gateway == Gateway::StoreCredit);
        let parts: Vec<_> = by_credit
            .map(|payment| (payment.clone(), order.refundable(payment)))
            .filter(|(_, left)| !left.is_zero())
            .collect();
        if parts.is_empty() {
            self.commit_all(entries)?;
            return Ok(Done::Succeeded);
        }
        let (repay, event) = (Repay::Original, CreditEvent::OrderCancellation);
        let way = Way { repay, event, restock: false, lines: Vec::new() };
        let (refund, credit) = self.repay(&mut order, &parts, way);
        order.updated_at = self.now;
        entries.extend(credit);
        entries.push(Entry::OrderChanged(Box::new(order.clone())));
        let news = [News::Refund(refund), News::Order(Topic::OrdersUpdated)];
        self.commit(&order, entries, &news)?;
        Ok(Done::Succeeded)
    }

    /// Something to be done `after` milliseconds.
    pub fn job(&self, work: Work, after: Millis) -> Job {
        let count = self.open.books().jobs.len();
        let id = webhooks::id(&[b"job", &self.now.to_be_bytes(), &count.to_be_bytes()]);
        Job { id, due_at: self.now + after, work, done: None }
    }
}
