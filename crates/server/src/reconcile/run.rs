//! The comparison in the background: a part at a time, kept with its place, so that a process that
//! dies costs no more than a part.

use super::{compares_points, step};
use crate::{
    app::App,
    store::{
        audit,
        reconciliation::{self, Run},
    },
};
use domain::At;
use engine::store::StoreError;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often a run is looked for where none is under way.
const PACE: Duration = Duration::from_secs(1);
/// A part that nobody could be asked about is tried again after so long, and so often.
const PAUSE: Duration = Duration::from_secs(30);
const TRIES: i64 = 5;

/// Works on runs until the service stops.
pub async fn run(app: Arc<App>) {
    while !app.stopping.load(Ordering::Relaxed) {
        let worked = part(&app).await.unwrap_or_else(|error| {
            tracing::error!(%error, "the comparison of the books stands still; trying on");
            false
        });
        if !worked {
            tokio::select! {
                () = tokio::time::sleep(PACE) => {}
                () = app.stopped.notified() => {}
            }
        }
    }
}

/// One part of the run that has waited longest; false where none is due.
///
/// # Errors
/// Where the database does not do.
pub async fn part(app: &App) -> anyhow::Result<bool> {
    let Some(run) = reconciliation::claim(&app.database, app.now()).await? else {
        return Ok(false);
    };
    let Some(shop) = app.shops.get(&run.shop) else {
        let now = app.now();
        reconciliation::postpone(&app.database, run, None, "not-found", now).await?;
        return Ok(true);
    };
    let part = step(shop, &app.database, run.since, &run.place, app.now()).await?;
    if part.compared > 0 && part.unasked >= part.compared {
        later(app, run).await?;
    } else if !reconciliation::keep(&app.database, run, part, app.now()).await? {
        tracing::warn!("another process compares the books now");
    }
    Ok(true)
}

/// Nobody answered: a peer that is down would only fill the list.
async fn later(app: &App, run: Run) -> Result<(), StoreError> {
    let now = app.now();
    let again = (run.tries + 1 < TRIES).then(|| now.plus(PAUSE));
    let problem = match run.place.phase {
        super::Phase::Movements | super::Phase::Unmade => "points-unavailable",
        _ => "shopify-unavailable",
    };
    reconciliation::postpone(&app.database, run, again, problem, now).await
}

/// Begins a run over what was issued or moved at `since` or later, where none is under way, and
/// answers with the one that is.
///
/// # Errors
/// Where the database does not do.
pub async fn begin(app: &App, since: At, entry: audit::Entry) -> Result<Option<Run>, StoreError> {
    let shop = entry.shop.clone();
    let points = app.shops.get(&shop).is_some_and(compares_points);
    reconciliation::begin(&app.database, since, points, entry).await?;
    reconciliation::last(&app.database, &shop).await
}
