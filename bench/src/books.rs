//! The other side's books, and whether they agree with what customers were told.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use anyhow::{Result, bail};
use serde::Deserialize;

use crate::load::POINTS;

/// `GET /sandbox/api/books`, as far as it is compared.
#[derive(Debug, Deserialize)]
pub struct Books {
    /// By the customer's id at the POS.
    points: BTreeMap<String, Account>,
    coupons: Vec<Coupon>,
    /// How often Shopify said THROTTLED.
    #[serde(default)]
    pub throttled: u64,
}

/// A customer's at the POS.
#[derive(Debug, Deserialize)]
pub struct Account {
    pub movements: Vec<Movement>,
}

#[derive(Debug, Deserialize)]
pub struct Movement {
    pub reference: String,
    pub amount: i64,
}

#[derive(Debug, Deserialize)]
struct Coupon {
    code: String,
    customer: Option<String>,
    live: bool,
    #[serde(default)]
    uses: u64,
}

/// Compares: each 201 has one deduction and one live coupon, and there is nothing else. `converted`
/// counts the 201s of each of the customers. The last conversion of those in `waiting` is not
/// decided: its points moved once or not at all, and its coupon is dead.
///
/// # Errors
/// When the books do not agree; the first ten disagreements are told.
pub fn check(
    books: &Books,
    of: &Range<u64>,
    converted: &BTreeMap<u64, u64>,
    waiting: &BTreeSet<u64>,
) -> Result<()> {
    let mut wrong = Vec::new();
    let mut paid: BTreeSet<&str> = BTreeSet::new();
    for customer in of.clone() {
        let told = converted.get(&customer).copied().unwrap_or(0);
        let account = books.points.get(&customer.to_string());
        let movements = account.map_or(&[][..], |account| &account.movements);
        for Movement { reference, amount } in movements {
            match reference.strip_prefix("COUPON-") {
                Some(code) if *amount == -POINTS => {
                    if !paid.insert(code) {
                        wrong.push(format!("{customer}: {reference} was deducted twice"));
                    }
                }
                _ => wrong.push(format!("{customer}: {amount} points under {reference}")),
            }
        }
        let deducted: i64 = movements.iter().map(|movement| -movement.amount).sum();
        let sure = POINTS * told as i64;
        let open = if waiting.contains(&customer) { POINTS } else { 0 };
        if deducted != sure && deducted != sure + open {
            wrong.push(format!("{customer}: {told} conversions, but {deducted} points deducted"));
        }
    }
    let ours = |coupon: &&Coupon| {
        let customer = coupon.customer.as_ref().and_then(|id| id.parse().ok());
        customer.is_some_and(|customer: u64| of.contains(&customer))
    };
    let mut live = BTreeSet::new();
    for coupon in books.coupons.iter().filter(ours) {
        if coupon.live || coupon.uses > 0 {
            live.insert(coupon.code.as_str());
        }
    }
    wrong.extend(live.difference(&paid).map(|code| format!("{code} is live and was not paid")));
    let undecided = |code: &&&str| {
        let coupon = books.coupons.iter().find(|coupon| coupon.code == ***code);
        let customer = coupon.and_then(|coupon| coupon.customer.as_ref()?.parse().ok());
        customer.is_some_and(|customer| waiting.contains(&customer))
    };
    let dead: Vec<_> = paid.difference(&live).filter(|code| !undecided(code)).collect();
    wrong.extend(dead.iter().map(|code| format!("{code} was paid and is not live")));
    if wrong.is_empty() {
        return Ok(());
    }
    let shown = wrong.iter().take(10).map(String::as_str).collect::<Vec<_>>().join("\n  ");
    bail!("the books do not agree in {} places:\n  {shown}", wrong.len())
}

/// Compares: each of these coupons is dead, was paid once, and its points are back once.
///
/// # Errors
/// When the books do not agree; the first ten disagreements are told.
pub fn check_cancelled(books: &Books, codes: &[String]) -> Result<()> {
    let mut moved: BTreeMap<&str, Vec<i64>> = BTreeMap::new();
    for movement in books.points.values().flat_map(|account| &account.movements) {
        moved.entry(&movement.reference).or_default().push(movement.amount);
    }
    let live: BTreeSet<&str> =
        books.coupons.iter().filter(|coupon| coupon.live).map(|coupon| &*coupon.code).collect();
    let of = |reference: String| moved.get(reference.as_str()).cloned().unwrap_or_default();
    let fits = |code: &&String| {
        of(format!("COUPON-{code}")) == [-POINTS]
            && of(format!("CANCEL-{code}")) == [POINTS]
            && !live.contains(code.as_str())
    };
    let wrong: Vec<_> = codes.iter().filter(|code| !fits(code)).take(10).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("not dead, not paid once, or not given back once: {wrong:?}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn verdict(
        movements: &Value,
        coupons: &Value,
        told: u64,
        waiting: &BTreeSet<u64>,
    ) -> Result<()> {
        let books = json!({
            "points": { "7": { "balance": 0, "movements": movements } },
            "coupons": coupons,
            "calls": {}, "throttled": 0, "orders": [],
        });
        let books = serde_json::from_value(books).expect("books");
        check(&books, &(7..8), &BTreeMap::from([(7, told)]), waiting)
    }

    #[test]
    fn cancelled_is_dead_paid_once_and_back_once() {
        let paid = json!({ "reference": "COUPON-a", "amount": -100, "at": "" });
        let back = json!({ "reference": "CANCEL-a", "amount": 100, "at": "" });
        for (name, movements, live, agrees) in [
            ("as it should be", json!([paid, back]), false, true),
            ("alive", json!([paid, back]), true, false),
            ("not back", json!([paid]), false, false),
            ("back twice", json!([paid, back, back]), false, false),
        ] {
            let books = json!({
                "points": { "7": { "balance": 0, "movements": movements } },
                "coupons": [{ "code": "a", "customer": "7", "live": live, "uses": 0 }],
            });
            let books = serde_json::from_value(books).expect("books");
            let found = check_cancelled(&books, &["a".to_owned()]).is_ok();
            assert_eq!(found, agrees, "{name}");
        }
    }

    #[test]
    fn every_kind_of_disagreement_is_found() {
        let deducted = json!({ "reference": "COUPON-a", "amount": -100, "at": "" });
        let live = json!({ "code": "a", "customer": "7", "live": true, "uses": 0 });
        let dead = json!({ "code": "a", "customer": "7", "live": false, "uses": 0 });
        let used = json!({ "code": "a", "customer": "7", "live": false, "uses": 1 });
        let another = json!({ "code": "b", "customer": "7", "live": true, "uses": 0 });
        let strangers = json!({ "code": "c", "customer": "8", "live": true, "uses": 0 });
        let refund = json!({ "reference": "CANCEL-a", "amount": 100, "at": "" });
        let cases = [
            ("one of each", json!([deducted]), json!([live, strangers]), 1, true),
            ("used meanwhile", json!([deducted]), json!([used]), 1, true),
            ("nothing", json!([]), json!([dead]), 0, true),
            ("twice", json!([deducted, deducted]), json!([live]), 2, false),
            ("points lost", json!([deducted]), json!([dead]), 1, false),
            ("not told", json!([deducted]), json!([live]), 0, false),
            ("told, not done", json!([]), json!([]), 1, false),
            ("coupon for nothing", json!([]), json!([live]), 0, false),
            ("two coupons", json!([deducted]), json!([live, another]), 1, false),
            ("refunded", json!([deducted, refund]), json!([dead]), 0, false),
        ];
        for (name, movements, coupons, told, agrees) in cases {
            let found = verdict(&movements, &coupons, told, &BTreeSet::new()).is_ok();
            assert_eq!(found, agrees, "{name}");
        }
        let cases = [
            ("deducted, waits", json!([deducted]), json!([dead]), true),
            ("not deducted, waits", json!([]), json!([dead]), true),
            ("alive while it waits", json!([]), json!([live]), false),
            ("twice", json!([deducted, deducted]), json!([dead]), false),
        ];
        for (name, movements, coupons, agrees) in cases {
            let found = verdict(&movements, &coupons, 0, &BTreeSet::from([7])).is_ok();
            assert_eq!(found, agrees, "{name}");
        }
    }
}
