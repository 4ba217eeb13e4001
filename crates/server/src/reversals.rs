//! What can come back with an order, and how its return begins.

pub mod again;
pub mod earned;
pub mod gate;
pub mod lots;
pub mod replacement;
pub mod returns;

pub use replacement::Coupons;

use crate::{
    acts::{self, Begin, Declined},
    app::{App, Shop},
    ids, orders, own_credit,
    store::{
        order_lists::{self, Found},
        orders::{SHOPIFY, Status, worth},
    },
    webhooks::Trouble,
};
use domain::{
    Actor, At, CustomerId, Flow, Goods, Money, PartialRefunds, Points, Problem, Reversal,
    reversal::{Cancel, Item, Return, Terms, expiry},
};
use engine::store::{Guard, Request};
use iso_currency::Currency;
use lots::{Back, Lots};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// A credit's expiry is moved back by less than this, so that its second tells it apart.
const FINGERPRINTS: u64 = 600;

/// How one shop gives back.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What is found cancelled comes back by itself where its points are fewer; 0: never.
    pub automatic_below: i64,
    /// What staff give back of an order needs a second person where it is worth more points; 0:
    /// never.
    pub four_eyes_above: i64,
    /// How long after a cancellation Shopify may still give store credit back by itself.
    pub shopify_reverts: Duration,
    /// What a refund makes due while its order stands.
    pub partial_refunds: PartialRefunds,
    /// What an order earned is taken back: under which reference it was granted, `{order}` being
    /// the order's number.
    pub earned: Option<String>,
}

/// What staff chose.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wish {
    pub by: Actor,
    pub points: bool,
    pub credits: bool,
    /// As what used coupons come back, where they do.
    #[serde(default)]
    pub coupons: Coupons,
    /// What the order earned stays with the customer, whatever the shop's policy. It goes with
    /// points only: where those wait, it waits.
    #[serde(default)]
    pub keep_earned: bool,
    /// Until when what comes back is to be good, where its own date is earlier or not known.
    pub extend_to: Option<At>,
    /// The same lot by lot, before that: by a coupon's code, or a payment's number.
    #[serde(default)]
    pub extend: BTreeMap<String, At>,
    /// Whether the customer is written to.
    pub notify: bool,
    /// The order is cancelled first; else it must be cancelled already.
    pub cancel: Option<Cancel>,
    #[serde(skip)]
    pub request: Option<Request>,
    /// A second person has said yes.
    #[serde(skip)]
    pub approved: bool,
}

impl Wish {
    /// Nothing, of an order that is cancelled already: what is wanted is said over it.
    pub const fn of(by: Actor) -> Self {
        Self {
            by,
            points: false,
            credits: false,
            coupons: Coupons::Points,
            keep_earned: false,
            extend_to: None,
            extend: BTreeMap::new(),
            notify: false,
            cancel: None,
            request: None,
            approved: false,
        }
    }
}

impl Wish {
    /// Until when that lot is to be good, where that was chosen.
    pub fn until(&self, lot: &str) -> Option<At> {
        self.extend.get(lot).copied().or(self.extend_to)
    }
}

/// Points of this coupon that no reversal has been promised: what comes back when the order is
/// cancelled.
pub fn open_points(coupon: &order_lists::Coupon) -> i64 {
    (coupon.points - coupon.taken).min(coupon.open).max(0)
}

/// The same while the order stands: what its refunds make due.
pub fn due_points(coupon: &order_lists::Coupon) -> i64 {
    (coupon.due - coupon.taken).min(coupon.open).max(0)
}

/// The order's goods, and what was refunded of them.
pub fn goods(found: &Found) -> Goods {
    let whole = worth(&found.lines);
    Goods { whole, refunded: found.refunds.iter().filter_map(|refund| refund.goods).sum() }
}

/// Pieces of the order, and how many of them were refunded.
pub fn pieces(found: &Found) -> (i64, i64) {
    let back = found.refunds.iter().flat_map(|refund| &refund.lines);
    (found.lines.iter().map(|line| line.quantity).sum(), back.map(|of| of.quantity).sum())
}

pub fn is_cancelled(found: &Found) -> bool {
    found.listed.status == Status::Cancelled.as_str()
}

/// Of this payment, in minor units: what neither Shopify nor a reversal has given back.
pub fn open_credit(credit: &order_lists::Credit) -> i64 {
    (credit.amount - credit.taken - credit.by_shopify).max(0)
}

/// Begins it, or finds the reversal that the key began. `Declined::NotFound`: no such order.
pub async fn begin(
    app: &Arc<App>,
    shop: &Shop,
    order: &str,
    wish: Wish,
) -> Result<Begin, Declined> {
    let found = fresh(app, shop, order).await?;
    let customer = whose(&found).ok_or(Declined::Problem(Problem::UnknownCustomer))?;
    if let Some(begun) = earlier(app, shop, &found, wish.request.as_ref()).await? {
        return Ok(begun);
    }
    let now = app.now();
    let refunds = is_of_refunds(&found, &wish);
    let items = chosen(app, shop, &found, &wish, now).await?;
    let here = found.listed.channel != SHOPIFY;
    let cancel = wish.cancel.clone().map(|cancel| Cancel { here, ..cancel });
    if items.is_empty() && wish.cancel.is_none() {
        return Err(Declined::Problem(why_nothing(&found, &wish)));
    }
    let staff = matches!(wish.by, Actor::Staff { .. });
    if staff && !wish.approved && gate::exceeds(shop, gate::worth(shop, &found, &items)) {
        return Err(Declined::Problem(Problem::ApprovalNeeded));
    }
    let terms = Terms {
        shop: shop.id.clone(),
        customer,
        order: found.listed.id.clone(),
        name: found.listed.name.clone(),
        placed_at: found.listed.created_at,
        reverts_by: found.listed.cancelled_at.unwrap_or(now).plus(shop.reversals.shopify_reverts),
        by: wish.by,
        cancel,
        refunds,
        again: None,
        items,
        notify: wish.notify,
        at: now,
    };
    let flow = Flow::Reversal(Box::new(Reversal::accept(terms)));
    acts::begin(app, flow, wish.request, Guard::Revert, Duration::ZERO).await
}

/// The reversal that the key began.
pub async fn earlier(
    app: &App,
    shop: &Shop,
    found: &Found,
    request: Option<&Request>,
) -> Result<Option<Begin>, Declined> {
    let (Some(request), Some(customer)) = (request, whose(found)) else { return Ok(None) };
    match app.engine.store.by_key(&shop.id, customer, request).await? {
        None => Ok(None),
        Some((row, true)) => Ok(Some(Begin::Earlier(row))),
        Some((_, false)) => Err(Declined::KeyReused),
    }
}

/// The order stands: what its refunds make due is what can come back.
fn is_of_refunds(found: &Found, wish: &Wish) -> bool {
    wish.cancel.is_none() && !is_cancelled(found)
}

/// What comes back by the wish.
async fn chosen(
    app: &App,
    shop: &Shop,
    found: &Found,
    wish: &Wish,
    now: At,
) -> Result<Vec<Item>, Declined> {
    let refunds = is_of_refunds(found, wish);
    if refunds && wish.coupons == Coupons::Replacement {
        // The coupon has paid for what was not refunded: parts of it are points.
        return Err(Declined::Problem(Problem::OrderStands));
    }
    let own = match refunds {
        true => vec![],
        false => own_credit::coming_back(app, shop, found, wish, now).await?,
    };
    let lots = lots::of_coupons(app, shop, found, wish).await?;
    let mut items = replacement::items(app, shop, found, wish, now);
    items.extend(own);
    items.extend(of_points(shop, (found, &lots), wish, now)?);
    items.extend(of_credits(found, wish, now));
    if items.is_empty() && is_open(found, wish) {
        return Err(Declined::Problem(Problem::CreditExpired));
    }
    if shop.reversals.earned.is_some() && wish.points && !wish.keep_earned {
        let pos_id = earned::whose(app, shop, found).await?;
        items.extend(earned::item(found, pos_id, refunds));
    }
    Ok(items)
}

/// Gives back what little a cancelled or refunded order owes, where the shop wants that: by what
/// all of its coupons are worth, so that parts of a large order are not small. What staff took in
/// hand is not touched, and of a cancelled order nothing is tried a second time.
pub async fn automatic(app: &Arc<App>, shop: &Shop, order: &str) -> Result<(), Declined> {
    let limit = shop.reversals.automatic_below;
    let find = || order_lists::find(&app.database, &shop.id, order);
    let Some(mut found) = find().await? else { return Ok(()) };
    let ends = is_cancelled(&found) || !found.refunds.is_empty();
    if ends && earned::look(app, shop, &found).await? {
        found = find().await?.ok_or(Declined::NotFound)?;
    }
    let cancelled = is_cancelled(&found);
    let open_of = if cancelled { open_points } else { due_points };
    let (open, whole): (i64, i64) = found
        .coupons
        .iter()
        .map(|coupon| (open_of(coupon), coupon.points))
        .chain([earned::sums(shop, &found)])
        .fold((0, 0), |sum, of| (sum.0 + of.0, sum.1 + of.1));
    if !(0 < open && 0 < whole && whole < limit) {
        return Ok(());
    }
    if found.listed.act.is_some() {
        let earlier = order_lists::reversals(&app.database, &shop.id, &found.listed.id).await?;
        let of_a_part = |row: &engine::store::Row| {
            let flow = row.flow.reversal();
            flow.is_some_and(|flow| flow.terms.by == Actor::System && flow.terms.refunds)
        };
        if !earlier.iter().all(of_a_part) {
            return Ok(());
        }
    }
    let wish = Wish { points: true, credits: true, notify: true, ..Wish::of(Actor::System) };
    // Store credit may make it more than anybody may give back alone.
    let now = app.now();
    if gate::wished(app, shop, &found, &wish, now)
        .await
        .is_ok_and(|worth| gate::exceeds(shop, worth))
    {
        return Ok(());
    }
    match begin(app, shop, order, wish).await {
        Ok(Begin::New(row)) => {
            app.drive(row, true);
            Ok(())
        }
        // What an earlier refund made due is on its way: this part is tried again after it.
        Err(Declined::Problem(problem @ (Problem::OrderBusy | Problem::AlreadyReverted))) => {
            Err(Declined::Problem(problem))
        }
        // Somebody was faster, or it is not time yet: it stays in the filter.
        Ok(Begin::Earlier(_)) | Err(Declined::Problem(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

/// Learns what a decision about the order needs and is not known yet.
///
/// # Errors
/// Where Shopify, the points book or the database does not answer.
pub async fn refresh(app: &Arc<App>, shop: &Shop, order: &str) -> Result<(), Declined> {
    fresh(app, shop, order).await.map(drop)
}

/// The order as it is known: its credits read where they have changed, and what it earned.
async fn fresh(app: &Arc<App>, shop: &Shop, order: &str) -> Result<Found, Declined> {
    let find = || order_lists::find(&app.database, &shop.id, order);
    let found = find().await?.ok_or(Declined::NotFound)?;
    let mut changed = earned::look(app, shop, &found).await?;
    if !found.credits_known {
        match orders::look_again(app, shop, &found.listed.id).await {
            Ok(()) => changed = true,
            Err(Trouble::Store(error)) => return Err(error.into()),
            Err(_) => return Err(Declined::Problem(Problem::ShopifyUnavailable)),
        }
    }
    if changed { find().await?.ok_or(Declined::NotFound) } else { Ok(found) }
}

/// The order's customer; of an order without one the coupons', which nobody else could use.
pub fn whose(found: &Found) -> Option<CustomerId> {
    found.listed.customer.or_else(|| found.coupons.first().map(|coupon| coupon.terms.customer))
}

/// Of an order that stands, what its refunds make due; else all that is open.
fn of_points(
    shop: &Shop,
    (found, lots): (&Found, &[Option<Lots>]),
    wish: &Wish,
    now: At,
) -> Result<Vec<Item>, Declined> {
    let open_of = if is_of_refunds(found, wish) { due_points } else { open_points };
    let mut items = Vec::new();
    let as_points = |(coupon, _): &(&order_lists::Coupon, _)| {
        open_of(coupon) > 0 && !replacement::is_wished(wish, coupon)
    };
    for (coupon, lots) in found.coupons.iter().zip(lots).filter(as_points) {
        let (open, until) = (open_of(coupon), wish.until(&coupon.code));
        let back = match lots {
            Some(lots) => lots.back(open, until, shop, now).map_err(Declined::Problem)?,
            None => match expiry(coupon.original_expiry, until, now) {
                Return::Now(expiry) => Some(Back { amount: open, expiry }),
                Return::Lapsed => None,
            },
        };
        let Some(Back { amount, expiry }) = back else { continue };
        items.extend(Points::new(amount).map(|points| Item::Points {
            code: coupon.terms.code.clone(),
            pos_id: coupon.terms.pos_id.clone(),
            points,
            part: u32::try_from(coupon.parts).unwrap_or(0) + 1,
            expiry,
            paid_by: coupon.terms.replaces.as_ref().map(|of| of.paid_by.clone()),
        }));
    }
    Ok(items)
}

/// Of store credit nothing is due while the order stands: whoever refunds decides at Shopify how
/// much of it is.
fn of_credits(found: &Found, wish: &Wish, now: At) -> Vec<Item> {
    let mut items = Vec::new();
    let of_shopify = wish.credits && !is_of_refunds(found, wish) && found.listed.channel == SHOPIFY;
    for credit in found.credits.iter().filter(|_| of_shopify) {
        // What Shopify gives back meanwhile is looked at again before any is sent.
        if open_credit(credit) == 0 {
            continue;
        }
        let currency = Currency::from_code(&credit.currency).unwrap_or(Currency::XXX);
        let extend_to = wish.until(&credit.payment.to_string()).map(told_apart);
        if let Return::Now(expiry) = expiry(credit.original_expiry, extend_to, now) {
            let amount = Money { minor: credit.amount - credit.taken, currency };
            items.push(Item::Credit { payment: credit.payment, amount, expiry });
        }
    }
    items
}

/// Whether anything of what is wanted has not come back yet.
fn is_open(found: &Found, wish: &Wish) -> bool {
    let refunds = is_of_refunds(found, wish);
    let open_of = if refunds { due_points } else { open_points };
    found.coupons.iter().any(|coupon| wish.points && open_of(coupon) > 0)
        || found.credits.iter().any(|of| wish.credits && !refunds && open_credit(of) > 0)
}

/// A second that no other credit of this moment has.
fn told_apart(end: At) -> At {
    let back = Duration::from_secs(ids::random() % FINGERPRINTS);
    At(end.0 - i64::try_from(back.as_micros()).unwrap_or(0)).floor_second()
}

fn why_nothing(found: &Found, wish: &Wish) -> Problem {
    let gone = found.coupons.iter().any(|coupon| wish.points && coupon.taken > 0)
        || (wish.points && found.earned.taken > 0)
        || found.credits.iter().any(|credit| wish.credits && credit.taken + credit.by_shopify > 0);
    match Status::parse(&found.listed.status) {
        Some(Status::Cancelled) if gone => Problem::AlreadyReverted,
        Some(Status::Cancelled) => Problem::NothingToRevert,
        _ if found.coupons.iter().any(|coupon| coupon.due > 0) => Problem::AlreadyReverted,
        _ => Problem::OrderStands,
    }
}
