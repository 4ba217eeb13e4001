//! What every part of one run shares: the clock, chance, and the pause at which others may run.

use crate::{Mutant, prng::Prng};
use domain::At;
use engine::ports::Clock;
use std::{
    future::Future,
    pin::Pin,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

pub struct Shared {
    now: AtomicI64,
    faults: AtomicBool,
    state: Mutex<u64>,
    mutant: Mutant,
}

impl Shared {
    pub fn new(seed: u64, mutant: Mutant) -> Self {
        let now = AtomicI64::new(1_705_314_600_000_000);
        Self { now, faults: AtomicBool::new(true), state: Mutex::new(seed), mutant }
    }

    pub fn now(&self) -> At {
        At(self.now.load(Ordering::Relaxed))
    }

    pub fn advance(&self, span: Duration) {
        let micros = i64::try_from(span.as_micros()).unwrap_or(i64::MAX);
        self.now.fetch_add(micros, Ordering::Relaxed);
    }

    pub fn faults(&self) -> bool {
        self.faults.load(Ordering::Relaxed)
    }

    /// From here on every call is answered.
    pub fn heal(&self) {
        self.faults.store(false, Ordering::Relaxed);
    }

    pub fn mutant(&self) -> Mutant {
        self.mutant
    }

    /// The next piece of chance.
    pub fn prng(&self) -> Prng {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        *state = Prng::new(*state).next();
        Prng::new(*state)
    }

    /// Somebody else may run now, or this task may die here.
    pub fn pause(&self) -> Pause {
        Pause(false)
    }
}

impl Clock for Shared {
    fn now(&self) -> At {
        Shared::now(self)
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
