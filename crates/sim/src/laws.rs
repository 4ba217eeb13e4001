//! What must be true of the other side's books once all is quiet, and of what customers were told.

use crate::world::Books;
use std::collections::BTreeMap;

/// How one conversion ended, as its customer was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Told {
    Done,
    Failed,
}

/// The first law that is broken. `initial`: each customer's balance at the start.
pub fn broken(books: &Books, initial: i64, told: &BTreeMap<String, Told>) -> Option<String> {
    for (reference, moved) in &books.movements {
        if moved.len() != 1 {
            return Some(format!("{reference} moved points {} times", moved.len()));
        }
        let code = reference.trim_start_matches("COUPON-");
        if told.get(code) != Some(&Told::Done) {
            return Some(format!("{code} was paid, and its customer was told it failed"));
        }
    }
    for (code, coupon) in &books.coupons {
        let paid = books.movements.contains_key(&format!("COUPON-{code}"));
        if coupon.alive && !paid {
            return Some(format!("{code} is alive and nobody paid"));
        }
        if !coupon.alive && told.get(code) == Some(&Told::Done) {
            return Some(format!("{code} was given out and is dead"));
        }
    }
    for (code, word) in told {
        if *word == Told::Done && !books.coupons.contains_key(code) {
            return Some(format!("{code} was given out and does not exist"));
        }
    }
    let moved: i64 = books.movements.values().flatten().sum();
    let held: i64 = books.balances.values().sum();
    let begun = initial * i64::try_from(books.balances.len()).unwrap_or(0);
    (held != begun + moved).then(|| format!("{held} points are left of {begun} after {moved}"))
}
