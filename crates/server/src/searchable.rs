//! Puts new codes among those that are found by any part of theirs, a little later than they are
//! made.

use crate::{app::App, store::searchable};
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often there is a look for codes that wait.
const PACE: Duration = Duration::from_secs(1);

/// Until the service stops. What waits then is found all the same, and filed after the next start.
pub async fn run(app: Arc<App>) {
    while !app.stopping.load(Ordering::Relaxed) {
        match searchable::file(&app.database).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "cannot file codes for the search; trying on"),
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = app.stopped.notified() => return,
        }
    }
}
