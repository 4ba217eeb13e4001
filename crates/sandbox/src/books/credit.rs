//! Store credit: accounts, their lots, and every transaction.

use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::clock::{Millis, Seconds};

const FIRST_ACCOUNT: u64 = 1_217_000_001;
const FIRST_TRANSACTION: u64 = 2_450_000_000_001;

/// One customer's credit in one currency.
#[derive(Debug, Clone)]
pub struct CreditAccount {
    /// Number of the `StoreCreditAccount` gid.
    pub id: u64,
    pub customer: u64,
    pub currency: String,
    pub balance: Decimal,
    /// In the order in which they happened.
    pub transactions: Vec<CreditTransaction>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CreditTransaction {
    pub id: u64,
    pub at: Millis,
    /// Signed: negative takes credit.
    pub amount: Decimal,
    /// Of the account, after it.
    pub balance: Decimal,
    pub event: CreditEvent,
    pub origin: Option<Origin>,
    pub kind: CreditKind,
}

/// The payment of an order that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    pub order: u64,
    pub payment: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CreditKind {
    /// A lot.
    Credit { expires_at: Option<Seconds>, remaining: Decimal },
    /// What it took of which lots.
    Debit { spent: Vec<(u64, Decimal)> },
    /// Gives back what a debit took, to the same lots.
    DebitRevert { debit: u64, returned: Vec<(u64, Decimal)> },
    /// The rest of a lot is gone.
    Expiration { credit: u64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum CreditEvent {
    Adjustment,
    OrderCancellation,
    OrderPayment,
    OrderRefund,
    PaymentFailure,
}

impl CreditEvent {
    /// Shopify's `StoreCreditSystemEvent`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Adjustment => "ADJUSTMENT",
            Self::OrderCancellation => "ORDER_CANCELLATION",
            Self::OrderPayment => "ORDER_PAYMENT",
            Self::OrderRefund => "ORDER_REFUND",
            Self::PaymentFailure => "PAYMENT_FAILURE",
        }
    }
}

/// When, why, and under which number a transaction is made.
#[derive(Debug, Clone, Copy)]
pub struct Occasion {
    pub id: u64,
    pub at: Millis,
    pub event: CreditEvent,
    pub origin: Option<Origin>,
}

impl CreditAccount {
    fn transaction(&self, of: Occasion, amount: Decimal, kind: CreditKind) -> CreditTransaction {
        let Occasion { id, at, event, origin } = of;
        CreditTransaction { id, at, amount, balance: self.balance + amount, event, origin, kind }
    }

    pub fn credit(
        &self,
        of: Occasion,
        amount: Decimal,
        expires_at: Option<Seconds>,
    ) -> CreditTransaction {
        self.transaction(of, amount, CreditKind::Credit { expires_at, remaining: amount })
    }

    /// Takes from the soonest-expiring lots first; `None` when there is not enough.
    pub fn debit(&self, of: Occasion, amount: Decimal) -> Option<CreditTransaction> {
        let mut lots: Vec<_> = self
            .transactions
            .iter()
            .filter_map(|lot| match lot.kind {
                CreditKind::Credit { expires_at, remaining } if !remaining.is_zero() => {
                    Some((expires_at.unwrap_or(Seconds::MAX), lot.id, remaining))
                }
                _ => None,
            })
            .collect();
        lots.sort_unstable_by_key(|(expires, id, _)| (*expires, *id));
        let mut left = amount;
        let mut spent = Vec::new();
        for (_, id, remaining) in lots {
            let part = remaining.min(left);
            if !part.is_zero() {
                spent.push((id, part));
                left -= part;
            }
        }
        left.is_zero().then(|| self.transaction(of, -amount, CreditKind::Debit { spent }))
    }

    /// Gives back up to `amount` of what the debit took, the lot that lives longest first; `None`
    /// when nothing of it is left to give back.
    pub fn revert(&self, of: Occasion, debit: u64, amount: Decimal) -> Option<CreditTransaction> {
        let taken = self.transactions.iter().find(|transaction| transaction.id == debit)?;
        let CreditKind::Debit { spent } = &taken.kind else { return None };
        let back: Vec<_> = self
            .transactions
            .iter()
            .filter_map(|transaction| match &transaction.kind {
                CreditKind::DebitRevert { debit: of, returned } if *of == debit => Some(returned),
                _ => None,
            })
            .flatten()
            .collect();
        let mut left = amount;
        let mut returned = Vec::new();
        for (lot, part) in spent.iter().rev() {
            let before: Decimal =
                back.iter().filter(|(of, _)| of == lot).map(|(_, part)| *part).sum();
            let part = (*part - before).min(left);
            if part > Decimal::ZERO {
                returned.push((*lot, part));
                left -= part;
            }
        }
        let whole: Decimal = returned.iter().map(|(_, part)| *part).sum();
        let kind = CreditKind::DebitRevert { debit, returned };
        (!whole.is_zero()).then(|| self.transaction(of, whole, kind))
    }

    /// Ends a lot.
    pub fn expire(&self, of: Occasion, credit: u64) -> Option<CreditTransaction> {
        let lot = self.transactions.iter().find(|transaction| transaction.id == credit)?;
        let CreditKind::Credit { remaining, .. } = lot.kind else { return None };
        let kind = CreditKind::Expiration { credit };
        (!remaining.is_zero()).then(|| self.transaction(of, -remaining, kind))
    }

    pub fn apply(&mut self, new: CreditTransaction) {
        match &new.kind {
            CreditKind::Credit { .. } => {}
            CreditKind::Debit { spent } => {
                spent.iter().for_each(|(lot, part)| self.change(*lot, -*part));
            }
            CreditKind::DebitRevert { returned, .. } => {
                returned.iter().for_each(|(lot, part)| self.change(*lot, *part));
            }
            CreditKind::Expiration { credit } => self.change(*credit, new.amount),
        }
        self.balance = new.balance;
        self.transactions.push(new);
    }

    fn change(&mut self, lot: u64, by: Decimal) {
        let found = self.transactions.iter_mut().find(|transaction| transaction.id == lot);
        if let Some(CreditTransaction { kind: CreditKind::Credit { remaining, .. }, .. }) = found {
            *remaining += by;
        }
    }

    /// The lots that will end, with the moment at which they do.
    fn ending(&self) -> impl Iterator<Item = (Seconds, u64)> {
        self.transactions.iter().filter_map(|lot| match lot.kind {
            CreditKind::Credit { expires_at: Some(at), remaining } if !remaining.is_zero() => {
                Some((at, lot.id))
            }
            _ => None,
        })
    }
}

/// All accounts.
pub struct Credits {
    pub accounts: BTreeMap<u64, CreditAccount>,
    /// Lots with something left that end: when, of which account.
    ending: BTreeSet<(Seconds, u64, u64)>,
    next_account: u64,
    next_transaction: u64,
}

impl Credits {
    pub fn empty() -> Self {
        Self {
            accounts: BTreeMap::new(),
            ending: BTreeSet::new(),
            next_account: FIRST_ACCOUNT,
            next_transaction: FIRST_TRANSACTION,
        }
    }

    pub fn next_account(&self) -> u64 {
        self.next_account
    }

    pub fn next_transaction(&self) -> u64 {
        self.next_transaction
    }

    pub fn of(&self, customer: u64) -> impl Iterator<Item = &CreditAccount> {
        self.accounts.values().filter(move |account| account.customer == customer)
    }

    pub fn of_currency(&self, customer: u64, currency: &str) -> Option<&CreditAccount> {
        self.of(customer).find(|account| account.currency == currency)
    }

    /// The lot that ends next: when, of which account, which.
    pub fn next_end(&self) -> Option<(Seconds, u64, u64)> {
        self.ending.first().copied()
    }

    pub fn open(&mut self, id: u64, customer: u64, currency: String) {
        self.next_account = self.next_account.max(id + 1);
        let (balance, transactions) = (Decimal::ZERO, Vec::new());
        let account = CreditAccount { id, customer, currency, balance, transactions };
        self.accounts.insert(id, account);
    }

    pub fn apply(&mut self, account: u64, new: CreditTransaction) {
        self.next_transaction = self.next_transaction.max(new.id + 1);
        if let Some(of) = self.accounts.get_mut(&account) {
            of.apply(new);
            self.ending.retain(|(_, other, _)| *other != account);
            self.ending.extend(of.ending().map(|(at, lot)| (at, account, lot)));
        }
    }

    /// The accounts are another customer's from now on; one that the other already has in the same
    /// currency takes the transactions in.
    pub fn hand_over(&mut self, from: u64, to: u64) {
        let theirs: Vec<_> = self.of(from).map(|of| (of.id, of.currency.clone())).collect();
        for (id, currency) in theirs {
            let own = self.of_currency(to, &currency).map(|of| of.id);
            let Some(own) = own else {
                if let Some(of) = self.accounts.get_mut(&id) {
                    of.customer = to;
                }
                continue;
            };
            let (Some(given), Some(of)) = (self.accounts.remove(&id), self.accounts.get_mut(&own))
            else {
                continue;
            };
            of.balance += given.balance;
            of.transactions.extend(given.transactions);
            of.transactions.sort_by_key(|transaction| (transaction.at, transaction.id));
            let ending = of.ending().map(|(at, lot)| (at, own, lot)).collect::<Vec<_>>();
            self.ending.retain(|(_, account, _)| *account != id && *account != own);
            self.ending.extend(ending);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(id: u64) -> Occasion {
        Occasion { id, at: 0, event: CreditEvent::Adjustment, origin: None }
    }

    #[test]
    fn the_soonest_lot_is_spent_first_and_each_gets_its_own_back() {
        let mut credits = Credits::empty();
        credits.open(1, 7, "JPY".into());
        let account = |credits: &Credits| credits.accounts[&1].clone();
        for (id, amount, ends) in [(10, 300, Some(2_000)), (11, 200, Some(1_000)), (12, 500, None)]
        {
            let lot = account(&credits).credit(of(id), Decimal::from(amount), ends);
            credits.apply(1, lot);
        }
        assert!(account(&credits).debit(of(13), Decimal::from(1_001)).is_none());
        let debit = account(&credits).debit(of(13), Decimal::from(400)).unwrap();
        let CreditKind::Debit { spent } = &debit.kind else { panic!("{debit:?}") };
        assert_eq!(*spent, [(11, Decimal::from(200)), (10, Decimal::from(200))]);
        credits.apply(1, debit);
        assert_eq!(credits.next_end(), Some((2_000, 1, 10)));
        for (id, wish, given, balance) in
            [(14, 250, 250, 850), (15, 250, 150, 1_000), (16, 1, 0, 1_000)]
        {
            match account(&credits).revert(of(id), 13, Decimal::from(wish)) {
                Some(revert) => {
                    assert_eq!(revert.amount, Decimal::from(given));
                    credits.apply(1, revert);
                }
                None => assert_eq!(given, 0),
            }
            assert_eq!(account(&credits).balance, Decimal::from(balance));
        }
        assert_eq!(credits.next_end(), Some((1_000, 1, 11)));
        let gone = account(&credits).expire(of(17), 11).unwrap();
        assert_eq!((gone.amount, gone.balance), (Decimal::from(-200), Decimal::from(800)));
        credits.apply(1, gone);
        assert!(account(&credits).expire(of(18), 11).is_none());
    }
}
