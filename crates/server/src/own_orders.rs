//! Orders of other channels: placed by staff or a till's program, their coupons and store credit
//! used up before they count.

use crate::{
    acts::{self, Begin, Declined},
    app::{App, Shop},
    store::coupons,
};
use domain::{
    Actor, At, Coupon, CustomerId, Flow, Money, OrderId, Placing, Problem, ShopId, coupon::Status,
    placing::Terms,
};
use engine::store::{Guard, Request};
use std::{sync::Arc, time::Duration};

/// Another step on a coupon is waited for so long.
const BUSY_PATIENCE: Duration = Duration::from_secs(10);

/// What is said of an order.
#[derive(Clone, Debug)]
pub struct Wish {
    pub by: Actor,
    pub customer: CustomerId,
    pub order: OrderId,
    pub name: String,
    pub channel: String,
    /// `pending`, `confirmed` or `completed`.
    pub status: &'static str,
    pub total: Money,
    /// As they were typed.
    pub codes: Vec<String>,
    /// What store credit that Kaeru holds pays.
    pub credit: Option<Money>,
    pub placed_at: At,
    pub note: Option<String>,
    pub request: Option<Request>,
}

/// Begins to place it, or finds the placing that the key began.
///
/// # Errors
/// `Declined::NotFound`: there is no such coupon.
pub async fn begin(app: &Arc<App>, shop: &Shop, wish: Wish) -> Result<Begin, Declined> {
    if let Some(request) = &wish.request {
        match app.engine.store.by_key(&shop.id, wish.customer, request).await? {
            None => {}
            Some((row, true)) => return Ok(Begin::Earlier(row)),
            Some((_, false)) => return Err(Declined::KeyReused),
        }
    }
    let now = app.now();
    let mut coupons: Vec<Coupon> = Vec::new();
    for code in &wish.codes {
        let coupon = coupon(app, &shop.id, wish.customer, code, now).await?;
        // Always in the same order, so that two orders never wait for each other.
        match coupons.binary_search_by(|of| of.terms.code.cmp(&coupon.terms.code)) {
            Ok(_) => {}
            Err(place) => coupons.insert(place, coupon),
        }
    }
    if wish.credit.is_some() && shop.credits.is_none() {
        return Err(Declined::Problem(Problem::InsufficientCredit));
    }
    let terms = Terms {
        shop: shop.id.clone(),
        customer: wish.customer,
        order: wish.order,
        name: wish.name,
        channel: wish.channel,
        status: wish.status.to_owned(),
        total: wish.total,
        coupons,
        credit: wish.credit,
        placed_at: wish.placed_at,
        by: wish.by,
        note: wish.note,
        at: now,
    };
    let flow = Flow::Placing(Box::new(Placing::accept(terms)));
    acts::begin(app, flow, wish.request, Guard::Place, BUSY_PATIENCE).await
}

/// The customer's own coupon, while it is good. All of it is looked at again when the order begins.
async fn coupon(
    app: &App,
    shop: &ShopId,
    customer: CustomerId,
    code: &str,
    now: At,
) -> Result<Coupon, Declined> {
    let found = coupons::find(&app.database, shop, code, now).await?.ok_or(Declined::NotFound)?;
    if found.terms.customer != customer {
        return Err(Declined::Problem(Problem::CouponNotTheirs));
    }
    match found.status {
        Status::Active if found.terms.expires_at <= now => {
            Err(Declined::Problem(Problem::CouponExpired))
        }
        Status::Active => found.coupon().ok_or(Declined::Problem(Problem::CouponBusy)),
        status => Err(Declined::Problem(status.objection())),
    }
}
