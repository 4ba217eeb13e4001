//! Customers merged and deleted.

use std::io;

use rust_decimal::Decimal;

use crate::acts::{Act, Scratch, Stop};
use crate::books::{CreditEvent, Done, Entry, Topic};
use crate::clock::Seconds;
use crate::webhooks::Message;

impl Act<'_> {
    /// Orders, store credit and discounts of the deleted one are the kept one's from now on.
    pub fn merge(
        &mut self,
        kept: u64,
        deleted: u64,
        job: Option<&str>,
        mut entries: Vec<Entry>,
    ) -> io::Result<Done> {
        let books = self.open.books();
        if !books.customers.contains_key(&kept) || !books.customers.contains_key(&deleted) {
            return Ok(Done::Failed("A customer of the merge is gone.".into()));
        }
        entries.push(Entry::CustomersMerged { kept, deleted });
        let body = self.bodies().customers_merged(kept, deleted, job);
        let message = Message { topic: Topic::CustomersMerge, body };
        entries.extend(self.queued(Some(kept), vec![message]));
        self.commit_all(entries)?;
        Ok(Done::Succeeded)
    }

    /// A new lot in the shop's currency; the balance after it.
    pub fn give_credit(
        &mut self,
        customer: u64,
        amount: Decimal,
        expires_at: Option<Seconds>,
    ) -> Result<Decimal, Stop> {
        let currency = self.options().currency.clone();
        let books = self.open.books();
        if !books.customers.contains_key(&customer) {
            let detail = "The shop has no customer with this id.".into();
            return Err(Stop::Refused("unknown-customer", detail));
        }
        let mut scratch = Scratch::new(books, self.now);
        let account = scratch.account_of(customer, &currency);
        scratch.credit(account, amount, expires_at, (CreditEvent::Adjustment, None));
        let entries = scratch.entries;
        self.commit_all(entries)?;
        let account = self.open.books().credits.accounts.get(&account);
        Ok(account.map_or(Decimal::ZERO, |of| of.balance))
    }

    pub fn delete_customer(&mut self, id: u64) -> Result<(), Stop> {
        let books = self.open.books();
        if !books.customers.contains_key(&id) {
            let detail = "The shop has no customer with this id.".into();
            return Err(Stop::Refused("unknown-customer", detail));
        }
        if books.orders.values().any(|order| order.customer == id) {
            let detail = "Customer can't be deleted because they have associated orders".into();
            return Err(Stop::Refused("has-orders", detail));
        }
        let body = self.bodies().customer_deleted(id);
        let message = Message { topic: Topic::CustomersDelete, body };
        let mut entries = vec![Entry::CustomerDeleted { id }];
        entries.extend(self.queued(Some(id), vec![message]));
        Ok(self.commit_all(entries)?)
    }
}
