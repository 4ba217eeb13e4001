//! Acts on a coupon: taking it back, holding it, releasing it, and writing down its own end. Each
//! begins a flow; what comes of it is the engine's.

use crate::{
    app::{App, Shop},
    ids,
    store::coupons::{self, Found, Noted},
};
use domain::{
    Actor, At, Cancellation, Coupon, Ending, Flow, Hold, Problem, ShopId, cancellation,
    coupon::Status, ending, hold,
};
use engine::{
    LEASE,
    store::{Begun, Guard, Request, Row, Start, StoreError},
};
use std::{sync::Arc, time::Duration};
use tokio::task::JoinHandle;

/// Another step on the same coupon is waited for so long, and looked at so often.
const BUSY_PATIENCE: Duration = Duration::from_secs(10);
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// Why an act did not begin.
#[derive(Debug, thiserror::Error)]
pub enum Declined {
    #[error("no such coupon")]
    NotFound,
    #[error("{}", .0.code())]
    Problem(Problem),
    /// The key belongs to a request with another content.
    #[error("the key was used for something else")]
    KeyReused,
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What staff or the owner decided.
#[derive(Clone, Debug)]
pub struct Cancel {
    pub by: Actor,
    pub reason: cancellation::Why,
    pub note: Option<String>,
    /// Whether the owner is written to.
    pub notify: bool,
    /// False: a suspicion is confirmed, and the points stay away.
    pub refund: bool,
    /// What the coupon must be now: `Active`, or `Held` to confirm a hold.
    pub from: Status,
    pub request: Option<Request>,
}

/// An act that has just begun, or the one that the key began earlier.
#[derive(Clone, Debug)]
pub enum Begin {
    New(Row),
    Earlier(Row),
}

impl Begin {
    /// Works on what has just begun until people can be told how it stands, at most `patience`.
    pub async fn see_through(self, app: &Arc<App>, patience: Duration) -> Row {
        match self {
            Begin::New(row) => app.see_through(row, patience).await,
            Begin::Earlier(row) => row,
        }
    }
}

/// Begins to take the coupon back, or finds the cancellation that the key began.
pub async fn cancel(
    app: &Arc<App>,
    shop: &Shop,
    code: &str,
    order: Cancel,
) -> Result<Begin, Declined> {
    let now = app.now();
    let found = look(app, &shop.id, code).await?;
    if let Some(row) = answered(app, &found, order.request.as_ref()).await? {
        return Ok(Begin::Earlier(row));
    }
    let (coupon, from) = takeable(shop, &found, order.from, now)?;
    let terms = cancellation::Terms {
        coupon,
        by: order.by,
        reason: order.reason,
        note: order.note,
        notify: order.notify,
        refund: order.refund,
        from,
        at: now,
    };
    let flow = Flow::Cancellation(Cancellation::accept(terms));
    begin(
        app,
        flow,
        order.request,
        Guard::Take { from: vec![from], to: Status::Cancelling },
        BUSY_PATIENCE,
    )
    .await
}

/// The coupon, and the status that it is taken from: `wanted`, or `Expired` within the days that
/// the shop grants.
fn takeable(
    shop: &Shop,
    found: &Found,
    wanted: Status,
    now: At,
) -> Result<(Coupon, Status), Declined> {
    let coupon = found.coupon().ok_or(Declined::Problem(Problem::CouponBusy))?;
    let grace = Duration::from_secs(86_400 * u64::from(shop.rules.cancel_expired_days));
    let expired = found.terms.expires_at.plus(grace) <= now
        || (shop.rules.cancel_expired_days == 0 && found.terms.expires_at <= now);
    let alive = matches!(found.status, Status::Active | Status::Expired | Status::Held);
    if alive && expired {
        return Err(Declined::Problem(Problem::CouponExpired));
    }
    match (wanted, found.status) {
        (Status::Active, Status::Expired) => Ok((coupon, Status::Expired)),
        _ => Ok((coupon, wanted)),
    }
}

/// Whether [`cancel`] would begin now, and with what. Nothing is changed, and all of it is looked
/// at again when it begins.
pub async fn may_cancel(app: &App, shop: &Shop, code: &str) -> Result<Coupon, Declined> {
    let found = look(app, &shop.id, code).await?;
    let (coupon, from) = takeable(shop, &found, Status::Active, app.now())?;
    if found.status != from {
        return Err(Declined::Problem(found.status.objection()));
    }
    Ok(coupon)
}

/// Begins to hold the coupon, or to release it.
pub async fn hold(
    app: &Arc<App>,
    shop: &ShopId,
    code: &str,
    act: hold::Act,
    by: Actor,
    note: String,
    request: Option<Request>,
) -> Result<Begin, Declined> {
    let now = app.now();
    let found = look(app, shop, code).await?;
    if let Some(row) = answered(app, &found, request.as_ref()).await? {
        return Ok(Begin::Earlier(row));
    }
    let coupon = found.coupon().ok_or(Declined::Problem(Problem::CouponBusy))?;
    let (from, to) = match act {
        hold::Act::Hold => (Status::Active, Status::Held),
        hold::Act::Release => (Status::Held, Status::Held),
    };
    if found.status == from && found.terms.expires_at <= now {
        return Err(Declined::Problem(Problem::CouponExpired));
    }
    let terms = hold::Terms { coupon, act, by, note, at: now };
    let guard = Guard::Take { from: vec![from], to };
    begin(app, Flow::Hold(Hold::accept(terms)), request, guard, BUSY_PATIENCE).await
}

/// Writes down that an order used the coupon. News that was heard before is worked on again: a
/// process may have died in between. Refused as busy where another act has the coupon: then it was
/// heard, and whoever brought it comes again.
pub async fn note_use(
    app: &Arc<App>,
    shop: &ShopId,
    code: &str,
    order: &str,
    at: At,
) -> Result<Noted, Declined> {
    let noted = coupons::note_use(&app.database, shop, code, order, at).await?;
    if matches!(noted, Noted::Used | Noted::Again) {
        let found = look(app, shop, code).await?;
        if let Some(coupon) = found.coupon() {
            let from = vec![Status::Active, Status::Held, Status::Expired];
            end(app, coupon, ending::End::Used, from, at, BUSY_PATIENCE).await?;
        }
    }
    Ok(noted)
}

/// Writes down that the coupon's time is up, and says when that is done. Nothing where something
/// else has the coupon.
pub async fn expire(
    app: &Arc<App>,
    shop: &ShopId,
    code: &str,
) -> Result<Option<JoinHandle<()>>, Declined> {
    let found = look(app, shop, code).await?;
    let at = found.terms.expires_at;
    let Some(coupon) = found.coupon() else { return Ok(None) };
    end(app, coupon, ending::End::Expired, vec![Status::Active], at, Duration::ZERO).await
}

async fn end(
    app: &Arc<App>,
    coupon: Coupon,
    end: ending::End,
    from: Vec<Status>,
    at: At,
    patience: Duration,
) -> Result<Option<JoinHandle<()>>, Declined> {
    let used = end == ending::End::Used;
    let flow = Ending::accept(ending::Terms { coupon, end, at });
    let to = flow.status();
    match begin(app, Flow::Ending(flow), None, Guard::Take { from, to }, patience).await {
        Ok(Begin::New(row)) => Ok(Some(app.drive(row, true))),
        Ok(Begin::Earlier(_)) => Ok(None),
        // A hold or a release does not ask whether the coupon was used.
        Err(Declined::Problem(Problem::CouponBusy)) if used => {
            Err(Declined::Problem(Problem::CouponBusy))
        }
        // Another act has it now, and will hear of the use from the database.
        Err(Declined::Problem(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

async fn look(app: &App, shop: &ShopId, code: &str) -> Result<Found, Declined> {
    coupons::find(&app.database, shop, code, app.now()).await?.ok_or(Declined::NotFound)
}

/// The flow that the key has begun already.
async fn answered(
    app: &App,
    found: &Found,
    request: Option<&Request>,
) -> Result<Option<Row>, Declined> {
    let Some(request) = request else { return Ok(None) };
    let (shop, customer) = (&found.terms.shop, found.terms.customer);
    match app.engine.store.by_key(shop, customer, request).await? {
        None => Ok(None),
        Some((row, true)) => Ok(Some(row)),
        Some((_, false)) => Err(Declined::KeyReused),
    }
}

pub(crate) async fn begin(
    app: &App,
    flow: Flow,
    request: Option<Request>,
    guard: Guard,
    patience: Duration,
) -> Result<Begin, Declined> {
    let deadline = tokio::time::Instant::now() + patience;
    loop {
        match try_begin(app, flow.clone(), request.clone(), guard.clone()).await {
            // Mostly the metafield of the coupon's own conversion, a moment after its answer.
            Err(Declined::Problem(Problem::CouponBusy))
                if tokio::time::Instant::now() < deadline =>
            {
                if let Some(shop) = app.shops.get(flow.shop()) {
                    shop.shopify.hurry();
                }
                tokio::time::sleep(BUSY_PAUSE).await;
            }
            begun => return begun,
        }
    }
}

async fn try_begin(
    app: &App,
    flow: Flow,
    request: Option<Request>,
    guard: Guard,
) -> Result<Begin, Declined> {
    let now = app.now();
    let start =
        Start { id: ids::flow(now), flow, request, guard, now, lease_until: now.plus(LEASE) };
    match app.engine.start(start).await? {
        Begun::Started(row) => Ok(Begin::New(row)),
        Begun::Known { row, same_request: true } => Ok(Begin::Earlier(row)),
        Begun::Known { same_request: false, .. } => Err(Declined::KeyReused),
        Begun::Refused(problem) => Err(Declined::Problem(problem)),
        Begun::DrawAgain => Err(Declined::Problem(Problem::CouponBusy)),
    }
}
