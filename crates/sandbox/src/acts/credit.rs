//! Store credit given, taken and given back.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use crate::books::{
    Books, CreditAccount, CreditEvent, CreditKind, CreditTransaction, Entry, Occasion, Origin,
};
use crate::clock::{Millis, Seconds};

/// Works out several transactions that will be committed together.
pub struct Scratch<'a> {
    books: &'a Books,
    now: Millis,
    changed: BTreeMap<u64, CreditAccount>,
    next: u64,
    pub entries: Vec<Entry>,
}

impl<'a> Scratch<'a> {
    pub fn new(books: &'a Books, now: Millis) -> Self {
        let next = books.credits.next_transaction();
        Self { books, now, changed: BTreeMap::new(), next, entries: Vec::new() }
    }

    fn occasion(&self, event: CreditEvent, origin: Option<Origin>) -> Occasion {
        Occasion { id: self.next, at: self.now, event, origin }
    }

    fn account(&self, id: u64) -> Option<CreditAccount> {
        self.changed.get(&id).or_else(|| self.books.credits.accounts.get(&id)).cloned()
    }

    fn note(&mut self, mut account: CreditAccount, transaction: CreditTransaction) -> u64 {
        let (id, number) = (account.id, transaction.id);
        self.next = number + 1;
        account.apply(transaction.clone());
        self.changed.insert(id, account);
        self.entries.push(Entry::Credit { account: id, transaction });
        number
    }

    /// The customer's account in this currency; opened when there is none.
    pub fn account_of(&mut self, customer: u64, currency: &str) -> u64 {
        let mine = |of: &&CreditAccount| of.customer == customer && of.currency == currency;
        let known = self.changed.values().find(mine).map(|of| of.id);
        let known =
            known.or_else(|| self.books.credits.of_currency(customer, currency).map(|of| of.id));
        known.unwrap_or_else(|| {
            let opened = self.changed.keys().last().copied();
            let next = self.books.credits.next_account();
            let id = opened.map_or(next, |last| next.max(last + 1));
            let (balance, transactions) = (Decimal::ZERO, Vec::new());
            let currency = currency.to_owned();
            let entry = Entry::CreditAccount { id, customer, currency: currency.clone() };
            self.entries.push(entry);
            let account = CreditAccount { id, customer, currency, balance, transactions };
            self.changed.insert(id, account);
            id
        })
    }

    /// A new lot; the number of its transaction.
    pub fn credit(
        &mut self,
        account: u64,
        amount: Decimal,
        expires_at: Option<Seconds>,
        (event, origin): (CreditEvent, Option<Origin>),
    ) -> Option<u64> {
        let account = self.account(account)?;
        let lot = account.credit(self.occasion(event, origin), amount, expires_at);
        Some(self.note(account, lot))
    }

    /// `None` when there is not enough.
    pub fn debit(
        &mut self,
        account: u64,
        amount: Decimal,
        (event, origin): (CreditEvent, Option<Origin>),
    ) -> Option<u64> {
        let account = self.account(account)?;
        let debit = account.debit(self.occasion(event, origin), amount)?;
        Some(self.note(account, debit))
    }

    /// Gives back what paid for `payment`; what was really given back.
    pub fn revert(
        &mut self,
        payment: Origin,
        amount: Decimal,
        (event, origin): (CreditEvent, Option<Origin>),
    ) -> Decimal {
        let paid = |of: &CreditTransaction| {
            of.origin == Some(payment) && matches!(of.kind, CreditKind::Debit { .. })
        };
        let found = self.books.credits.accounts.values().find_map(|account| {
            let debit = account.transactions.iter().find(|of| paid(of))?;
            Some((account.id, debit.id))
        });
        let Some((account, debit)) = found else { return Decimal::ZERO };
        let Some(account) = self.account(account) else { return Decimal::ZERO };
        let Some(back) = account.revert(self.occasion(event, origin), debit, amount) else {
            return Decimal::ZERO;
        };
        let given = back.amount;
        self.note(account, back);
        given
    }
}
