//! An order that was cancelled, gave back and was re-opened: nothing is deducted by itself, and
//! staff may take back by hand what had come back.

use super::{earlier, is_cancelled, whose};
use crate::{
    acts::{self, Begin, Declined},
    app::{App, Shop},
    own_credit,
    store::{
        order_lists::{self, Found},
        orders::SHOPIFY,
    },
};
use domain::{
    Actor, Flow, Money, Points, Problem, Reference, Reversal,
    reversal::{Again, Item, Outcome, Terms},
};
use engine::store::{Guard, Request, StoreError};
use iso_currency::Currency;
use std::{collections::BTreeMap, time::Duration};

/// What staff chose.
#[derive(Clone, Debug)]
pub struct Choice {
    pub by: Actor,
    pub points: bool,
    pub credits: bool,
    pub reason: String,
}

/// What a coupon had got back, and under which reference last.
#[derive(Default)]
struct Came {
    points: i64,
    of: Option<Reference>,
}

/// What came back of a cancelled order that stands again, as it would be taken. Shopify re-opens
/// no order.
///
/// # Errors
/// Where the database does not answer.
pub async fn items(app: &App, shop: &Shop, found: &Found) -> Result<Vec<Item>, StoreError> {
    let id = &found.listed.id;
    if found.listed.channel == SHOPIFY || is_cancelled(found) {
        return Ok(vec![]);
    }
    let rows = order_lists::reversals(&app.database, &shop.id, id).await?;
    let mut came: BTreeMap<&str, Came> = BTreeMap::new();
    let flows = rows.iter().filter_map(|row| row.flow.reversal());
    for flow in flows.filter(|flow| !flow.terms.refunds) {
        for (item, outcome) in flow.terms.items.iter().zip(flow.done()) {
            match (item, outcome) {
                (Item::Points { code, points, .. }, Outcome::Moved(_)) => {
                    let came = came.entry(code.as_str()).or_default();
                    came.points += points.get();
                    came.of = Some(item.reference(id));
                }
                (Item::PointsAgain { code, points, .. }, Outcome::Moved(_)) => {
                    came.entry(code.as_str()).or_default().points -= points.get();
                }
                _ => {}
            }
        }
    }
    let next = |again: i64| u32::try_from(again).unwrap_or(0) + 1;
    let mut items = Vec::new();
    for coupon in &found.coupons {
        let Some(Came { points, of: Some(of) }) = came.get(coupon.code.as_str()) else { continue };
        let points = Points::new((*points).min(coupon.returned));
        items.extend(points.filter(|points| points.get() > 0).map(|points| Item::PointsAgain {
            code: coupon.terms.code.clone(),
            pos_id: coupon.terms.pos_id.clone(),
            points,
            part: next(coupon.again),
            of: of.clone(),
        }));
    }
    let credit = found.credits.iter().find(|credit| credit.returned > 0);
    items.extend(credit.zip(found.listed.customer).map(|(credit, customer)| {
        let currency = Currency::from_code(&credit.currency).unwrap_or(Currency::XXX);
        Item::CreditAgain {
            holder: own_credit::holder(customer),
            amount: Money { minor: credit.returned, currency },
            part: next(credit.again),
        }
    }));
    Ok(items)
}

/// Begins to take it back, or finds what the key began.
///
/// # Errors
/// Why it does not begin: nothing has moved then.
pub async fn begin(
    app: &std::sync::Arc<App>,
    shop: &Shop,
    order: &str,
    choice: Choice,
    request: Request,
) -> Result<Begin, Declined> {
    let found = order_lists::find(&app.database, &shop.id, order).await?;
    let found = found.ok_or(Declined::NotFound)?;
    let customer = whose(&found).ok_or(Declined::Problem(Problem::UnknownCustomer))?;
    if let Some(begun) = earlier(app, shop, &found, Some(&request)).await? {
        return Ok(begun);
    }
    if is_cancelled(&found) {
        return Err(Declined::Problem(Problem::OrderAlreadyCancelled));
    }
    let mut items = items(app, shop, &found).await?;
    items.retain(|item| match item {
        Item::PointsAgain { .. } => choice.points,
        _ => choice.credits,
    });
    if items.is_empty() {
        return Err(Declined::Problem(Problem::NothingToTakeBack));
    }
    let now = app.now();
    let terms = Terms {
        shop: shop.id.clone(),
        customer,
        order: found.listed.id.clone(),
        name: found.listed.name.clone(),
        placed_at: found.listed.created_at,
        by: choice.by,
        cancel: None,
        refunds: false,
        again: Some(Again { reason: choice.reason }),
        items,
        reverts_by: now,
        notify: false,
        at: now,
    };
    let flow = Flow::Reversal(Box::new(Reversal::accept(terms)));
    acts::begin(app, flow, Some(request), Guard::Revert, Duration::ZERO).await
}
