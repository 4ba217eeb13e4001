//! Works off what Shopify told: in any order, any number of times, a day late or more.

pub mod order;
mod people;

use crate::{
    acts::{self, Declined},
    app::{App, Shop},
    bell::Due,
    orders, reversals,
    store::{
        inbox::{self, Verdict, Waiting},
        orders as order_store,
    },
};
use domain::{At, ShopId};
use engine::store::StoreError;
use futures::StreamExt;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often the inbox is looked at when nothing wakes the worker sooner.
const PACE: Duration = Duration::from_millis(500);
/// So many are taken at once, and so many worked on side by side.
const MOST: i64 = 128;
const BESIDE: usize = 16;
/// After so many tries a person must look: about two days.
const MOST_TRIES: i64 = 60;
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// How often what is done is forgotten.
const TIDY: Duration = Duration::from_secs(3600);

/// Another act is under way.
pub const BUSY: &str = "coupon_busy";

/// Why a webhook was not worked off.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// It never will be.
    #[error("unreadable: {0}")]
    Unreadable(#[from] order::Unreadable),
    /// Not yet, for that reason.
    #[error("{0}")]
    Later(&'static str),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Declined> for Trouble {
    fn from(declined: Declined) -> Self {
        match declined {
            Declined::Store(error) => Self::Store(error),
            _ => Self::Later(BUSY),
        }
    }
}

impl From<serde_json::Error> for Trouble {
    fn from(error: serde_json::Error) -> Self {
        Self::Unreadable(error.into())
    }
}

/// Works until the service stops.
pub async fn run(app: Arc<App>) {
    let mut tidied = app.now();
    while !app.stopping.load(Ordering::Relaxed) {
        let more = match work(&app).await {
            Ok(worked) => worked == usize::try_from(MOST).unwrap_or(usize::MAX),
            Err(error) => {
                tracing::error!(%error, "cannot work off webhooks; trying on");
                false
            }
        };
        if app.now().since(tidied) >= TIDY {
            tidied = app.now();
            let before = At(tidied.0 - i64::try_from(inbox::REMEMBERED.as_micros()).unwrap_or(0));
            if let Err(error) = inbox::forget(&app.database, before).await {
                tracing::error!(%error, "cannot forget old webhooks");
            }
        }
        if !more {
            app.bell.wait(Due::Webhooks, app.bell.pace(PACE)).await;
        }
    }
}

/// Works off what is due, and says how many that were.
///
/// # Errors
/// Where the database does not answer. What was taken is taken again later.
pub async fn work(app: &Arc<App>) -> Result<usize, StoreError> {
    let now = app.now();
    let taken = inbox::claim(&app.database, now, now.plus(inbox::LEASE), MOST).await?;
    let count = taken.len();
    let verdicts: Vec<_> = futures::stream::iter(taken)
        .map(|waiting| async {
            let verdict = judge(&waiting, one(app, &waiting).await, app.now());
            (waiting, verdict)
        })
        .buffer_unordered(BESIDE)
        .collect()
        .await;
    inbox::settle(&app.database, verdicts, app.now()).await?;
    Ok(count)
}

fn judge(waiting: &Waiting, came: Result<(), Trouble>, now: At) -> Verdict {
    let Err(trouble) = came else { return Verdict::Done };
    let (shop, id, topic) = (&waiting.shop, &waiting.id, &waiting.topic);
    let parked = match &trouble {
        Trouble::Unreadable(_) => Some("unreadable"),
        Trouble::Later(why) if waiting.tries >= MOST_TRIES => Some(*why),
        Trouble::Store(_) if waiting.tries >= MOST_TRIES => Some("database"),
        Trouble::Later(_) | Trouble::Store(_) => None,
    };
    match parked {
        Some(why) => {
            tracing::error!(%shop, id, topic, why, "a webhook needs a person");
            metrics::counter!("kaeru_webhooks_parked_total", "why" => why).increment(1);
            Verdict::Parked(why)
        }
        None => {
            tracing::warn!(%shop, id, topic, %trouble, tries = waiting.tries, "a webhook waits");
            let tries = u32::try_from(waiting.tries.clamp(1, 12)).unwrap_or(1);
            Verdict::Again(now.plus(Duration::from_secs(1 << (tries - 1)).min(LONGEST_WAIT)))
        }
    }
}

async fn one(app: &Arc<App>, waiting: &Waiting) -> Result<(), Trouble> {
    let Some(shop) = app.shops.get(&waiting.shop) else {
        return Err(Trouble::Later("shop_not_configured"));
    };
    match waiting.topic.as_str() {
        "orders/create" | "orders/paid" | "orders/updated" | "orders/edited"
        | "orders/cancelled" | "orders/fulfilled" => {
            orders::heard(app, shop, order::read(&waiting.body)?).await
        }
        "refunds/create" => refunded(app, shop, &waiting.body).await,
        "customers/merge" => people::merged(app, shop, &waiting.body).await,
        "customers/delete" | "customers/redact" => people::gone(app, shop, &waiting.body).await,
        "customers/data_request" => {
            people::tell(app, &waiting.shop, "customer_data_requested").await
        }
        "app/uninstalled" => people::tell(app, &waiting.shop, "app_uninstalled").await,
        "shop/redact" => people::tell(app, &waiting.shop, "shop_redact_requested").await,
        other => {
            tracing::debug!(topic = other, "a webhook of a topic that nothing here listens to");
            Ok(())
        }
    }
}

async fn refunded(app: &Arc<App>, shop: &Shop, body: &str) -> Result<(), Trouble> {
    let (id, refund) = order::read_refund(body, shop.rules.rate.currency())?;
    let policy = shop.reversals.partial_refunds;
    if order_store::keep_refund(&app.database, &shop.id, &id, refund, policy).await? {
        orders::look_again(app, shop, &id).await?;
        return Ok(reversals::automatic(app, shop, id.as_str()).await?);
    }
    // Its order's own webhook is late: Shopify knows it.
    orders::fetch(app, shop, &id).await
}

/// Writes down that an order used these coupons.
pub async fn note_uses(
    app: &Arc<App>,
    shop: &ShopId,
    seen: &order_store::Seen,
) -> Result<(), Trouble> {
    for code in seen.codes.iter().filter(|code| !code.trim().is_empty()) {
        match acts::note_use(app, shop, code, &seen.name, seen.created_at).await {
            Ok(noted) => tracing::debug!(?noted, order = seen.name, "a code was used"),
            // A coupon that is not ours, or was never issued.
            Err(Declined::NotFound) => {}
            Err(declined) => return Err(declined.into()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_grow_rare_and_end_with_a_person() {
        let waiting = |tries| Waiting {
            shop: ShopId::from("main"),
            id: "w".to_owned(),
            topic: "orders/create".to_owned(),
            body: String::new(),
            at: At(0),
            tries,
        };
        let later = || Err(Trouble::Later("credits_unknown"));
        let again = |seconds| Verdict::Again(At(0).plus(Duration::from_secs(seconds)));
        for (tries, came, expected) in [
            (1, Ok(()), Verdict::Done),
            (1, later(), again(1)),
            (2, later(), again(2)),
            (12, later(), again(2048)),
            (59, later(), again(2048)),
            (60, later(), Verdict::Parked("credits_unknown")),
            (1, order::read("").map(drop).map_err(Trouble::from), Verdict::Parked("unreadable")),
            (3, Err(Trouble::Store(StoreError("gone".to_owned()))), again(4)),
            (60, Err(Trouble::Store(StoreError("gone".to_owned()))), Verdict::Parked("database")),
        ] {
            assert_eq!(judge(&waiting(tries), came, At(0)), expected, "{tries}");
        }
    }
}
