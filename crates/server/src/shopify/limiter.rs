//! Who may send next: calls wait in line until their cost is in the bucket.

use super::bucket::{Bucket, Report, Ticket};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::{Instant, sleep, timeout_at};

#[derive(Debug)]
pub struct Limiter {
    state: Mutex<State>,
    /// Fair: held by the first in line.
    turn: tokio::sync::Mutex<()>,
}

#[derive(Debug)]
struct State {
    bucket: Bucket,
    /// The cost of all who wait in line.
    waiting: u64,
}

impl Limiter {
    pub fn new() -> Self {
        let state = State { bucket: Bucket::new(Instant::now()), waiting: 0 };
        Self { state: Mutex::new(state), turn: tokio::sync::Mutex::new(()) }
    }

    /// Waits until the cost is there, and takes it.
    ///
    /// # Errors
    /// Where that would take longer than `patience`: how long. Nothing is taken.
    pub async fn reserve(
        &self,
        cost: u32,
        patience: Duration,
    ) -> Result<Reservation<'_>, Duration> {
        let now = Instant::now();
        let line = {
            let mut state = self.lock();
            if state.waiting == 0
                && let Ok(ticket) = state.bucket.take(cost.into(), now)
            {
                return Ok(self.reservation(ticket));
            }
            #[expect(clippy::cast_precision_loss, reason = "a line of 2^53 points is none")]
            let in_line = state.waiting as f64 + f64::from(cost);
            let wait = state.bucket.wait(in_line, now);
            if wait > patience {
                return Err(wait);
            }
            state.waiting += u64::from(cost);
            Line { limiter: self, cost }
        };
        self.in_turn(line, now + patience).await
    }

    async fn in_turn(&self, line: Line<'_>, until: Instant) -> Result<Reservation<'_>, Duration> {
        let cost = f64::from(line.cost);
        let Ok(_turn) = timeout_at(until, self.turn.lock()).await else {
            return Err(self.lock().bucket.wait(cost, Instant::now()).max(A_MOMENT));
        };
        loop {
            // The bucket is looked at anew: answers and other programs change it meanwhile.
            let now = Instant::now();
            let wait = match self.lock().bucket.take(cost, now) {
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
}

impl Drop for Line<'_> {
    fn drop(&mut self) {
        self.limiter.lock().waiting -= u64::from(self.cost);
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
        limiter.reserve(10, PATIENCE).await.ok().unwrap().settle(Some(report));
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
                let reserved = limiter.reserve(10, PATIENCE).await.ok().unwrap();
                order.lock().unwrap().push(caller);
                reserved.settle(None);
            }
        }))
        .await;
        assert_eq!(order.into_inner().unwrap(), (0..30).collect::<Vec<_>>());
        // 300 points and the margin of 5, of which 100 were there.
        assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
        assert_eq!(limiter.lock().waiting, 0);
    }

    #[tokio::test]
    async fn whoever_would_wait_too_long_is_told_so_at_once() {
        let limiter = small().await;
        limiter.reserve(95, PATIENCE).await.ok().unwrap().settle(None);
        let wait = limiter.reserve(95, Duration::from_millis(50)).await.err().unwrap();
        assert!((80..=95).contains(&wait.as_millis()), "{wait:?}");
        assert_eq!(limiter.lock().waiting, 0);
    }

    #[tokio::test]
    async fn a_place_in_line_ends_with_the_caller() {
        let limiter = small().await;
        limiter.reserve(95, PATIENCE).await.ok().unwrap().settle(None);
        let waits = limiter.reserve(90, PATIENCE);
        assert!(tokio::time::timeout(Duration::from_millis(5), waits).await.is_err());
        assert_eq!(limiter.lock().waiting, 0);
    }

    #[tokio::test]
    async fn what_was_not_sent_can_be_used_by_the_next() {
        let limiter = small().await;
        limiter.reserve(95, PATIENCE).await.ok().unwrap().give_back();
        assert!(limiter.reserve(95, Duration::ZERO).await.is_ok());
    }
}
