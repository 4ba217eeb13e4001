//! What everybody in a run shares: the true time, chance, what may go wrong, and the diary.

use crate::{
    chance::Chance,
    diary::Entry,
    script::{Fault, Script, Where},
    swarm::{Fate, Swarm, Write},
};
use domain::At;
use engine::ports::Clock;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

/// When every run begins: 2024-01-15, 10:30 UTC.
pub const BEGINNING: At = At(1_705_314_600_000_000);

#[derive(Debug)]
pub struct Shared {
    pub chance: Chance,
    pub swarm: Swarm,
    now: AtomicI64,
    rough: AtomicBool,
    diary: Mutex<Vec<Entry>>,
    script: Option<Mutex<Script>>,
}

impl Shared {
    pub fn new(chance: Chance, swarm: Swarm, script: Option<Script>) -> Self {
        Self {
            chance,
            swarm,
            now: AtomicI64::new(BEGINNING.0),
            rough: AtomicBool::new(script.is_none()),
            diary: Mutex::default(),
            script: script.map(Mutex::new),
        }
    }

    pub fn now(&self) -> At {
        At(self.now.load(Ordering::Relaxed))
    }

    pub fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.now.fetch_add(micros, Ordering::Relaxed);
    }

    pub fn rough(&self) -> bool {
        self.rough.load(Ordering::Relaxed)
    }

    /// From here on nothing goes wrong any more.
    pub fn heal(&self) {
        self.rough.store(false, Ordering::Relaxed);
    }

    /// From here on things go wrong.
    pub fn begin_trouble(&self) {
        self.rough.store(true, Ordering::Relaxed);
    }

    /// Writes into the diary.
    pub fn note(&self, entry: Entry) {
        self.diary().push(entry);
    }

    pub fn diary(&self) -> MutexGuard<'_, Vec<Entry>> {
        self.diary.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn script(&self) -> Option<MutexGuard<'_, Script>> {
        Some(self.script.as_ref()?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Somebody else may run now, or this task may die here.
    pub fn pause(&self) -> Pause {
        Pause(false)
    }

    /// What becomes of the next call to another system, and whether the process dies at it.
    pub fn fate(&self, call: &str) -> (Fate, Death) {
        if let Some(mut script) = self.script() {
            return match script.next(Where::Peer) {
                Some(Fault::Fate(fate)) => (fate, Death::No),
                Some(Fault::DiesBefore) => (Fate::Answered, Death::Before),
                Some(Fault::DiesAfter) => (Fate::Answered, Death::After),
                Some(Fault::Write(_)) | None => (Fate::Answered, Death::No),
            };
        }
        if !self.rough() {
            return (Fate::Answered, Death::No);
        }
        if self.out() {
            let fate = if self.chance.one_in(2) { Fate::RequestLost } else { Fate::NotLetIn };
            return (fate, Death::No);
        }
        (self.swarm.fate(call, &self.chance), Death::No)
    }

    /// The same for a call to the database.
    pub fn write(&self) -> (Write, Death) {
        if let Some(mut script) = self.script() {
            return match script.next(Where::Database) {
                Some(Fault::Write(write)) => (write, Death::No),
                Some(Fault::DiesBefore) => (Write::Answered, Death::Before),
                Some(Fault::DiesAfter) => (Write::Answered, Death::After),
                Some(Fault::Fate(_)) | None => (Write::Answered, Death::No),
            };
        }
        if self.rough() {
            (self.swarm.write(&self.chance), Death::No)
        } else {
            (Write::Answered, Death::No)
        }
    }

    /// The process that is running now dies where `death` says so: then this never returns.
    pub async fn die(&self, death: Death, here: Death) {
        if death != here {
            return;
        }
        if let Some(mut script) = self.script() {
            script.dies = true;
        }
        std::future::pending::<()>().await;
    }

    /// The other side is gone altogether for now.
    fn out(&self) -> bool {
        self.swarm.outage.is_some_and(|(after, lasts)| {
            let age = self.now().since(BEGINNING);
            age >= after && age < after + lasts
        })
    }
}

/// Whether the process dies at a call, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    No,
    Before,
    After,
}

/// One replica's clock, which goes a little wrong.
#[derive(Debug)]
pub struct ReplicaClock {
    shared: Arc<Shared>,
    /// µs
    off: AtomicI64,
}

/// No replica's clock is further off than this: replicas take the time from their database.
const FURTHEST_OFF_US: i64 = 5_000_000;

impl ReplicaClock {
    pub fn new(shared: &Arc<Shared>) -> Self {
        Self { shared: Arc::clone(shared), off: AtomicI64::new(0) }
    }

    /// Puts it anywhere within what is possible.
    pub fn jump(&self) {
        let span = self.shared.chance.below(2 * FURTHEST_OFF_US.unsigned_abs());
        self.off.store(i64::try_from(span).unwrap_or(0) - FURTHEST_OFF_US, Ordering::Relaxed);
    }

    /// Puts it back by so much: a clock that stands still while its machine sleeps.
    pub fn lose(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(0);
        self.off.fetch_sub(micros, Ordering::Relaxed);
    }

    /// Back to the true time.
    pub fn mend(&self) {
        self.off.store(0, Ordering::Relaxed);
    }
}

impl Clock for ReplicaClock {
    fn now(&self) -> At {
        At(self.shared.now().0 + self.off.load(Ordering::Relaxed))
    }
}

pub struct Pause(bool);

impl Future for Pause {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if self.0 {
            return Poll::Ready(());
        }
        self.0 = true;
        Poll::Pending
    }
}
