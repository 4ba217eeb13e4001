//! What needs a second person: how much an order gives back, in points.

use super::{Wish, chosen};
use crate::{
    acts::Declined,
    app::{App, Shop},
    store::order_lists::Found,
};
use domain::{At, Money, Points, reversal::Item};
use iso_currency::Currency;

/// What these items are worth together with what has come back of the order before: in parts it is
/// as much as at once. Credits count by what their money costs in points.
pub fn worth(shop: &Shop, found: &Found, items: &[Item]) -> i64 {
    let mut worth: i64 = found.coupons.iter().map(|coupon| coupon.taken).sum();
    let mut paid_now = Vec::new();
    for item in items {
        match item {
            Item::Points { points, .. } => worth = worth.saturating_add(points.get()),
            Item::Replacement { terms, .. } => worth = worth.saturating_add(terms.points.get()),
            Item::Credit { payment, .. } => paid_now.push(*payment),
            Item::OwnCredit { amount, .. } => worth = worth.saturating_add(cost(shop, *amount)),
            Item::Earned { .. } | Item::PointsAgain { .. } | Item::CreditAgain { .. } => {}
        }
    }
    for credit in &found.credits {
        let now = paid_now.contains(&credit.payment);
        let minor = if now { credit.amount - credit.by_shopify } else { credit.taken };
        if minor <= 0 {
            continue;
        }
        let currency = Currency::from_code(&credit.currency).unwrap_or(Currency::XXX);
        worth = worth.saturating_add(cost(shop, Money { minor, currency }));
    }
    worth
}

/// Another currency has no worth in points: a second person looks at it.
fn cost(shop: &Shop, money: Money) -> i64 {
    shop.rules.rate.cost_of(money).map_or(i64::MAX, Points::get)
}

/// The same of what a wish would give back now.
///
/// # Errors
/// Where nothing of it could come back.
pub async fn wished(
    app: &App,
    shop: &Shop,
    found: &Found,
    wish: &Wish,
    now: At,
) -> Result<i64, Declined> {
    Ok(worth(shop, found, &chosen(app, shop, found, wish, now).await?))
}

/// Whether so much needs a second person.
pub const fn exceeds(shop: &Shop, worth: i64) -> bool {
    let threshold = shop.reversals.four_eyes_above;
    threshold > 0 && worth > threshold
}
