//! Coupons whose time is up are written down as expired, and owners are reminded before. Both are
//! found in the database, so that a restart or another replica goes on where one stopped.

use crate::{
    acts,
    app::{App, Shop},
    store::expiry::{self, Place, Walk},
};
use domain::{At, ShopId};
use engine::store::StoreError;
use futures::future::join_all;
use std::{
    collections::BTreeMap,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// A coupon is over at its moment whatever is written down; this is for the metafield and for
/// lists that others read.
const PACE: Duration = Duration::from_secs(1);
/// Many end in the same second of the night. So many at once leave Shopify to the customers.
const BATCH: i64 = 25;
/// Reminders need no promptness.
const REMIND_EVERY: Duration = Duration::from_secs(60);
const REMIND_BATCH: i64 = 200;
/// No mail at night: owners are reminded from 9 to 20 o'clock where the shop is.
const DAYTIME: std::ops::Range<i8> = 9..20;

/// Sweeps until the service stops.
pub async fn run(app: Arc<App>) {
    let mut places: BTreeMap<ShopId, Place> = BTreeMap::new();
    let mut reminded = At(i64::MIN);
    while !app.stopping.load(Ordering::Relaxed) {
        let mut found = 0;
        for shop in app.shops.values() {
            let place = places.entry(shop.id.clone()).or_insert(Place::at(At(i64::MIN)));
            match expire(&app, shop, place).await {
                Ok(count) => found += count,
                Err(error) => tracing::error!(%error, "cannot look for expired coupons"),
            }
        }
        if app.now().since(reminded) >= REMIND_EVERY {
            reminded = app.now();
            for shop in app.shops.values() {
                if let Err(error) = remind(&app, shop).await {
                    tracing::error!(%error, "cannot look for coupons that end soon");
                }
            }
        }
        if found == 0 {
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                () = app.stopped.notified() => {}
            }
        }
    }
}

/// One batch after the place: begun, and seen through. What another act holds stays as it is, and
/// comes again when the walk begins anew.
///
/// # Errors
/// Where the database does not answer.
pub async fn expire(app: &Arc<App>, shop: &Shop, place: &mut Place) -> Result<usize, StoreError> {
    let batch = expiry::expired(&app.database, &shop.id, place, app.now(), BATCH).await?;
    *place = batch.last().cloned().unwrap_or(Place::at(At(i64::MIN)));
    let begun = batch.iter().map(|coupon| async {
        match acts::expire(app, &shop.id, &coupon.code).await {
            // A flow that panics or waits is the worker's.
            Ok(Some(drive)) => drive.await.is_ok(),
            Ok(None) => false,
            Err(error) => {
                tracing::error!(%error, "an expired coupon was not written down; later again");
                false
            }
        }
    });
    // Whatever was only looked at again is no reason to hurry.
    Ok(join_all(begun).await.into_iter().filter(|done| *done).count())
}

/// Writes the reminders that are due, by day.
///
/// # Errors
/// Where the database does not do.
pub async fn remind(app: &App, shop: &Shop) -> Result<usize, StoreError> {
    let now = app.now();
    let hour = now.timestamp().to_zoned(shop.zone.clone()).hour();
    if app.mailer.is_none() || !DAYTIME.contains(&hour) {
        return Ok(0);
    }
    let mut reminded = 0;
    let days = &shop.mail.remind_days;
    for (index, days_before) in days.iter().enumerate() {
        let sooner = days.get(index + 1).copied().unwrap_or(0);
        loop {
            let walk =
                Walk { shop: shop.id.clone(), days: *days_before, sooner, now, most: REMIND_BATCH };
            let (looked_at, told) = expiry::remind(&app.database, walk).await?;
            reminded += told;
            if looked_at == 0 {
                break;
            }
        }
    }
    Ok(reminded)
}
