//! What an order earned, and what of it goes when the order ends.
//!
//! The points book knows it: the till grants it under a reference that is made of the order's
//! number. It is asked once an order is cancelled or refunded, until it knows.

use super::is_cancelled;
use crate::{
    account,
    acts::Declined,
    app::{App, Shop},
    store::{order_lists::Found, orders},
};
use domain::{Points, PosId, Problem, Reference, reversal::Item};
use engine::ports::Answer;
use std::time::Duration;

const LOOK_LIMIT: Duration = Duration::from_secs(15);

fn granted(reference: &str, found: &Found) -> Reference {
    Reference(reference.replace("{order}", found.listed.id.as_str()))
}

/// Points that go with a cancellation; `refunds`: that refunds make due while the order stands.
pub fn open(found: &Found, refunds: bool) -> i64 {
    let earned = &found.earned;
    let whole = if refunds { earned.due } else { earned.points.unwrap_or(0) };
    (whole - earned.taken).max(0)
}

/// What goes now, and what the order earned in all; nothing where the shop lets it stay.
pub fn sums(shop: &Shop, found: &Found) -> (i64, i64) {
    match shop.reversals.earned {
        Some(_) => (open(found, !is_cancelled(found)), found.earned.points.unwrap_or(0)),
        None => (0, 0),
    }
}

/// The customer's id at the points book, where there is anybody.
///
/// # Errors
/// Where Shopify does not answer and nobody remembers.
pub async fn whose(app: &App, shop: &Shop, found: &Found) -> Result<Option<PosId>, Declined> {
    if let Some(coupon) = found.coupons.first() {
        return Ok(Some(coupon.terms.pos_id.clone()));
    }
    match found.listed.customer {
        None => Ok(None),
        Some(customer) => match account::pos_id(app, shop, customer).await {
            Ok(pos_id) => Ok(Some(pos_id)),
            Err(error) if error.code == Problem::UnknownCustomer.code() => Ok(None),
            Err(_) => Err(Declined::Problem(Problem::ShopifyUnavailable)),
        },
    }
}

/// Asks the points book where that is to be taken back and is not known yet. True where something
/// was learnt.
///
/// # Errors
/// Where the points book or the database does not answer.
pub async fn look(app: &App, shop: &Shop, found: &Found) -> Result<bool, Declined> {
    let Some(reference) = &shop.reversals.earned else { return Ok(false) };
    if found.earned.points.is_some() {
        return Ok(false);
    }
    let Some(pos_id) = whose(app, shop, found).await? else { return Ok(false) };
    let reference = granted(reference, found);
    let moved = match shop.peers.points.find(&pos_id, &reference, LOOK_LIMIT).await {
        Answer::Done(found) => found,
        // The till knows nobody of that number: nothing was granted.
        Answer::Refused(_) => return Ok(false),
        Answer::Unknown(_) => return Err(Declined::Problem(Problem::PointsUnavailable)),
    };
    let points: i64 = moved.iter().map(|of| of.points).filter(|points| *points > 0).sum();
    if points == 0 {
        return Ok(false);
    }
    let policy = shop.reversals.partial_refunds;
    orders::keep_earned(&app.database, &shop.id, &found.listed.id, points, policy).await?;
    Ok(true)
}

/// What is taken back now.
pub fn item(found: &Found, pos_id: Option<PosId>, refunds: bool) -> Option<Item> {
    let points = Points::new(open(found, refunds)).filter(|points| points.get() > 0)?;
    Some(Item::Earned {
        pos_id: pos_id?,
        points,
        part: u32::try_from(found.earned.parts).unwrap_or(0) + 1,
    })
}
