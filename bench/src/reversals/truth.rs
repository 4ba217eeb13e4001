//! What the other side's books say came back.

use std::collections::BTreeMap;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::books::Account;
use crate::load::POINTS;
use crate::reversals::desk::Review;
use crate::reversals::orders::Order;

/// `GET /sandbox/api/books`, as far as it is compared.
#[derive(Debug, Deserialize)]
pub struct Returns {
    /// By the customer's id at the POS.
    points: BTreeMap<String, Account>,
    /// By the number of the customer's gid.
    credits: BTreeMap<String, Vec<CreditAccount>>,
    pub throttled: u64,
    pub throttled_by_fault: u64,
}

#[derive(Debug, Deserialize)]
struct CreditAccount {
    transactions: Vec<Transaction>,
}

#[derive(Debug, Deserialize)]
struct Transaction {
    kind: String,
    /// Text: a decimal number.
    amount: String,
    order: Option<String>,
}

impl Transaction {
    fn is_of(&self, minor: i64) -> bool {
        self.amount.parse::<f64>().is_ok_and(|amount| (amount - minor as f64).abs() < 0.5)
    }
}

impl Returns {
    /// What came back of the order's coupon: each movement's points.
    fn points(&self, order: &Order) -> Vec<i64> {
        let reference = format!("ORDER-{}-{}", order.id, order.code);
        let account = self.points.get(&order.customer.to_string());
        let movements = account.into_iter().flat_map(|account| &account.movements);
        movements.filter(|of| of.reference.starts_with(&reference)).map(|of| of.amount).collect()
    }

    /// How often the order's whole credit came back: by Shopify, and by Kaeru.
    fn credits(&self, order: &Order) -> (usize, usize) {
        let accounts = self.credits.get(&order.customer.to_string());
        let lines = || accounts.into_iter().flatten().flat_map(|account| &account.transactions);
        let whole = |of: &&Transaction| of.is_of(order.credit);
        let by_shopify = |of: &&Transaction| {
            of.kind == "debit_revert" && of.order.as_deref() == Some(order.id.as_str())
        };
        let by_kaeru = |of: &&Transaction| of.kind == "credit";
        (
            lines().filter(whole).filter(by_shopify).count(),
            lines().filter(whole).filter(by_kaeru).count(),
        )
    }
}

/// Whether what the review is about happened.
pub fn happened(books: &Returns, orders: &[Order], review: &Review) -> bool {
    let Some(order) = orders.iter().find(|order| order.name == review.name) else { return false };
    match &review.reference {
        Some(_) => !books.points(order).is_empty(),
        None => books.credits(order).1 > 0,
    }
}

/// Compares: of each order the coupon's points are back once, and its credit once, by whomever.
///
/// # Errors
/// When the books do not agree; the first ten disagreements are told.
pub fn check(books: &Returns, orders: &[Order]) -> Result<()> {
    let mut wrong = Vec::new();
    for order in orders {
        let (id, points) = (&order.id, books.points(order));
        if points != [POINTS] {
            wrong.push(format!("order {id}: {points:?} points came back, not {POINTS} once"));
        }
        let (by_shopify, by_kaeru) = books.credits(order);
        if order.credit > 0 && by_shopify + by_kaeru != 1 {
            wrong.push(format!(
                "order {id}: its credit came back {by_shopify} times from Shopify and {by_kaeru} \
                 times from Kaeru"
            ));
        }
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let shown = wrong.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    bail!("the books do not agree in {} places:\n  {shown}", wrong.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn verdict(movements: &Value, transactions: &Value) -> bool {
        let books = json!({
            "points": { "7": { "movements": movements } },
            "credits": { "7": [{ "transactions": transactions }] },
            "throttled": 0, "throttled_by_fault": 0,
        });
        let books = serde_json::from_value(books).expect("books");
        let order = Order {
            id: "1".to_owned(),
            name: "#1001".to_owned(),
            code: "7-a".to_owned(),
            customer: 7,
            credit: 300,
            cancelled_here: true,
        };
        check(&books, &[order]).is_ok()
    }

    #[test]
    fn everything_is_back_once() {
        let paid = json!({ "reference": "COUPON-7-a", "amount": -100 });
        let back = json!({ "reference": "ORDER-1-7-a", "amount": 100 });
        let again = json!({ "reference": "ORDER-1-7-a/2", "amount": 100 });
        let theirs = json!({ "kind": "debit_revert", "amount": "300.0", "order": "1" });
        let another = json!({ "kind": "debit_revert", "amount": "300.0", "order": "2" });
        let ours = json!({ "kind": "credit", "amount": "300", "order": null });
        let given = json!({ "kind": "credit", "amount": "5000", "order": null });
        for (name, movements, transactions, agrees) in [
            ("by Shopify", json!([paid, back]), json!([given, theirs]), true),
            ("by Kaeru", json!([paid, back]), json!([given, ours]), true),
            ("by both", json!([paid, back]), json!([ours, theirs]), false),
            ("by Kaeru twice", json!([paid, back]), json!([ours, ours]), false),
            ("by nobody", json!([paid, back]), json!([given, another]), false),
            ("points lost", json!([paid]), json!([ours]), false),
            ("points twice", json!([paid, back, again]), json!([ours]), false),
        ] {
            assert_eq!(verdict(&movements, &transactions), agrees, "{name}");
        }
    }
}
