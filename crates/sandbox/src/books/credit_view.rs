//! Store credit as `GET /sandbox/api/books` shows it.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use super::credit::{CreditAccount, CreditKind};
use super::ledgers::Books;
use crate::clock::{rfc3339_ms, rfc3339_s};

#[derive(Serialize)]
pub struct CreditsView {
    account: String,
    currency: String,
    balance: Decimal,
    transactions: Vec<TransactionView>,
}

#[derive(Serialize)]
struct TransactionView {
    id: String,
    /// `credit`, `debit`, `debit_revert`, `expiration`.
    kind: &'static str,
    /// Signed.
    amount: Decimal,
    balance: Decimal,
    event: &'static str,
    /// Number of the order that was paid or paid back.
    order: Option<String>,
    at: String,
    /// Of a lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    /// What is left of a lot.
    #[serde(skip_serializing_if = "Option::is_none")]
    remaining: Option<Decimal>,
}

pub fn credits(books: &Books) -> BTreeMap<String, Vec<CreditsView>> {
    let mut all: BTreeMap<String, Vec<CreditsView>> = BTreeMap::new();
    for account in books.credits.accounts.values() {
        all.entry(account.customer.to_string()).or_default().push(view(account));
    }
    all
}

fn view(account: &CreditAccount) -> CreditsView {
    let transactions = account.transactions.iter().map(|of| {
        let (kind, expires_at, remaining) = match &of.kind {
            CreditKind::Credit { expires_at, remaining } => {
                ("credit", *expires_at, Some(*remaining))
            }
            CreditKind::Debit { .. } => ("debit", None, None),
            CreditKind::DebitRevert { .. } => ("debit_revert", None, None),
            CreditKind::Expiration { .. } => ("expiration", None, None),
        };
        TransactionView {
            id: of.id.to_string(),
            kind,
            amount: of.amount,
            balance: of.balance,
            event: of.event.name(),
            order: of.origin.map(|origin| origin.order.to_string()),
            at: rfc3339_ms(of.at),
            expires_at: expires_at.map(rfc3339_s),
            remaining,
        }
    });
    CreditsView {
        account: account.id.to_string(),
        currency: account.currency.clone(),
        balance: account.balance,
        transactions: transactions.collect(),
    }
}
