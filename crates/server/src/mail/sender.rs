//! Takes mails from the outbox and sends them, again later where it has to.

use super::{Failure, Mailer, compose};
use crate::{
    app::App,
    bell::Due,
    leases,
    store::{
        leases::Lease,
        outbox::{self, Mail, Outcome},
    },
};
use domain::At;
use engine::store::StoreError;
use futures::StreamExt;
use std::{
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

/// How often the outbox is looked at.
const PACE: Duration = Duration::from_millis(500);
const AT_ONCE: usize = 8;
/// The pauses between attempts; after the last, the mail is given up.
const PAUSES: [Duration; 8] = [
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(6 * 3600),
    Duration::from_secs(12 * 3600),
    Duration::from_secs(24 * 3600),
];
/// What nobody sent for so long, because no mail was set up or nothing ran, is not news any more.
const OLD: Duration = Duration::from_secs(3 * 86_400);

/// Sends until the service stops.
pub async fn run(app: Arc<App>) {
    let Some(mailer) = &app.mailer else { return };
    while !app.stopping.load(Ordering::Relaxed) {
        let sent = round(&app, mailer, app.now()).await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot read the outbox; trying on");
            0
        });
        if sent == 0 {
            app.bell.wait(Due::Mails, app.bell.pace(PACE)).await;
        }
    }
}

/// One look at the outbox, and an attempt for each mail that is due. Says how many there were.
///
/// # Errors
/// Where the database does not do.
pub async fn round(app: &App, mailer: &Mailer, now: At) -> Result<usize, StoreError> {
    let admins: Vec<String> = mailer.admins.iter().map(|admin| admin.email.to_string()).collect();
    outbox::gather_alerts(&app.database, &admins, now).await?;
    let mails = outbox::claim(&app.database, now, AT_ONCE).await?;
    let count = mails.len();
    futures::stream::iter(mails)
        .for_each_concurrent(AT_ONCE, |mail| attempt(app, mailer, mail, now))
        .await;
    Ok(count)
}

async fn attempt(app: &App, mailer: &Mailer, mail: Mail, now: At) {
    let lease = Lease::Mail { id: mail.id, attempts: mail.attempts };
    // Dropped, it is sent again by whoever takes it next, under the same Message-ID.
    leases::hold(app, lease, try_once(app, mailer, mail, now)).await;
}

async fn try_once(app: &App, mailer: &Mailer, mail: Mail, now: At) {
    let tried = if mail.resends == 0 && now.since(mail.created_at) > OLD {
        Err(Failure::Refused("too-old".to_owned()))
    } else {
        deliver(app, mailer, &mail, now).await
    };
    let outcome = outcome(tried, mail.attempts, now);
    let (id, notice) = (mail.id, mail.content.name().to_owned());
    let (name, error) = match &outcome {
        Outcome::Sent => ("sent", None),
        Outcome::Later { error, .. } => ("later", Some(error.clone())),
        Outcome::Dead { error, .. } => ("dead", Some(error.clone())),
    };
    metrics::counter!("kaeru_mails_total", "notice" => notice.clone(), "outcome" => name)
        .increment(1);
    match &error {
        None => tracing::info!(mail = %id, notice, "mail sent"),
        Some(error) => tracing::warn!(mail = %id, notice, error, outcome = name, "mail not sent"),
    }
    if let Err(error) = outbox::settle(&app.database, mail, outcome, now).await {
        // The lease ends by itself: it is tried again, under the same Message-ID.
        tracing::error!(mail = %id, %error, "what became of a mail was not written down");
    }
}

async fn deliver(app: &App, mailer: &Mailer, mail: &Mail, now: At) -> Result<(), Failure> {
    let (to, letter) = compose::compose(app, mail).await?;
    mailer.deliver(&letter, to, &mail.message_id(mailer.domain()), now).await
}

/// `attempts` counts this one.
fn outcome(tried: Result<(), Failure>, attempts: i64, now: At) -> Outcome {
    match tried {
        Ok(()) => Outcome::Sent,
        Err(Failure::Later(error)) => {
            let pause = usize::try_from(attempts - 1).ok().and_then(|nth| PAUSES.get(nth));
            match pause {
                Some(pause) => Outcome::Later { at: now.plus(*pause), error },
                None => Outcome::Dead { error, tell: true },
            }
        }
        Err(Failure::Refused(error)) => Outcome::Dead { error, tell: true },
        // Nothing that anybody could repair: the customer has no address, or the coupon that was
        // to be used is used.
        Err(Failure::Never(error)) => Outcome::Dead { error: error.to_owned(), tell: false },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let later = || Err(Failure::Later("timeout".to_owned()));
        let now = At(1_000_000_000_000);
        let mut last = Duration::ZERO;
        for attempts in 1..=8 {
            let Outcome::Later { at, .. } = outcome(later(), attempts, now) else {
                panic!("given up after {attempts}");
            };
            assert!(at.since(now) > last);
            last = at.since(now);
        }
        let whole: Duration = PAUSES.iter().sum();
        assert!(whole < OLD, "the last attempts would be too old");
        for (tried, attempts, tell) in [
            (later(), 9, true),
            (Err(Failure::Refused("smtp-550".to_owned())), 1, true),
            (Err(Failure::Never("no-address")), 1, false),
        ] {
            let Outcome::Dead { tell: told, .. } = outcome(tried, attempts, now) else { panic!() };
            assert_eq!(told, tell);
        }
    }
}
