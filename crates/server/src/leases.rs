//! Jobs and mails that this process has taken. While it works on one, its lease is renewed; where
//! the process dies, another takes over soon after; and one that is told to end at once gives back
//! what it has not finished.

use crate::{app::App, store::leases};
use std::{
    collections::BTreeSet,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

pub use crate::store::leases::{LEASE, Lease};

/// How often a lease is renewed: twice in vain, it still holds.
pub const RENEWED: Duration = Duration::from_secs(10);

/// What this process holds.
#[derive(Debug, Default)]
pub struct Held(Mutex<BTreeSet<Lease>>);

impl Held {
    fn lock(&self) -> MutexGuard<'_, BTreeSet<Lease>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All of it, to be given back.
    pub fn take(&self) -> BTreeSet<Lease> {
        std::mem::take(&mut *self.lock())
    }
}

/// Does the work, which was taken with this lease and lays it down itself. `None`: the work was
/// dropped, because another process has it now or because this one ends at once.
pub async fn hold<T>(app: &App, lease: Lease, work: impl Future<Output = T>) -> Option<T> {
    app.leases.lock().insert(lease);
    let ended = tokio::select! {
        ended = work => Some(ended),
        () = lost(app, lease) => None,
        // It stays among what is given back.
        () = app.leaving.cancelled() => return None,
    };
    app.leases.lock().remove(&lease);
    ended
}

/// Renews the lease until it is another's.
async fn lost(app: &App, lease: Lease) {
    let mut ticks = interval_at(Instant::now() + RENEWED, RENEWED);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        match leases::renew(&app.database, lease, app.now()).await {
            Ok(true) => {}
            Ok(false) => {
                tracing::warn!(?lease, "another process has it now");
                return;
            }
            Err(error) => tracing::warn!(?lease, %error, "a lease was not renewed; trying on"),
        }
    }
}
