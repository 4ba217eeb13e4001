//! Orders as they become known: by webhook, and by reading what webhooks may have missed.

use crate::{
    app::{App, Shop},
    http_client::Deadline,
    outcome::Stop,
    reversals,
    store::orders::{self, Seen},
    webhooks::{self, Trouble},
};
use domain::{At, OrderId};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// A read of one order, or of a page of ids, may take so long.
const READ_LIMIT: Duration = Duration::from_secs(10);
/// How often Shopify is asked what has changed.
pub const PACE: Duration = Duration::from_secs(300);
/// Shopify's search lags behind, and its clock may: changes are read again for so long.
const OVERLAP: Duration = Duration::from_secs(900);
/// At the first start, what changed in so long is read.
const FIRST: Duration = Duration::from_secs(7 * 86_400);

fn later(stop: &Stop) -> Trouble {
    tracing::debug!(?stop, "an order could not be read");
    Trouble::Later("shopify_unavailable")
}

/// Keeps what was heard of an order, and what it means for its coupons and credits.
pub async fn heard(app: &Arc<App>, shop: &Shop, seen: Seen) -> Result<(), Trouble> {
    let (id, credit) = (seen.id.clone(), seen.credit);
    let policy = shop.reversals.partial_refunds;
    webhooks::note_uses(app, &shop.id, &seen).await?;
    orders::keep(&app.database, &shop.id, seen, policy, app.now()).await?;
    if credit {
        look_again(app, shop, &id).await?;
    }
    Ok(reversals::automatic(app, shop, id.as_str()).await?)
}

/// Reads the order's payments with store credit: no webhook tells them.
pub async fn look_again(app: &Arc<App>, shop: &Shop, id: &OrderId) -> Result<(), Trouble> {
    let read = shop.shopify.order(id, Deadline::after(READ_LIMIT)).await;
    if let Some((_, payments)) = read.map_err(|stop| later(&stop))?
        && !payments.is_empty()
    {
        orders::keep_credits(&app.database, &shop.id, id, payments, app.now()).await?;
    }
    Ok(())
}

/// Reads the order and keeps it, as if it had been heard of.
pub async fn fetch(app: &Arc<App>, shop: &Shop, id: &OrderId) -> Result<(), Trouble> {
    let read = shop.shopify.order(id, Deadline::after(READ_LIMIT)).await;
    let Some((seen, payments)) = read.map_err(|stop| later(&stop))? else { return Ok(()) };
    webhooks::note_uses(app, &shop.id, &seen).await?;
    let policy = shop.reversals.partial_refunds;
    orders::keep(&app.database, &shop.id, seen, policy, app.now()).await?;
    if !payments.is_empty() {
        orders::keep_credits(&app.database, &shop.id, id, payments, app.now()).await?;
    }
    Ok(reversals::automatic(app, shop, id.as_str()).await?)
}

/// Reads every order that changed since the last time and is not known so.
///
/// # Errors
/// Where Shopify or the database does not answer. What was read is kept.
pub async fn catch_up(app: &Arc<App>, shop: &Shop) -> Result<usize, Trouble> {
    let begun = app.now();
    let back = |at: At, by: Duration| At(at.0 - i64::try_from(by.as_micros()).unwrap_or(0));
    let since = match orders::read_to(&app.database, &shop.id).await? {
        Some(at) => back(at, OVERLAP),
        None => back(begun, FIRST),
    };
    let (mut after, mut read) = (None, 0);
    loop {
        let page = shop.shopify.orders_changed(since, after, Deadline::after(READ_LIMIT)).await;
        let page = page.map_err(|stop| later(&stop))?;
        for (id, standing) in page.orders {
            let known = orders::standing(&app.database, &shop.id, &id).await?;
            if known.is_none_or(|known| known.is_behind(&standing)) {
                match fetch(app, shop, &id).await {
                    // It is known now; what it makes due is seen to when it is heard of again.
                    Ok(()) | Err(Trouble::Later(webhooks::BUSY)) => read += 1,
                    Err(error) => return Err(error),
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    orders::keep_read_to(&app.database, &shop.id, begun).await?;
    Ok(read)
}

/// Catches up at the start and from time to time, until the service stops.
pub async fn run(app: Arc<App>) {
    let mut due = app.now();
    while !app.stopping.load(Ordering::Relaxed) {
        if app.now() >= due {
            due = app.now().plus(PACE);
            for shop in app.shops.values() {
                match catch_up(&app, shop).await {
                    Ok(0) => {}
                    Ok(read) => tracing::info!(shop = %shop.id, read, "orders caught up"),
                    Err(error) => {
                        tracing::warn!(shop = %shop.id, %error, "orders not caught up; later");
                    }
                }
            }
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
