//! What comes back with an order, added up: before it is begun, and once it has ended.

use super::{
    Wish, chosen, due_points, gate, is_cancelled, is_of_refunds, open_credit, open_points, whose,
    why_nothing,
};
use crate::{
    acts::Declined,
    app::{App, Shop},
    store::order_lists::{self, Found},
};
use domain::{
    At, Problem, Reversal,
    reversal::{Item, Outcome},
};
use serde::{Deserialize, Serialize};

/// Sums of one order. Credits are minor units of `currency`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Returns {
    pub points: i64,
    /// Not back: their date is past.
    #[serde(default)]
    pub points_expired: i64,
    /// Coupons that come back as new ones, and the points that those stand for.
    #[serde(default)]
    pub replaced: i64,
    #[serde(default)]
    pub replaced_points: i64,
    /// From Kaeru; before it is begun, what nobody has given back yet.
    #[serde(default)]
    pub credit: i64,
    #[serde(default)]
    pub credit_expired: i64,
    /// What Shopify has given back by itself.
    #[serde(default)]
    pub by_shopify: i64,
    #[serde(default)]
    pub currency: String,
    /// Shopify has not told yet what it gave back by itself.
    #[serde(default)]
    pub unsure: bool,
    /// It needs a second person.
    #[serde(default)]
    pub approval: bool,
}

/// What would come back now, from what is known here: nothing is changed, and nobody is asked.
///
/// # Errors
/// Why it would not begin.
pub async fn foresee(
    app: &App,
    shop: &Shop,
    order: &str,
    wish: &Wish,
) -> Result<(Found, Returns), Declined> {
    let found = order_lists::find(&app.database, &shop.id, order).await?;
    let found = found.ok_or(Declined::NotFound)?;
    whose(&found).ok_or(Declined::Problem(Problem::UnknownCustomer))?;
    let cancelled = is_cancelled(&found);
    let refused = |problem| Err(Declined::Problem(problem));
    if wish.cancel.is_some() && cancelled {
        return refused(Problem::OrderAlreadyCancelled);
    }
    let items = chosen(app, shop, &found, wish, app.now()).await?;
    if items.is_empty() && wish.cancel.is_none() {
        return refused(why_nothing(&found, wish));
    }
    let approval = gate::exceeds(shop, gate::worth(shop, &found, &items));
    let returns = Returns { approval, ..sum(&found, wish, &items) };
    Ok((found, returns))
}

/// `items`: those of the wish that would be begun.
pub(super) fn sum(found: &Found, wish: &Wish, items: &[Item]) -> Returns {
    let mut returns = Returns {
        currency: found.listed.currency.clone(),
        by_shopify: found.credits.iter().map(|credit| credit.by_shopify).sum(),
        unsure: !found.credits_known,
        ..Returns::default()
    };
    let refunds = is_of_refunds(found, wish);
    let open_of = if refunds { due_points } else { open_points };
    let open = found.coupons.iter().filter(|_| wish.points).map(open_of).sum::<i64>();
    for item in items {
        match item {
            Item::Points { points, .. } => returns.points += points.get(),
            Item::Replacement { terms, .. } => {
                returns.replaced += 1;
                returns.replaced_points += terms.points.get();
            }
            Item::Credit { payment, .. } => {
                let credit = found.credits.iter().find(|credit| credit.payment == *payment);
                returns.credit += credit.map_or(0, open_credit);
            }
            Item::OwnCredit { amount, .. } => returns.credit += amount.minor,
            Item::Earned { .. } | Item::PointsAgain { .. } | Item::CreditAgain { .. } => {}
        }
    }
    returns.points_expired = (open - returns.points - returns.replaced_points).max(0);
    let open =
        found.credits.iter().filter(|_| wish.credits && !refunds).map(open_credit).sum::<i64>();
    returns.credit_expired = (open - returns.credit).max(0);
    returns
}

/// What has come back.
pub fn came(flow: &Reversal) -> Returns {
    let mut returns = Returns::default();
    for (item, outcome) in flow.terms.items.iter().zip(flow.done()) {
        match (item, outcome) {
            (Item::Replacement { terms, .. }, _) => {
                returns.replaced += 1;
                returns.replaced_points += terms.points.get();
            }
            (Item::Points { points, .. }, Outcome::Moved(_)) => returns.points += points.get(),
            (Item::Points { points, .. }, _) => returns.points_expired += points.get(),
            (Item::Credit { amount, .. }, outcome) => {
                amount.currency.code().clone_into(&mut returns.currency);
                match outcome {
                    Outcome::Credited { minor, .. } => {
                        returns.credit += minor;
                        returns.by_shopify += amount.minor - minor;
                    }
                    Outcome::Lapsed | Outcome::Short => returns.credit_expired += amount.minor,
                    Outcome::ByShopify | Outcome::Moved(_) => returns.by_shopify += amount.minor,
                    Outcome::Replacing => {}
                }
            }
            (Item::OwnCredit { amount, .. }, outcome) => {
                amount.currency.code().clone_into(&mut returns.currency);
                match outcome {
                    Outcome::Moved(_) | Outcome::Credited { .. } => returns.credit += amount.minor,
                    _ => returns.credit_expired += amount.minor,
                }
            }
            (Item::Earned { .. } | Item::PointsAgain { .. } | Item::CreditAgain { .. }, _) => {}
        }
    }
    returns
}

/// A moment that was written out.
pub fn until(text: Option<&str>) -> Option<At> {
    text.and_then(|text| text.parse::<jiff::Timestamp>().ok()).map(At::from)
}
