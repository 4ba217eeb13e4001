//! Looks for what suggests fraud, beside the work: many conversions in a short time, one staff
//! member and one customer again and again, staff on their own account, staff after hours. Each
//! becomes a row among the reviews that says what it rests on; nothing is stopped by it.

use crate::{
    app::{App, Shop},
    store::{
        customers,
        signals::{self, Act, Mark, Signal},
        staff::{self, Account},
    },
};
use domain::{At, FlowId};
use engine::{ports::Answer, store::StoreError};
use serde_json::json;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often there is a look.
const PACE: Duration = Duration::from_secs(10);
/// What is younger may still be joined by what was begun before it.
const SETTLED: Duration = Duration::from_secs(5);
const BATCH: i64 = 100;
/// How far back acts between the same two are counted.
const MONTH: Duration = Duration::from_secs(30 * 86_400);
const CONTACT_LIMIT: Duration = Duration::from_secs(10);

/// Looks until the service stops.
pub async fn run(app: Arc<App>) {
    while !app.stopping.load(Ordering::Relaxed) {
        for shop in app.shops.values() {
            match look(&app, shop).await {
                Ok(0) => {}
                Ok(found) => tracing::info!(found, "signals for somebody to look at"),
                Err(error) => tracing::warn!(%error, "cannot look for signals"),
            }
        }
        tokio::select! {
            () = tokio::time::sleep(PACE) => {}
            () = app.stopped.notified() => {}
        }
    }
}

fn ago(now: At, span: Duration) -> At {
    At(now.0 - i64::try_from(span.as_micros()).unwrap_or(0))
}

/// One look at everything that is new. Says how many signals it wrote.
///
/// # Errors
/// Where the database does not do.
pub async fn look(app: &App, shop: &Shop) -> Result<usize, StoreError> {
    let mut found = conversions(app, shop).await?;
    loop {
        let (walked, written) = acts(app, shop).await?;
        found += written;
        if walked < BATCH {
            return Ok(found);
        }
    }
}

async fn conversions(app: &App, shop: &Shop) -> Result<usize, StoreError> {
    let rule = &shop.signals;
    if rule.conversions == 0 {
        return Ok(0);
    }
    let now = app.now();
    let since = ago(now, Duration::from_secs(60) * u32::from(rule.minutes));
    let least = i64::from(rule.conversions);
    let mut found = Vec::new();
    for busy in signals::busy(&app.database, &shop.id, since, least, now).await? {
        let newest = signals::newest(&app.database, &shop.id, busy.customer).await?;
        let detail = json!({"count": busy.count, "minutes": rule.minutes});
        found.extend(newest.map(|flow| Signal {
            flow,
            reason: "many_conversions",
            about: format!("customer {}", busy.customer),
            detail: detail.to_string(),
        }));
    }
    let mut shown = 0;
    for stretch in found.chunks(signals::STRETCH) {
        shown += signals::note(&app.database, &shop.id, stretch.to_vec(), None, now).await?;
    }
    Ok(shown)
}

/// A batch of the staff's cancellations: how many, and how many signals are new.
async fn acts(app: &App, shop: &Shop) -> Result<(i64, usize), StoreError> {
    let now = app.now();
    let until = ago(now, SETTLED);
    let Some(mark) = signals::mark(&app.database, &shop.id).await? else {
        // From now on: nobody wants a row for every night of the past.
        let first: Mark = (until, FlowId(uuid::Uuid::nil()));
        signals::note(&app.database, &shop.id, vec![], Some((None, first)), now).await?;
        return Ok((0, 0));
    };
    let acts = signals::cancellations(&app.database, &shop.id, mark, until, BATCH).await?;
    let Some(last) = acts.last() else { return Ok((0, 0)) };
    let to = (last.at, last.flow);
    let accounts = staff::list(&app.database, &shop.id).await?;
    let mut found = Vec::new();
    for act in &acts {
        found.extend(again_and_again(app, shop, act).await?);
        found.extend(after_hours(shop, act));
        let account = accounts.iter().find(|account| account.id == act.staff);
        if let Some(account) = account {
            found.extend(own_account(app, shop, act, account).await?);
        }
    }
    let walked = i64::try_from(acts.len()).unwrap_or(BATCH);
    let written =
        signals::note(&app.database, &shop.id, found, Some((Some(mark), to)), now).await?;
    Ok((walked, written))
}

fn about_staff(act: &Act) -> String {
    format!("staff {}", act.staff)
}

async fn again_and_again(app: &App, shop: &Shop, act: &Act) -> Result<Option<Signal>, StoreError> {
    let least = i64::from(shop.signals.same_customer);
    let since = ago(act.at, MONTH);
    let count = signals::between(&app.database, &shop.id, act, since).await?;
    let detail = json!({"staff": act.staff_name, "count": count, "days": 30});
    Ok((least > 0 && count >= least).then(|| Signal {
        flow: act.flow,
        reason: "same_staff_same_customer",
        // Each pair is a case of its own.
        about: format!("{} customer {}", about_staff(act), act.customer),
        detail: detail.to_string(),
    }))
}

fn after_hours(shop: &Shop, act: &Act) -> Option<Signal> {
    let time = act.at.timestamp().to_zoned(shop.zone.clone());
    let hour = u8::try_from(time.hour()).unwrap_or(0);
    let (open, close) = (shop.signals.open, shop.signals.close);
    let detail = json!({"staff": act.staff_name, "time": time.strftime("%H:%M").to_string(),
        "open": open, "close": close});
    (!(open..close).contains(&hour)).then(|| Signal {
        flow: act.flow,
        reason: "after_hours",
        about: about_staff(act),
        detail: detail.to_string(),
    })
}

/// The same address, or the same name where Shopify does not say the address.
async fn own_account(
    app: &App,
    shop: &Shop,
    act: &Act,
    account: &Account,
) -> Result<Option<Signal>, StoreError> {
    let same = |one: &str, other: &str| {
        let plain = |text: &str| text.trim().to_lowercase();
        !plain(one).is_empty() && plain(one) == plain(other)
    };
    let contact = match shop.shopify.contact(act.customer, CONTACT_LIMIT).await {
        Answer::Done(contact) => contact,
        Answer::Refused(_) | Answer::Unknown(_) => None,
    };
    let email = contact.as_ref().and_then(|contact| contact.email.as_deref());
    let known = customers::find(&app.database, &shop.id, act.customer).await?;
    let name = known.and_then(|known| known.name);
    let by = if email.is_some_and(|email| same(email, &account.email)) {
        "email"
    } else if name.is_some_and(|name| same(&name, &account.name)) {
        "name"
    } else {
        return Ok(None);
    };
    Ok(Some(Signal {
        flow: act.flow,
        reason: "own_account",
        about: about_staff(act),
        detail: json!({"staff": act.staff_name, "same": by}).to_string(),
    }))
}
