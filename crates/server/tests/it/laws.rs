//! What must be true of the other side's books once all is quiet. Reads those books and what the
//! customer was told, and nothing of how Kaeru works.

use serde_json::Value;
use std::collections::BTreeMap;

/// What the customer was told of one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Done,
    Failed,
    /// A person is to decide; nobody may use the coupon meanwhile.
    Waits,
}

/// The first law that is broken, if any. `initial`: what a customer had at the start.
pub fn broken(
    books: &Value,
    initial: impl Fn(&str) -> i64,
    told: &BTreeMap<String, Told>,
) -> Option<String> {
    let mut deductions: BTreeMap<String, Vec<i64>> = BTreeMap::new();
    for account in books["points"].as_object()?.values() {
        for movement in account["movements"].as_array()? {
            let reference = movement["reference"].as_str()?.to_owned();
            deductions.entry(reference).or_default().push(movement["amount"].as_i64()?);
        }
    }
    let live: BTreeMap<&str, bool> = books["coupons"]
        .as_array()?
        .iter()
        .map(|coupon| (coupon["code"].as_str().unwrap_or(""), usable(coupon)))
        .collect();
    for (reference, amounts) in &deductions {
        if amounts.len() != 1 {
            return Some(format!("{reference} moved points {} times", amounts.len()));
        }
        let code = reference.strip_prefix("COUPON-").unwrap_or(reference);
        if told.get(code) == Some(&Told::Failed) {
            return Some(format!("{code} failed, and its points are gone"));
        }
        if told.get(code) != Some(&Told::Waits) && live.get(code) != Some(&true) {
            return Some(format!("{code} was paid and is not alive"));
        }
    }
    for (code, alive) in &live {
        let paid = deductions.contains_key(&format!("COUPON-{code}"));
        if *alive && !paid {
            return Some(format!("{code} is alive and nobody paid"));
        }
        if *alive && told.get(*code) != Some(&Told::Done) {
            return Some(format!("{code} is alive and nobody was told so"));
        }
    }
    for (code, word) in told {
        if *word == Told::Done && live.get(code.as_str()) != Some(&true) {
            return Some(format!("{code} was given out and does not live"));
        }
    }
    for (customer, account) in books["points"].as_object()? {
        let moved: i64 =
            account["movements"].as_array()?.iter().filter_map(|m| m["amount"].as_i64()).sum();
        if account["balance"].as_i64()? != initial(customer) + moved {
            return Some(format!("customer {customer}'s balance is not the sum of its movements"));
        }
    }
    None
}

/// Alive, or used once: its points are worth something.
fn usable(coupon: &Value) -> bool {
    coupon["live"].as_bool() == Some(true) || coupon["uses"].as_i64() == Some(1)
}
