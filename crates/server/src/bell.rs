//! Wakes whoever works on what is due: in this process at once, in others on the same PostgreSQL
//! by NOTIFY. A bell only shortens a pause: whoever hears none looks by itself, so nothing depends
//! on it, and a database or a pooler that knows no LISTEN does as well.
//!
//! ```text
//!   ring ─▶ this process's workers
//!      └──▶ NOTIFY ─▶ the listener of each process ─▶ its workers
//! ```
//!
//! Whether the bell is heard is asked, not assumed: each process rings for itself now and then and
//! listens for it. Behind a pooler LISTEN may well be taken and never answered.

use crate::{
    app::App,
    store::{Database, listen::Listener},
};
use engine::store::StoreError;
use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::Notify,
    time::{Instant, sleep, timeout, timeout_at},
};

/// How often what is due is looked at where the bell is heard.
const IDLE: Duration = Duration::from_secs(1);
/// How often it is asked whether the bell is heard, and how long the answer is waited for.
const ASK: Duration = Duration::from_secs(20);
const ANSWER: Duration = Duration::from_secs(5);
/// The pauses between attempts to listen.
const FIRST_PAUSE: Duration = Duration::from_millis(250);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// What is rung for within this time is told once.
const TOGETHER: Duration = Duration::from_millis(50);

/// What there may be to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Due {
    Flows,
    Jobs,
    Mails,
    Webhooks,
}

impl Due {
    pub const ALL: [Due; 4] = [Due::Flows, Due::Jobs, Due::Mails, Due::Webhooks];

    const fn word(self) -> &'static str {
        match self {
            Due::Flows => "flows",
            Due::Jobs => "jobs",
            Due::Mails => "mails",
            Due::Webhooks => "webhooks",
        }
    }
}

#[derive(Debug, Default)]
pub struct Bell {
    flows: Notify,
    jobs: Notify,
    mails: Notify,
    webhooks: Notify,
    heard: AtomicBool,
    to_tell: Mutex<BTreeSet<Due>>,
    tell: Notify,
}

impl Bell {
    const fn of(&self, due: Due) -> &Notify {
        match due {
            Due::Flows => &self.flows,
            Due::Jobs => &self.jobs,
            Due::Mails => &self.mails,
            Due::Webhooks => &self.webhooks,
        }
    }

    /// Wakes this process's worker.
    pub fn wake(&self, due: Due) {
        self.of(due).notify_one();
    }

    /// Wakes all of this process's workers.
    pub fn wake_all(&self) {
        Due::ALL.iter().for_each(|due| self.wake(*due));
    }

    /// Wakes the workers of every process. Costs the caller nothing: others hear of it a little
    /// later.
    pub fn ring(&self, due: Due) {
        self.wake(due);
        self.lock().insert(due);
        self.tell.notify_one();
    }

    /// Waits for the bell, at most so long.
    pub async fn wait(&self, due: Due, pause: Duration) {
        // A wake-up only shortens the pause.
        let _ = timeout(pause, self.of(due).notified()).await;
    }

    /// How long nobody looks: somewhat longer where other processes' bell is heard.
    pub fn pace(&self, pace: Duration) -> Duration {
        if self.heard() { pace.max(IDLE) } else { pace }
    }

    /// Whether what other processes ring for is heard here.
    pub fn heard(&self) -> bool {
        self.heard.load(Ordering::Relaxed)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeSet<Due>> {
        self.to_tell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Listens, and tells others, until the service stops. On SQLite there is nobody to tell.
pub async fn run(app: Arc<App>) {
    if matches!(app.database, Database::Sqlite(_)) {
        return;
    }
    futures::join!(listen_on(&app), tell_on(&app));
}

/// Wakes every process's workers: this one goes, and what it leaves may be due.
pub async fn last(database: &Database) {
    for due in Due::ALL {
        let told = timeout(Duration::from_secs(1), database.tell(due.word())).await;
        if !matches!(told, Ok(Ok(()))) {
            // They look by themselves.
            tracing::debug!("other processes could not be told");
            return;
        }
    }
}

async fn tell_on(app: &App) {
    while !app.stopping.load(Ordering::Relaxed) {
        app.bell.tell.notified().await;
        sleep(TOGETHER).await;
        let dues = std::mem::take(&mut *app.bell.lock());
        for due in dues {
            if let Err(error) = app.database.tell(due.word()).await {
                tracing::debug!(%error, "other processes could not be told; they look themselves");
            }
        }
    }
}

async fn listen_on(app: &App) {
    let mut pause = FIRST_PAUSE;
    while !app.stopping.load(Ordering::Relaxed) {
        let why = tokio::select! {
            ended = listen(app) => match ended {
                Ok(why) => why.to_owned(),
                Err(error) => error.to_string(),
            },
            () = app.stopped.notified() => return,
        };
        if app.bell.heard.swap(false, Ordering::Relaxed) {
            tracing::warn!(why, "other processes are not heard any more; looking more often");
            pause = FIRST_PAUSE;
            // What was rung meanwhile was not heard.
            app.bell.wake_all();
        } else {
            tracing::debug!(why, "other processes are not heard; looking by itself");
        }
        metrics::gauge!("kaeru_bell_heard").set(0.0);
        tokio::select! {
            () = sleep(pause) => {}
            () = app.stopped.notified() => return,
        }
        pause = (pause * 2).min(LONGEST_PAUSE);
    }
}

/// Listens for as long as this process hears itself. Says why it ended.
async fn listen(app: &App) -> Result<&'static str, StoreError> {
    let Ok(listening) = timeout(ANSWER, app.database.listen()).await else {
        return Ok("the database does not answer");
    };
    let Some(mut listener) = listening? else { return Ok("there is no other process") };
    loop {
        // Nobody else's word.
        let question = format!("heard {}", crate::ids::text(app.now()));
        let asked = timeout(ANSWER, app.database.tell(&question)).await;
        match asked {
            Ok(told) => told?,
            Err(_) => return Ok("the database does not answer"),
        }
        match hear(app, &mut listener, Some(&question), Instant::now() + ANSWER).await {
            Heard::Answer => {}
            Heard::Nothing => return Ok("what is told does not arrive"),
            Heard::Gone => return Ok("the connection is gone"),
        }
        if !app.bell.heard.swap(true, Ordering::Relaxed) {
            tracing::info!("other processes on the database are heard");
            metrics::gauge!("kaeru_bell_heard").set(1.0);
            // What was rung before was not heard.
            app.bell.wake_all();
        }
        if let Heard::Gone = hear(app, &mut listener, None, Instant::now() + ASK).await {
            return Ok("the connection is gone");
        }
    }
}

enum Heard {
    /// What was waited for.
    Answer,
    /// Not that, until the end.
    Nothing,
    Gone,
}

async fn hear(app: &App, listener: &mut Listener, wanted: Option<&str>, until: Instant) -> Heard {
    loop {
        match timeout_at(until, listener.next()).await {
            Err(_) => return Heard::Nothing,
            Ok(None) => return Heard::Gone,
            Ok(Some(word)) if Some(word.as_str()) == wanted => return Heard::Answer,
            Ok(Some(word)) => {
                let rung = Due::ALL.into_iter().find(|due| due.word() == word);
                // Another process's question, or a newer version's word, is nothing to us.
                if let Some(due) = rung {
                    app.bell.wake(due);
                }
            }
        }
    }
}
