//! Store credit as the Admin API shows it.

use super::customers::CustomerObject;
use super::execute::View;
use super::graphql::{Connection, ConnectionOf, Errors, Field, Object, Out};
use super::money::Money;
use super::order_parts::PaymentObject;
use super::order_view::{OrderObject, time};
use super::orders::Comparison;
use crate::books::{CreditAccount, CreditKind, CreditTransaction, Origin};
use crate::clock::{Seconds, parse_seconds, rfc3339_s};

#[derive(Clone, Copy)]
pub struct AccountObject<'a> {
    pub account: &'a CreditAccount,
    pub view: View<'a>,
}

impl Object for AccountObject<'_> {
    fn type_name(&self) -> &'static str {
        "StoreCreditAccount"
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let (account, view) = (self.account, self.view);
        match field.name.as_str() {
            "id" => out.gid("StoreCreditAccount", account.id),
            "balance" => {
                let (amount, currency) = (account.balance, account.currency.as_str());
                out.object(&Money { amount, currency }, field);
            }
            "owner" => {
                let customer = view.books.customers.get(&account.customer);
                out.nullable(customer.map(|customer| CustomerObject { customer, view }), field);
            }
            "transactions" => self.transactions(field, out),
            _ => out.unanswered("StoreCreditAccount", field),
        }
    }
}

impl AccountObject<'_> {
    fn transactions(&self, field: &Field, out: &mut Out<'_>) {
        let query = field.text("query", out.variables);
        let terms: Result<Vec<_>, _> =
            query.split_whitespace().filter(|word| *word != "AND").map(term).collect();
        let terms = match terms {
            Ok(terms) => terms,
            Err(word) => {
                let what = format!("the filter '{word}' of store credit transactions");
                return out.error(Errors::not_emulated(&what).to_json()["errors"][0].clone());
            }
        };
        let all = self.account.transactions.iter();
        let mut found: Vec<_> = all.filter(|of| terms.iter().all(|term| term.fits(of))).collect();
        if field.text("sortKey", out.variables) == "EXPIRES_AT" {
            found.sort_by_key(|of| (expires_at(of).unwrap_or(Seconds::MAX), of.id));
        }
        if field.flag("reverse", out.variables) {
            found.reverse();
        }
        let nodes = found.into_iter().map(|transaction| {
            (transaction.id.to_string(), TransactionObject { transaction, of: *self })
        });
        Connection::write(ConnectionOf::StoreCreditTransactions, nodes.collect(), field, out);
    }
}

fn expires_at(of: &CreditTransaction) -> Option<Seconds> {
    match of.kind {
        CreditKind::Credit { expires_at, .. } => expires_at,
        _ => None,
    }
}

enum Term {
    Id(u64),
    Type(String),
    Expires(Option<Comparison>, Seconds),
}

fn term(word: &str) -> Result<Term, &str> {
    let (name, value) = word.split_once(':').ok_or(word)?;
    let bare = value.trim_matches(['"', '\'']);
    match name {
        "id" => bare.parse().map(Term::Id).map_err(|_| word),
        "type" => Ok(Term::Type(bare.to_lowercase())),
        "expires_at" => {
            let (comparison, rest) = match Comparison::of(bare) {
                Some((comparison, rest)) => (Some(comparison), rest),
                None => (None, bare),
            };
            let at = parse_seconds(rest.trim_matches(['"', '\''])).ok_or(word)?;
            Ok(Term::Expires(comparison, at))
        }
        _ => Err(word),
    }
}

impl Term {
    fn fits(&self, of: &CreditTransaction) -> bool {
        match self {
            Self::Id(id) => of.id == *id,
            Self::Type(kind) => *kind == word(&of.kind),
            Self::Expires(comparison, at) => expires_at(of).is_some_and(|of| match comparison {
                Some(comparison) => comparison.holds(of, *at),
                None => of == *at,
            }),
        }
    }
}

fn word(kind: &CreditKind) -> &'static str {
    match kind {
        CreditKind::Credit { .. } => "credit",
        CreditKind::Debit { .. } => "debit",
        CreditKind::DebitRevert { .. } => "debit_revert",
        CreditKind::Expiration { .. } => "expiration",
    }
}

#[derive(Clone, Copy)]
pub struct TransactionObject<'a> {
    pub transaction: &'a CreditTransaction,
    pub of: AccountObject<'a>,
}

impl<'a> TransactionObject<'a> {
    /// Another transaction of the same account.
    fn other(&self, id: u64) -> Option<Self> {
        let transaction = self.of.account.transactions.iter().find(|of| of.id == id)?;
        Some(Self { transaction, of: self.of })
    }

    fn money(&self, amount: rust_decimal::Decimal) -> Money<'a> {
        Money { amount, currency: &self.of.account.currency }
    }

    fn origin(&self, origin: Origin) -> Option<PaymentObject<'a>> {
        let view = self.of.view;
        let order = view.books.orders.get(&origin.order)?;
        let payment = order.payments.iter().find(|payment| payment.id == origin.payment)?;
        Some(PaymentObject { payment, of: OrderObject { order, view } })
    }
}

impl Object for TransactionObject<'_> {
    fn type_name(&self) -> &'static str {
        match self.transaction.kind {
            CreditKind::Credit { .. } => "StoreCreditAccountCreditTransaction",
            CreditKind::Debit { .. } => "StoreCreditAccountDebitTransaction",
            CreditKind::DebitRevert { .. } => "StoreCreditAccountDebitRevertTransaction",
            CreditKind::Expiration { .. } => "StoreCreditAccountExpirationTransaction",
        }
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        let transaction = self.transaction;
        match (field.name.as_str(), &transaction.kind) {
            ("id", _) => out.gid(self.type_name(), transaction.id),
            ("account", _) => out.object(&self.of, field),
            ("amount", _) => out.object(&self.money(transaction.amount), field),
            ("balanceAfterTransaction", _) => {
                out.object(&self.money(transaction.balance), field);
            }
            ("createdAt", _) => out.text(&time(transaction.at)),
            ("event", _) => out.text(transaction.event.name()),
            ("origin", _) => {
                let origin = transaction.origin.and_then(|origin| self.origin(origin));
                out.nullable(origin, field);
            }
            ("expiresAt", CreditKind::Credit { expires_at, .. }) => {
                out.maybe(expires_at.map(rfc3339_s).as_deref());
            }
            ("remainingAmount", CreditKind::Credit { remaining, .. }) => {
                out.object(&self.money(*remaining), field);
            }
            ("debitTransaction", CreditKind::DebitRevert { debit: id, .. })
            | ("creditTransaction", CreditKind::Expiration { credit: id }) => {
                out.nullable(self.other(*id), field);
            }
            _ => out.unanswered(self.type_name(), field),
        }
    }
}
