//! What each part of the comparison asks the others, and what it makes of the answers.

use super::{Difference, Kind, silence, titled};
use crate::{
    app::Shop,
    shopify::standing::{Listed, Standing},
    store::{
        Database,
        reconcile::{self, Coupon, Movement, Unmade},
    },
};
use domain::{At, Code, CustomerId};
use engine::{ports::Answer, store::StoreError};
use futures::{StreamExt, stream};
use std::{collections::BTreeMap, future::Future, time::Duration};

const LIMIT: Duration = Duration::from_secs(15);
const AT_ONCE: usize = 8;
/// A peer that does not answer is asked so often.
const TRIES: u32 = 3;
/// What Kaeru and Shopify's clock may differ by.
const CLOCKS: Duration = Duration::from_secs(3_600);

const SHOPIFY: &str = "shopify";
const POINTS: &str = "points";
const KAERU: &str = "kaeru";

fn differs(book: &'static str, kind: Kind, subject: &str) -> Difference {
    Difference { book, kind, subject: subject.to_owned(), customer: None, here: None, there: None }
}

impl Difference {
    fn says(self, here: impl Into<String>, there: impl Into<String>) -> Self {
        Self { here: Some(here.into()), there: Some(there.into()), ..self }
    }

    fn of(self, customer: CustomerId) -> Self {
        Self { customer: Some(customer), ..self }
    }

    fn unasked(self, why: String) -> Self {
        Self { kind: Kind::Unasked, here: None, there: Some(why), ..self }
    }
}

async fn ask<T, F: Future<Output = Answer<T>>>(call: impl Fn() -> F) -> Answer<T> {
    let mut answer = call().await;
    for _ in 1..TRIES {
        if let Answer::Done(_) = answer {
            break;
        }
        answer = call().await;
    }
    answer
}

pub async fn coupons(
    shop: &Shop,
    database: &Database,
    page: Vec<Coupon>,
    now: At,
) -> Result<Vec<Difference>, StoreError> {
    let compared = stream::iter(page).map(|coupon| async move {
        let found = coupon_differs(shop, &coupon, now).await;
        if found.is_empty() {
            return Ok(found);
        }
        // Once more, as it stands now: an act may have come between the two looks.
        match reconcile::find(database, &shop.id, &coupon.code).await? {
            Some(again) if again.status == coupon.status && (!again.busy || is_void(&again)) => {
                Ok(coupon_differs(shop, &again, now).await)
            }
            _ => Ok(vec![]),
        }
    });
    let found: Vec<Result<Vec<Difference>, StoreError>> =
        compared.buffered(AT_ONCE).collect().await;
    Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

/// It never became one: its flow waits for a quiet day to delete the code.
fn is_void(coupon: &Coupon) -> bool {
    coupon.status == "void"
}

async fn coupon_differs(shop: &Shop, coupon: &Coupon, now: At) -> Vec<Difference> {
    let (code, status) = (coupon.code.as_str(), coupon.status.as_str());
    let of = |book, kind| differs(book, kind, code).of(coupon.customer);
    let mut found = Vec::new();
    match coupon.paid {
        None if is_void(coupon) => {}
        None => found.push(of(KAERU, Kind::Unpaid).says(coupon.points.to_string(), "0")),
        Some(paid) if paid != -coupon.points || is_void(coupon) => {
            let price = if is_void(coupon) { 0 } else { coupon.points };
            found.push(of(KAERU, Kind::WrongPrice).says(price.to_string(), paid.to_string()));
        }
        Some(_) => {}
    }
    let good = status == "active" && coupon.expires_at > now;
    let answer = ask(|| shop.shopify.standing(&coupon.code, LIMIT)).await;
    if let Some(why) = silence(&answer) {
        found.push(of(SHOPIFY, Kind::Unasked).unasked(why));
    }
    let Answer::Done(standing) = answer else { return found };
    let what = match standing {
        Some(Standing { used: true, .. }) if status != "used" => Some((Kind::Used, "used")),
        Some(Standing { live: true, .. }) if !good && status != "used" => {
            Some((Kind::Alive, "alive"))
        }
        Some(Standing { live: false, .. }) if good => Some((Kind::Dead, "dead")),
        None if good => Some((Kind::Missing, "not known")),
        _ => None,
    };
    found.extend(what.map(|(kind, there)| of(SHOPIFY, kind).says(status, there)));
    found
}

pub async fn movements(shop: &Shop, page: Vec<Movement>) -> Vec<Difference> {
    let compared =
        stream::iter(page).map(|movement| async move { movement_differs(shop, &movement).await });
    let found: Vec<_> = compared.buffered(AT_ONCE).collect().await;
    found.into_iter().flatten().collect()
}

async fn movement_differs(shop: &Shop, movement: &Movement) -> Option<Difference> {
    let Movement { reference, customer, points } = movement;
    let of = differs(POINTS, Kind::Movement, reference.as_str());
    let answer = ask(|| shop.peers.points.find(customer, reference, LIMIT)).await;
    if let Some(why) = silence(&answer) {
        return Some(of.unasked(why));
    }
    let Answer::Done(found) = answer else { return None };
    let there = match found.as_slice() {
        [] => "not".to_owned(),
        [one] if one.points == *points => return None,
        [one] => one.points.to_string(),
        more => format!("{} times", more.len()),
    };
    Some(of.says(points.to_string(), there))
}

pub async fn unmade(
    shop: &Shop,
    database: &Database,
    page: Vec<Unmade>,
) -> Result<Vec<Difference>, StoreError> {
    let compared = stream::iter(page).map(|unmade| async move {
        let of = differs(POINTS, Kind::UnknownMovement, unmade.reference.as_str());
        let find = || shop.peers.points.find(&unmade.customer, &unmade.reference, LIMIT);
        let answer = ask(find).await;
        if let Some(why) = silence(&answer) {
            return Ok(Some(of.unasked(why)));
        }
        let Answer::Done(found) = answer else { return Ok(None) };
        let Some(first) = found.first() else { return Ok(None) };
        if reconcile::made(database, &shop.id, &unmade).await? {
            return Ok(None);
        }
        Ok(Some(of.says("not", first.points.to_string())))
    });
    let found: Vec<Result<Option<Difference>, StoreError>> =
        compared.buffered(AT_ONCE).collect().await;
    Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
}

/// An account or a movement of Kaeru's own points book.
pub fn sum(name: String) -> Difference {
    differs(POINTS, Kind::Sum, &name)
}

/// A page of what Shopify has, the newest first: how many, what is not known here, and where the
/// next one begins.
pub async fn discounts(
    shop: &Shop,
    database: &Database,
    after: &str,
    since: At,
) -> Result<(usize, Vec<Difference>, Option<String>), StoreError> {
    let from = Some(after.to_owned()).filter(|after| !after.is_empty());
    let answer = ask(|| shop.shopify.discounts(from.clone(), LIMIT)).await;
    if let Some(why) = silence(&answer) {
        return Ok((1, vec![differs(SHOPIFY, Kind::Unasked, "discounts").unasked(why)], None));
    }
    let Answer::Done(page) = answer else { return Ok((0, vec![], None)) };
    let oldest = At(since.0.saturating_sub(i64::try_from(CLOCKS.as_micros()).unwrap_or(0)));
    let recent = |of: &&Listed| of.created_at >= oldest;
    let ours: BTreeMap<String, bool> = page
        .discounts
        .iter()
        .filter(recent)
        .filter_map(|of| Some((titled(&of.title)?.0, of.live)))
        .collect();
    let codes: Vec<Code> = ours.keys().map(|code| Code(code.clone())).collect();
    let known = reconcile::known(database, &shop.id, &codes).await?;
    let unknown = ours.iter().filter(|(code, _)| known.iter().all(|of| of.0 != **code));
    let found = unknown.map(|(code, live)| {
        let there = if *live { "alive" } else { "dead" };
        differs(SHOPIFY, Kind::UnknownCoupon, code).says("not known", there)
    });
    let more = page.discounts.iter().all(|of| recent(&of));
    Ok((page.discounts.len(), found.collect(), page.next.filter(|_| more)))
}

pub async fn metafields(
    shop: &Shop,
    database: &Database,
    page: Vec<CustomerId>,
    now: At,
) -> Result<Vec<Difference>, StoreError> {
    let compared = stream::iter(page).map(|customer| async move {
        let found = entries_differ(shop, database, customer, now).await?;
        if found.is_empty() {
            return Ok(found);
        }
        // Once more: an entry may have been written between the two looks.
        entries_differ(shop, database, customer, now).await
    });
    let found: Vec<Result<Vec<Difference>, StoreError>> =
        compared.buffered(AT_ONCE).collect().await;
    Ok(found.into_iter().collect::<Result<Vec<_>, _>>()?.concat())
}

async fn entries_differ(
    shop: &Shop,
    database: &Database,
    customer: CustomerId,
    now: At,
) -> Result<Vec<Difference>, StoreError> {
    let ours = reconcile::of_customer(database, &shop.id, customer).await?;
    let of = |code: &str| differs(SHOPIFY, Kind::Metafield, code).of(customer);
    let answer = ask(|| shop.shopify.entries(customer, LIMIT)).await;
    if let Some(why) = silence(&answer) {
        return Ok(vec![of(&format!("customer {customer}")).unasked(why)]);
    }
    // Whoever is gone at Shopify has no metafield any more.
    let Answer::Done(Some(entries)) = answer else { return Ok(vec![]) };
    let entries: BTreeMap<String, String> = entries.into_iter().collect();
    let mut found = Vec::new();
    for coupon in ours.iter().filter(|coupon| !coupon.busy) {
        let (code, here) = (coupon.code.as_str(), coupon.status.as_str());
        let good = here == "active" && coupon.expires_at > now;
        match entries.get(code).map(String::as_str) {
            Some(there) if there == here => {}
            // Its end is written down a little later.
            Some("expired") if here == "active" && !good => {}
            Some(there) if is_void(coupon) || at_rest(here) => {
                found.push(of(code).says(here, there));
            }
            None if good || here == "held" => found.push(of(code).says(here, "no entry")),
            // The oldest finished ones make room.
            _ => {}
        }
    }
    let strangers = entries.iter().filter(|(code, status)| {
        *status == "active" && ours.iter().all(|coupon| coupon.code.0 != **code)
    });
    let codes: Vec<Code> = strangers.map(|(code, _)| Code(code.clone())).collect();
    let known = reconcile::known(database, &shop.id, &codes).await?;
    let unknown = codes.iter().filter(|code| !known.contains(code));
    found.extend(unknown.map(|code| of(code.as_str()).says("not known", "active")));
    Ok(found)
}

fn at_rest(status: &str) -> bool {
    matches!(status, "active" | "used" | "expired" | "cancelled" | "held")
}
