//! Who may send next: calls wait in line until their cost is in the bucket.

use super::bucket::{Bucket, Report, Ticket};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

/// Which line a call waits in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// What ends or undoes something that was begun, and is few.
    First,
    /// The rest: it leaves to the others what they need.
    Later,
    /// What nobody waits for at a counter, such as orders given back in bulk.
    Last,
}

#[derive(Debug)]
pub struct Limiter {
    state: Mutex<State>,
    /// Fair: each held by the first in its line.
    first: tokio::sync::Mutex<()>,
    later: tokio::sync::Mutex<()>,
    last: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    /// The cost of all who wait in each line.
    first: u64,
    later: u64,
    last: u64,
}

impl State {
    fn waiting(&mut self, turn: Turn) -> &mut u64 {
        match turn {
            Turn::First => &mut self.first,
            Turn::Later => &mut self.later,
            Turn::Last => &mut self.last,
        }
    }

    /// The cost of all who wait in the lines before this one.
    fn ahead(&self, turn: Turn) -> u64 {
        match turn {
            Turn::First => 0,
            Turn::Later => self.first,
            Turn::Last => self.first + self.later,
        }
    }

    /// What is left to others before whoever comes now into this line.
    fn before(&self, turn: Turn) -> u64 {
        match turn {
            Turn::First => self.first,
            Turn::Later => self.first + self.later,
            Turn::Last => self.first + self.later + self.last,
        }
    }

    /// For the first in the line.
    fn take(&mut self, cost: u32, turn: Turn, now: Instant) -> Result<Ticket, Duration> {
        let ahead = self.ahead(turn);
        if ahead > 0 {
            let wait = self.wait(ahead, cost, now);
            if !wait.is_zero() {
                return Err(wait);
            }
        }
        self.bucket.take(cost.into(), now)
    }

    fn wait(&mut self, before: u64, cost: u32, now: Instant) -> Duration {
        #[expect(clippy::cast_precision_loss, reason = "a line of 2^53 points is none")]
        let cost = before as f64 + f64::from(cost);
        self.bucket.wait(cost, now)
    }
}

impl Limiter {
    pub fn new() -> Self {
        let state = State { bucket: Bucket::new(Instant::now()), first: 0, later: 0, last: 0 };
        let line = tokio::sync::Mutex::default;
        Self { state: Mutex::new(state), first: line(), later: line(), last: line() }
    }

    /// So many processes share Shopify's limit.
    pub fn share(&self, processes: u32) {
        self.lock().bucket.share(processes, Instant::now());
    }

    /// 0 while there are plenty of points, 1 where calls have to wait for them.
    pub fn scarcity(&self) -> f64 {
        let mut state = self.lock();
        if state.before(Turn::Last) > 0 { 1.0 } else { state.bucket.scarcity(Instant::now()) }
    }

    /// How long until all who wait now are served, at most until an empty bucket is full.
    pub fn line(&self) -> Duration {
        let mut state = self.lock();
        match state.before(Turn::Last) {
            0 => Duration::ZERO,
            waiting => state.wait(waiting, 0, Instant::now()),
        }
    }

    /// How long it takes until so many points are restored.
    pub fn restores(&self, points: u32) -> Duration {
        self.lock().bucket.restores(points.into())
    }

    /// Waits until the cost is there, and takes it.
    ///
    /// # Errors
    /// Where that would take longer than `patience`: how long. Nothing is taken.
    pub async fn reserve(
        &self,
        cost: u32,
        turn: Turn,
        patience: Duration,
    ) -> Result<Reservation<'_>, Duration> {
        let now = Instant::now();
        let line = {
            let mut state = self.lock();
            let before = state.before(turn);
            if before == 0
                && let Ok(ticket) = state.bucket.take(cost.into(), now)
            {
                return Ok(self.reservation(ticket));
            }
            let wait = state.wait(before, cost, now);
            if wait > patience {
                return Err(wait);
            }
            *state.waiting(turn) += u64::from(cost);
            Line { limiter: self, cost, turn }
        };
        self.in_turn(line, now + patience).await
    }

    async fn in_turn(&self, line: Line<'_>, until: Instant) -> Result<Reservation<'_>, Duration> {
        let Line { cost, turn, .. } = line;
        let mutex = match turn {
            Turn::First => &self.first,
            Turn::Later => &self.later,
            Turn::Last => &self.last,
        };
        let Ok(_turn) = timeout_at(until, mutex.lock()).await else {
            return Err(self.lock().wait(0, cost, Instant::now()).max(A_MOMENT));
        };
        loop {
            // The bucket is looked at anew: answers and other programs change it meanwhile.
            let now = Instant::now();
            let wait = match self.lock().take(cost, turn, now) {
                Ok(ticket) => return Ok(self.reservation(ticket)),
                Err(wait) => wait,
            };
            if now + wait > until {
                return Err(wait);
            }
            sleep(wait).await;
        }
    }

    fn reservation(&self, ticket: Ticket) -> Reservation<'_> {
        Reservation { limiter: self, ticket: Some(ticket) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one who lost patience in line is told at least to wait.
const A_MOMENT: Duration = Duration::from_millis(100);

/// A place in line, given up when dropped.
struct Line<'a> {
    limiter: &'a Limiter,
    cost: u32,
    turn: Turn,
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        *self.limiter.lock().waiting(self.turn) -= u64::from(self.cost);
    }
}

/// Points taken for one call. Dropped without a word it counts as spent.
pub struct Reservation<'a> {
    limiter: &'a Limiter,
    ticket: Option<Ticket>,
}

impl Reservation<'_> {
    /// The call was answered.
    pub fn settle(mut self, report: Option<Report>) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter.lock().bucket.settle(ticket, report, Instant::now());
        }
    }

    /// The call was never sent.
    pub fn give_back(mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter.lock().bucket.give_back(ticket);
        }
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.limiter.lock().bucket.settle(ticket, None, Instant::now());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::future::join_all;

    const PATIENCE: Duration = Duration::from_secs(5);

    /// 100 points, 1,000 a second, full.
    async fn small() -> Limiter {
        let limiter = Limiter::new();
        let report = Report { charged: 0.0, maximum: 100.0, available: 100.0, restore: 1_000.0 };
        limiter.reserve(10, Turn::Later, PATIENCE).await.ok().unwrap().settle(Some(report));
        limiter
    }

    #[tokio::test]
    async fn calls_go_in_the_order_in_which_they_came() {
        let limiter = small().await;
        let order = Mutex::new(Vec::new());
        let started = Instant::now();
        join_all((0..30).map(|caller| {
            let (limiter, order) = (&limiter, &order);
            async move {
                let reserved = limiter.reserve(10, Turn::Later, PATIENCE).await.ok().unwrap();
                order.lock().unwrap().push(caller);
                reserved.settle(None);
            }
        }))
        .await;
        assert_eq!(order.into_inner().unwrap(), (0..30).collect::<Vec<_>>());
        // 300 points and the margin of 5, of which 100 were there.
        assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
        assert_eq!(limiter.lock().before(Turn::Last), 0);
    }

    #[tokio::test]
    async fn whoever_would_wait_too_long_is_told_so_at_once() {
        let limiter = small().await;
        limiter.reserve(95, Turn::Later, PATIENCE).await.ok().unwrap().settle(None);
        let wait = limiter.reserve(95, Turn::Later, Duration::from_millis(50)).await.err().unwrap();
        assert!((80..=95).contains(&wait.as_millis()), "{wait:?}");
        assert_eq!(limiter.lock().before(Turn::Last), 0);
    }

    #[tokio::test]
    async fn a_place_in_line_ends_with_the_caller() {
        let limiter = small().await;
        limiter.reserve(95, Turn::Later, PATIENCE).await.ok().unwrap().settle(None);
        let waits = limiter.reserve(90, Turn::Later, PATIENCE);
        assert!(tokio::time::timeout(Duration::from_millis(5), waits).await.is_err());
        assert_eq!(limiter.lock().before(Turn::Last), 0);
    }

    #[tokio::test]
    async fn what_was_not_sent_can_be_used_by_the_next() {
        let limiter = small().await;
        limiter.reserve(95, Turn::Later, PATIENCE).await.ok().unwrap().give_back();
        assert!(limiter.reserve(95, Turn::Later, Duration::ZERO).await.is_ok());
    }

    #[tokio::test]
    async fn who_ends_something_goes_before_who_begins() {
        let limiter = small().await;
        limiter.reserve(95, Turn::Later, PATIENCE).await.ok().unwrap().settle(None);
        let order = Mutex::new(Vec::new());
        let call = async |name: &'static str, turn| {
            let reserved = limiter.reserve(20, turn, PATIENCE).await.ok().unwrap();
            order.lock().unwrap().push(name);
            reserved.settle(None);
        };
        let (first, later) = (Turn::First, Turn::Later);
        futures::join!(call("c", later), call("a", first), call("d", later), call("b", first));
        assert_eq!(order.into_inner().unwrap(), ["a", "b", "c", "d"]);
        assert_eq!(limiter.lock().before(Turn::Last), 0);
    }

    #[tokio::test]
    async fn who_ends_something_does_not_wait_for_the_line_of_who_begins() {
        let limiter = small().await;
        limiter.reserve(95, Turn::Later, PATIENCE).await.ok().unwrap().settle(None);
        let line = join_all((0..40).map(|_| async {
            limiter.reserve(10, Turn::Later, PATIENCE).await.ok().unwrap().settle(None);
        }));
        let short = Duration::from_millis(100);
        let ends = async {
            assert!(limiter.reserve(10, Turn::Later, short).await.is_err());
            limiter.reserve(10, Turn::First, short).await.ok().unwrap().settle(None);
        };
        futures::join!(line, ends);
    }

    #[tokio::test]
    async fn a_long_line_of_the_last_holds_up_nobody_before_them() {
        let limiter = small().await;
        limiter.reserve(95, Turn::Later, PATIENCE).await.ok().unwrap().settle(None);
        assert_eq!(limiter.line(), Duration::ZERO);
        let line = join_all((0..40).map(|_| async {
            limiter.reserve(10, Turn::Last, PATIENCE).await.ok().unwrap().settle(None);
        }));
        let short = Duration::from_millis(50);
        let customer = async {
            assert!(limiter.line() > short, "{:?}", limiter.line());
            assert!(limiter.reserve(10, Turn::Last, short).await.is_err());
            limiter.reserve(10, Turn::Later, short).await.ok().unwrap().settle(None);
        };
        futures::join!(line, customer);
    }
}
