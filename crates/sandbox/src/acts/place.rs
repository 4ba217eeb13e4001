//! The checkout's end: an order is placed, or paid later.

use crate::acts::{Act, News, Scratch, Stop};
use crate::books::{Checkout, CreditEvent, Entry, Gateway, Order, Origin, PaymentKind, Topic};

impl Act<'_> {
    /// Places an order: its code is redeemed, its store credit spent.
    pub fn place(&mut self, cart: &Checkout) -> Result<Order, Stop> {
        let currency = self.options().currency.clone();
        let books = self.open.books();
        let order = books
            .check_out(cart, self.now)
            .map_err(|refusal| Stop::Refused(refusal.code(), refusal.detail().into()))?;
        let mut scratch = Scratch::new(books, self.now);
        for payment in order.payments.iter().filter(|of| of.gateway == Gateway::StoreCredit) {
            let account = scratch.account_of(order.customer, &currency);
            let origin = Origin { order: order.id, payment: payment.id };
            let what = (CreditEvent::OrderPayment, Some(origin));
            if scratch.debit(account, payment.amount, what).is_none() {
                let detail = "The customer has less store credit than that.".into();
                return Err(Stop::Refused("not-enough-store-credit", detail));
            }
        }
        let mut entries = vec![Entry::Order(Box::new(order.clone()))];
        entries.extend(scratch.entries);
        let mut news = vec![News::Order(Topic::OrdersCreate)];
        if order.paid(None) >= order.total {
            news.push(News::Order(Topic::OrdersPaid));
        }
        self.commit(&order, entries, &news)?;
        Ok(order)
    }

    /// What was still to be paid has been.
    pub fn pay(&mut self, id: u64) -> Result<Order, Stop> {
        let mut order = self.order(id)?;
        let pending = |of: &&mut crate::books::Payment| of.kind == PaymentKind::Sale && of.pending;
        if order.cancelled.is_some() || order.outstanding().is_zero() {
            let detail = "There is nothing to pay for this order.".into();
            return Err(Stop::Refused("nothing-to-pay", detail));
        }
        for payment in order.payments.iter_mut().filter(pending) {
            (payment.pending, payment.at) = (false, self.now);
        }
        order.updated_at = self.now;
        let news = [News::Order(Topic::OrdersPaid), News::Order(Topic::OrdersUpdated)];
        self.commit(&order, vec![Entry::OrderChanged(Box::new(order.clone()))], &news)?;
        Ok(order)
    }

    /// A copy of the order, to be changed.
    pub fn order(&self, id: u64) -> Result<Order, Stop> {
        let order = self.open.books().orders.get(&id).cloned();
        order.ok_or_else(|| Stop::Refused("unknown-order", "There is no such order.".into()))
    }
}
