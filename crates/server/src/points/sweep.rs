//! Takes out of the built-in points book what is no longer good, and forgets what tills were
//! answered long ago. Beside other processes it does nothing twice: an account is locked, and a
//! lot ends once.

use crate::{
    app::App,
    store::{Database, ledger},
};
use domain::At;
use engine::store::StoreError;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often. What has ended counts for nothing from its moment on; this only writes it down.
const PACE: Duration = Duration::from_secs(5);
/// So many lots at once.
const MOST: usize = 256;
/// No till repeats a request so late.
const ANSWERS_AGE_US: i64 = 7 * 86_400_000_000;

/// Until the service stops.
pub async fn run(app: Arc<App>) {
    if app.shops.values().all(|shop| shop.builtin.is_none() && shop.credits.is_none()) {
        return;
    }
    while !app.stopping.load(Ordering::Relaxed) {
        match once(&app.database, app.now()).await {
            Ok(0) => {}
            Ok(points) => tracing::info!(points, "points expired"),
            Err(error) => tracing::error!(%error, "expired points were not taken out; trying on"),
        }
        tokio::time::sleep(PACE).await;
    }
}

/// Takes out all that is due by then, and says how much that was.
///
/// # Errors
/// Where the database does not answer.
pub async fn once(database: &Database, now: At) -> Result<i64, StoreError> {
    let mut points = 0;
    loop {
        let due = ledger::accounts(database, now, MOST).await?;
        if due.is_empty() {
            break;
        }
        let expire = |holder| ledger::expire(database, holder, now);
        for gone in futures::future::join_all(due.into_iter().map(expire)).await {
            points += gone?;
        }
    }
    while ledger::forget_answers(database, At(now.0 - ANSWERS_AGE_US)).await? > 0 {}
    Ok(points)
}
