//! `storeCreditAccount(id)`, `storeCreditAccountCredit`, `storeCreditAccountDebit`.
//!
//! Neither takes a key, a note or a reference: sent twice, they move the credit twice.

use std::io;

use rust_decimal::Decimal;
use serde_json::Value;

use super::credit_view::{AccountObject, TransactionObject};
use super::execute::View;
use super::graphql::{Field, Object, Out, Variables, decimal, gid};
use super::user_error::{Shown, UserError};
use crate::acts::{Act, Scratch};
use crate::books::{CreditEvent, Entry};
use crate::clock::{Seconds, parse_seconds};

/// What a mutation of store credit came to.
pub enum Done {
    /// The numbers of the account and of the transaction.
    Moved(u64, u64),
    Refused(UserError),
}

pub fn by_id(view: View<'_>, field: &Field, out: &mut Out<'_>) {
    let text = field.text("id", out.variables);
    let id = gid(&text).filter(|(kind, _)| *kind == "StoreCreditAccount");
    let account = id.and_then(|(_, id)| view.books.credits.accounts.get(&id));
    out.nullable(account.map(|account| AccountObject { account, view }), field);
}

/// # Errors
/// When the journal cannot be written.
pub fn credit(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    act: &mut Act<'_>,
) -> io::Result<Done> {
    if refuse {
        let (field, code) = (&["creditInput", "creditAmount", "amount"], "CREDIT_LIMIT_EXCEEDED");
        return Ok(Done::Refused(UserError::new(field, code, "Refused at the switchboard.")));
    }
    let argument = field.argument("creditInput", variables);
    let input = argument.as_deref().unwrap_or(&Value::Null);
    let wish = Wish::of(&field.text("id", variables), input, "creditAmount");
    let expires_at = input.get("expiresAt").and_then(Value::as_str).and_then(parse_seconds);
    if let Err(error) = check_credit(&wish, expires_at, act) {
        return Ok(Done::Refused(error));
    }
    let mut scratch = Scratch::new(act.open.books(), act.now);
    let account = match wish.whose {
        Whose::Account(id) => id,
        Whose::Customer(id) | Whose::Other(id) => scratch.account_of(id, &wish.currency),
    };
    let what = (CreditEvent::Adjustment, None);
    let made = scratch.credit(account, wish.amount, expires_at, what);
    let entries = scratch.entries;
    finish(account, made, entries, act)
}

/// # Errors
/// When the journal cannot be written.
pub fn debit(
    field: &Field,
    variables: &Variables,
    refuse: bool,
    act: &mut Act<'_>,
) -> io::Result<Done> {
    let short = |message: &str| {
        let (field, code) = (&["debitInput", "debitAmount", "amount"], "INSUFFICIENT_FUNDS");
        Done::Refused(UserError::new(field, code, message))
    };
    if refuse {
        return Ok(short("Refused at the switchboard."));
    }
    let argument = field.argument("debitInput", variables);
    let input = argument.as_deref().unwrap_or(&Value::Null);
    let wish = Wish::of(&field.text("id", variables), input, "debitAmount");
    let account = match check_debit(&wish, act) {
        Ok(account) => account,
        Err(error) => return Ok(Done::Refused(error)),
    };
    let mut scratch = Scratch::new(act.open.books(), act.now);
    let made = scratch.debit(account, wish.amount, (CreditEvent::Adjustment, None));
    if made.is_none() {
        return Ok(short(
            "The store credit account does not have sufficient funds to satisfy the request",
        ));
    }
    let entries = scratch.entries;
    finish(account, made, entries, act)
}

fn finish(
    account: u64,
    made: Option<u64>,
    entries: Vec<Entry>,
    act: &mut Act<'_>,
) -> io::Result<Done> {
    match made {
        Some(made) => {
            act.commit_all(entries)?;
            Ok(Done::Moved(account, made))
        }
        None => Ok(Done::Refused(no_account())),
    }
}

enum Whose {
    Account(u64),
    Customer(u64),
    /// A company's location: the sandbox has none.
    Other(u64),
}

struct Wish {
    whose: Whose,
    amount: Decimal,
    currency: String,
}

impl Wish {
    fn of(id: &str, input: &Value, name: &str) -> Self {
        let money = &input[name];
        Self {
            whose: match gid(id) {
                Some(("StoreCreditAccount", id)) => Whose::Account(id),
                Some(("Customer", id)) => Whose::Customer(id),
                Some((_, id)) => Whose::Other(id),
                None => Whose::Other(0),
            },
            amount: decimal(&money["amount"]).unwrap_or_default(),
            currency: money["currencyCode"].as_str().unwrap_or_default().to_owned(),
        }
    }
}

fn no_account() -> UserError {
    UserError::new(&["id"], "ACCOUNT_NOT_FOUND", "Store credit account does not exist")
}

fn other_currency(input: &str, amount: &str) -> UserError {
    let message = "The currency provided does not match the currency of the store credit account";
    UserError::new(&[input, amount, "currencyCode"], "MISMATCHING_CURRENCY", message)
}

/// In the order in which Shopify was seen to check.
fn check_credit(wish: &Wish, expires_at: Option<Seconds>, act: &Act<'_>) -> Result<(), UserError> {
    let books = act.open.books();
    let account = match wish.whose {
        Whose::Account(id) => Some(books.credits.accounts.get(&id).ok_or_else(no_account)?),
        Whose::Customer(id) if books.customers.contains_key(&id) => {
            books.credits.of_currency(id, &wish.currency)
        }
        Whose::Customer(_) | Whose::Other(_) => {
            return Err(UserError::new(&["id"], "OWNER_NOT_FOUND", "Owner does not exist"));
        }
    };
    let wrong = |path: &[&str], code, message| Err(UserError::new(path, code, message));
    if expires_at.is_some_and(|at| at.saturating_mul(1_000) <= act.now) {
        let message = "The expiry date must be in the future";
        return wrong(&["creditInput", "expiresAt"], "EXPIRES_AT_IN_PAST", message);
    }
    let path = &["creditInput", "creditAmount", "amount"];
    if wish.amount <= Decimal::ZERO {
        let message = "A positive amount must be used to credit a store credit account";
        return wrong(path, "NEGATIVE_OR_ZERO_AMOUNT", message);
    }
    if account.is_some_and(|account| account.currency != wish.currency) {
        return Err(other_currency("creditInput", "creditAmount"));
    }
    // Recorded for 100,000 USD; what it is in other currencies is not known.
    let limit = match wish.currency.as_str() {
        "JPY" | "KRW" | "TWD" => Decimal::from(10_000_000),
        _ => Decimal::from(100_000),
    };
    if account.map_or(Decimal::ZERO, |account| account.balance) + wish.amount >= limit {
        let message = "The operation would cause the account's credit limit to be exceeded";
        return wrong(path, "CREDIT_LIMIT_EXCEEDED", message);
    }
    Ok(())
}

/// The account that is debited.
fn check_debit(wish: &Wish, act: &Act<'_>) -> Result<u64, UserError> {
    let credits = &act.open.books().credits;
    let account = match wish.whose {
        Whose::Account(id) => credits.accounts.get(&id),
        Whose::Customer(id) => {
            credits.of_currency(id, &wish.currency).or_else(|| credits.of(id).next())
        }
        Whose::Other(_) => None,
    };
    let account = account.ok_or_else(no_account)?;
    if wish.amount <= Decimal::ZERO {
        let path = &["debitInput", "debitAmount", "amount"];
        let message = "A positive amount must be used to debit a store credit account";
        return Err(UserError::new(path, "NEGATIVE_OR_ZERO_AMOUNT", message));
    }
    if account.currency != wish.currency {
        return Err(other_currency("debitInput", "debitAmount"));
    }
    Ok(account.id)
}

impl Done {
    /// `credit`: or debit.
    pub fn write(&self, credit: bool, act: &Act<'_>, field: &Field, out: &mut Out<'_>) {
        let (payload, error) = if credit {
            ("StoreCreditAccountCreditPayload", "StoreCreditAccountCreditUserError")
        } else {
            ("StoreCreditAccountDebitPayload", "StoreCreditAccountDebitUserError")
        };
        out.object(&Payload { payload, error, done: self, view: View::after(act) }, field);
    }
}

struct Payload<'a> {
    payload: &'static str,
    error: &'static str,
    done: &'a Done,
    view: View<'a>,
}

impl Object for Payload<'_> {
    fn type_name(&self) -> &'static str {
        self.payload
    }

    fn field(&self, field: &Field, out: &mut Out<'_>) {
        match (field.name.as_str(), self.done) {
            ("storeCreditAccountTransaction", Done::Moved(account, made)) => {
                let view = self.view;
                let found = view.books.credits.accounts.get(account).and_then(|account| {
                    let transaction = account.transactions.iter().find(|of| of.id == *made)?;
                    Some(TransactionObject { transaction, of: AccountObject { account, view } })
                });
                out.nullable(found, field);
            }
            ("storeCreditAccountTransaction", Done::Refused(_)) => out.null(),
            ("userErrors", Done::Refused(error)) => {
                out.objects([Shown(self.error, error)], field);
            }
            ("userErrors", Done::Moved(..)) => out.objects(None::<Shown<'_>>, field),
            _ => out.unanswered(self.payload, field),
        }
    }
}
