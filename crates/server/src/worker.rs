//! Picks up what requests leave behind: crashes, waits, doubts.

use crate::{app::App, bell::Due, store::replicas};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio_util::task::TaskTracker;

/// How often the journal is looked at when nothing wakes the worker sooner.
const PACE: Duration = Duration::from_millis(200);
/// The shortest pause: there may be more, or what is due is being claimed by others.
const SHORTEST: Duration = Duration::from_millis(20);
/// The most flows under way at once that were claimed, not requested.
const MOST: usize = 64;

/// The others are looked at so often.
const LOOK: Duration = Duration::from_secs(5);

/// Says that this process lives, which shows also whether the database takes what is written.
/// Where several serve on one database, they share its time and Shopify's limit.
pub async fn keep_company(app: Arc<App>) {
    let id = crate::ids::text(app.now());
    while !app.stopping.load(Ordering::Relaxed) {
        match look_around(&app, &id).await {
            Ok(()) => {}
            Err(error) => tracing::warn!(%error, "cannot look at the other processes"),
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = app.stopped.notified() => break,
        }
    }
    if let Err(error) = replicas::leave(&app.database, &id).await {
        tracing::warn!(%error, "cannot say that this process leaves");
    }
}

async fn look_around(app: &App, id: &str) -> Result<(), engine::store::StoreError> {
    let shared = app.database.now().await?;
    if let Some(now) = shared {
        app.clock.set(now);
    }
    let processes = replicas::seen(&app.database, id, app.now()).await?;
    if shared.is_some() {
        for shop in app.shops.values() {
            shop.shopify.share_limit(processes);
        }
    }
    Ok(())
}

/// Claims due flows until the service stops.
pub async fn run(app: Arc<App>) {
    let claimed = TaskTracker::new();
    while !app.stopping.load(Ordering::Relaxed) {
        if let Err(error) = app.database.reclaim().await {
            tracing::error!(%error, "cannot take over what was left; trying on");
        }
        let room = MOST.saturating_sub(claimed.len());
        let pause = claim(&app, &claimed, room).await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot claim flows; trying on");
            PACE
        });
        app.bell.wait(Due::Flows, pause).await;
    }
}

/// Takes what is due, and says when to look again.
async fn claim(
    app: &Arc<App>,
    claimed: &TaskTracker,
    room: usize,
) -> Result<Duration, engine::store::StoreError> {
    let pace = app.bell.pace(PACE);
    let now = app.now();
    match app.reads.next_due().await? {
        None => return Ok(pace),
        Some(due) if due > now => return Ok(due.since(now).clamp(SHORTEST, pace)),
        Some(_) if room == 0 => return Ok(PACE),
        Some(_) => {}
    }
    for row in app.engine.claim(room).await? {
        tracing::info!(flow = %row.id, state = row.flow.state_name(), "claimed");
        claimed.spawn(app.drive(row, false));
    }
    Ok(SHORTEST)
}
