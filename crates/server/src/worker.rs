//! Picks up what requests leave behind: crashes, waits, doubts.

use crate::app::App;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio_util::task::TaskTracker;

/// How often the journal is looked at when nothing wakes the worker sooner.
const PACE: Duration = Duration::from_millis(200);
/// The most flows under way at once that were claimed, not requested.
const MOST: usize = 64;

/// The database's time is looked at so often.
const CLOCK: Duration = Duration::from_secs(60);

/// Keeps this process's time beside the database's.
pub async fn keep_time(app: Arc<App>) {
    while !app.stopping.load(Ordering::Relaxed) {
        tokio::time::sleep(CLOCK).await;
        match app.database.now().await {
            Ok(Some(now)) => app.clock.set(now),
            Ok(None) => return,
            Err(error) => tracing::warn!(%error, "the database does not say what time it is"),
        }
    }
}

/// Claims due flows until the service stops.
pub async fn run(app: Arc<App>) {
    let claimed = TaskTracker::new();
    while !app.stopping.load(Ordering::Relaxed) {
        let room = MOST.saturating_sub(claimed.len());
        if room > 0 {
            match app.engine.claim(room).await {
                Ok(rows) => {
                    for row in rows {
                        tracing::info!(flow = %row.id, state = row.flow.state_name(),
                            "claimed");
                        claimed.spawn(app.drive(row, false));
                    }
                }
                Err(error) => tracing::error!(%error, "cannot claim flows; trying on"),
            }
        }
        // A wake-up only shortens the pause.
        let _ = tokio::time::timeout(PACE, app.worker_wake.notified()).await;
    }
}
