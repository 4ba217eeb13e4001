//! What people and Shopify itself do to the books: each act is one entry, with the webhooks that
//! tell of it.

pub mod background;
mod cancel;
mod credit;
mod customer;
mod place;
mod refund;
mod tell;

use std::io;

use crate::books::{Entry, Open, Order, Topic};
use crate::clock::Millis;
use crate::webhooks::{Bodies, Message, announce};
use crate::{Options, Sandbox};

pub use cancel::ALREADY as ALREADY_CANCELLED;
pub use credit::Scratch;
pub use refund::RefundWish;

/// The books while somebody acts on them.
pub struct Act<'a> {
    pub sandbox: &'a Sandbox,
    pub open: &'a mut Open,
    pub now: Millis,
}

/// Why an act did not happen.
pub enum Stop {
    /// A machine code and a sentence.
    Refused(&'static str, String),
    Journal(io::Error),
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::Journal(error)
    }
}

/// What webhooks tell of an order.
#[derive(Clone, Copy)]
pub enum News {
    Order(Topic),
    /// refunds/create, of the refund with this number.
    Refund(u64),
}

impl Act<'_> {
    /// Commits the entries and the webhooks of what happened to an order.
    fn commit(&mut self, order: &Order, mut entries: Vec<Entry>, news: &[News]) -> io::Result<()> {
        let bodies = self.bodies();
        let messages = news.iter().filter_map(|news| match news {
            News::Order(topic) => Some(Message { topic: *topic, body: bodies.order(order) }),
            News::Refund(id) => {
                let refund = order.refunds.iter().find(|refund| refund.id == *id)?;
                Some(Message { topic: Topic::RefundsCreate, body: bodies.refund(order, refund) })
            }
        });
        let messages = messages.collect();
        entries.extend(self.queued(Some(order.customer), messages));
        self.commit_all(entries)
    }

    pub fn commit_all(&mut self, entries: Vec<Entry>) -> io::Result<()> {
        self.open.commit(Entry::Together(entries))?;
        self.sandbox.inner.sender.wake(self.sandbox);
        Ok(())
    }

    fn queued(&self, customer: Option<u64>, messages: Vec<Message>) -> Option<Entry> {
        announce(self.sandbox, self.open.books(), self.now, customer, messages)
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies { options: self.options(), books: self.open.books() }
    }

    fn options(&self) -> &Options {
        &self.sandbox.inner.options
    }
}
