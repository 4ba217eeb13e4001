//! What Kaeru believes to be in Shopify's cost bucket.
//!
//! ```text
//!            believed level
//!   maximum ─┬────────────
//!            │ ▲ restore/s   every call takes its cost before it is sent
//!            │ ▼ cost        every answer corrects the belief:
//!            │                 at most   what Shopify has, less our calls still under way
//!            │                 at least  what Shopify has, less every call that crossed this one
//!   margin  ─┴────────────   below it nothing is sent, unless the bucket cannot be fuller
//! ```
//!
//! Answers overtake each other, and other programs drink from the same bucket. So the belief may
//! be too low by the calls under way, which costs nothing (what is not drunk now is drunk later, as
//! long as the bucket does not run over), and it is never left too high by more than one answer.

use std::time::Duration;
use tokio::time::Instant;

/// The smallest plan's bucket, believed in until the first answer.
const FIRST_MAXIMUM: f64 = 2_000.0;
const FIRST_RESTORE: f64 = 100.0;
/// The share of the bucket that is left to what we cannot know of.
const MARGIN: f64 = 0.05;
/// Nobody waits longer for one call.
const LONGEST_WAIT_S: f64 = 3_600.0;
/// Timers are no finer.
const SHORTEST_WAIT: Duration = Duration::from_micros(100);

#[derive(Debug)]
pub struct Bucket {
    maximum: f64,
    /// Points a second.
    restore: f64,
    /// At `at`.
    level: f64,
    at: Instant,
    /// The part of Shopify's bucket that is this process's.
    share: f64,
    /// Everything that was ever taken, and the part of it whose calls are over.
    taken: f64,
    over: f64,
}

/// Points taken for one call.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    cost: f64,
    /// What was over when it was taken: those calls are surely counted in its answer.
    over_before: f64,
}

/// What an answer says of its cost and of the bucket.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Report {
    pub charged: f64,
    pub maximum: f64,
    pub available: f64,
    pub restore: f64,
}

impl Bucket {
    pub fn new(now: Instant) -> Self {
        let level = FIRST_MAXIMUM;
        let (maximum, restore) = (level, FIRST_RESTORE);
        Self { maximum, restore, level, at: now, share: 1.0, taken: 0.0, over: 0.0 }
    }

    /// So many processes drink from Shopify's bucket, each its slice.
    pub fn share(&mut self, processes: u32, now: Instant) {
        self.fill(now);
        let share = 1.0 / f64::from(processes.max(1));
        let change = share / self.share;
        self.share = share;
        self.maximum *= change;
        self.restore *= change;
        self.level = (self.level * change).min(self.maximum);
    }

    /// # Errors
    /// How long until the cost can be taken, if nobody else takes it.
    pub fn take(&mut self, cost: f64, now: Instant) -> Result<Ticket, Duration> {
        let wait = self.wait(cost, now);
        if !wait.is_zero() {
            return Err(wait);
        }
        self.level -= cost;
        self.taken += cost;
        Ok(Ticket { cost, over_before: self.over })
    }

    /// How long until the cost is there.
    pub fn wait(&mut self, cost: f64, now: Instant) -> Duration {
        self.fill(now);
        let needed = (cost + self.maximum * MARGIN).min(self.maximum);
        let short = needed - self.level;
        if short <= 0.0 {
            return Duration::ZERO;
        }
        let seconds = (short / self.restore).min(LONGEST_WAIT_S);
        Duration::from_secs_f64(seconds).max(SHORTEST_WAIT)
    }

    /// How long it takes until so many points are restored.
    pub fn restores(&self, points: f64) -> Duration {
        Duration::from_secs_f64((points / self.restore).min(LONGEST_WAIT_S))
    }

    /// 0 while at least half of the bucket is there, 1 where calls have to wait.
    pub fn scarcity(&mut self, now: Instant) -> f64 {
        self.fill(now);
        let half = self.maximum / 2.0;
        let floor = self.maximum * MARGIN;
        ((half - self.level) / (half - floor)).clamp(0.0, 1.0)
    }

    /// The call is over. Without a report it is taken to have cost what it took.
    pub fn settle(&mut self, ticket: Ticket, report: Option<Report>, now: Instant) {
        self.fill(now);
        self.over += ticket.cost;
        let Some(report) = report.filter(Report::makes_sense) else { return };
        self.maximum = report.maximum * self.share;
        self.restore = report.restore * self.share;
        let available = report.available * self.share;
        let believed = self.level + ticket.cost - report.charged;
        let under_way = self.taken - self.over;
        let crossed = self.taken - ticket.over_before - ticket.cost;
        let (least, most) = (available - crossed, available - under_way);
        self.level = believed.min(most).max(least).min(self.maximum);
    }

    /// The call was never sent.
    pub fn give_back(&mut self, ticket: Ticket) {
        self.taken -= ticket.cost;
        self.level = (self.level + ticket.cost).min(self.maximum);
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = passed.mul_add(self.restore, self.level).min(self.maximum);
        self.at = self.at.max(now);
    }
}

impl Report {
    fn makes_sense(&self) -> bool {
        self.maximum > 0.0
            && self.restore > 0.0
            && [self.maximum, self.restore, self.available, self.charged]
                .into_iter()
                .all(f64::is_finite)
    }
}

#[cfg(test)]
mod saturation;

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(count: u64) -> Duration {
        Duration::from_millis(count)
    }

    fn report(charged: f64, available: f64) -> Option<Report> {
        Some(Report { charged, maximum: 100.0, available, restore: 50.0 })
    }

    /// A bucket of 100 points and 50 a second, whose margin is 5.
    fn known(now: Instant) -> Bucket {
        let mut bucket = Bucket::new(now);
        let ticket = bucket.take(10.0, now).unwrap();
        bucket.settle(ticket, report(0.0, 100.0), now);
        bucket
    }

    #[test]
    fn calls_wait_until_their_cost_is_there() {
        let start = Instant::now();
        let mut bucket = known(start);
        for (at_ms, cost, wait_ms) in [
            (0, 60.0, 0),
            (0, 30.0, 0),
            // 10 are left, 15 are needed.
            (0, 10.0, 100),
            (50, 10.0, 50),
            (100, 10.0, 0),
            (100, 10.0, 200),
            // The clock of another thread, a moment behind.
            (90, 10.0, 200),
            (10_000, 95.0, 0),
            // More than the bucket holds goes when it is full.
            (20_000, 400.0, 0),
            (20_000, 1.0, 6_120),
        ] {
            let wait = bucket.take(cost, start + ms(at_ms)).err().unwrap_or_default();
            assert_eq!(wait.as_millis(), wait_ms, "{cost} at {at_ms} ms");
        }
    }

    #[test]
    fn answers_correct_the_belief() {
        let start = Instant::now();
        for (what, before, charged, available, level) in [
            ("just as believed", 0.0, 10.0, 80.0, 80.0),
            ("charged less", 0.0, 4.0, 86.0, 86.0),
            ("not charged, as throttled", 0.0, 0.0, 90.0, 90.0),
            ("others drank too", 0.0, 10.0, 30.0, 30.0),
            ("fuller than believed", 50.0, 10.0, 80.0, 80.0),
        ] {
            let mut bucket = known(start);
            bucket.level = 90.0 - before;
            let ticket = bucket.take(10.0, start).unwrap();
            bucket.settle(ticket, report(charged, available), start);
            assert!((bucket.level - level).abs() < 1e-9, "{what}: {bucket:?}");
        }
    }

    #[test]
    fn processes_drink_a_slice_each() {
        let start = Instant::now();
        let mut bucket = known(start);
        bucket.share(4, start);
        let ticket = bucket.take(10.0, start).unwrap();
        // Of a hundred, eighty are there: a quarter of them is ours.
        bucket.settle(ticket, report(10.0, 80.0), start);
        assert!((bucket.maximum - 25.0).abs() < 1e-9 && bucket.level <= 20.0, "{bucket:?}");
        assert!(bucket.take(20.0, start).is_err(), "{bucket:?}");
        bucket.share(1, start);
        assert!((bucket.maximum - 100.0).abs() < 1e-9, "{bucket:?}");
    }

    #[test]
    fn calls_under_way_are_never_believed_twice() {
        let start = Instant::now();
        let mut bucket = known(start);
        let [a, b, c] = [(); 3].map(|()| bucket.take(10.0, start).unwrap());
        // Shopify has counted a alone: b and c still come off.
        bucket.settle(a, report(10.0, 90.0), start);
        assert!((bucket.level - 70.0).abs() < 1e-9, "{bucket:?}");
        // c overtook b, and both are counted: too low by b, until b says so.
        bucket.settle(c, report(10.0, 70.0), start);
        assert!((bucket.level - 60.0).abs() < 1e-9, "{bucket:?}");
        bucket.settle(b, report(10.0, 80.0), start);
        assert!((60.0..=70.0).contains(&bucket.level), "{bucket:?}");
        // The next one that crosses nothing sets it right.
        let d = bucket.take(10.0, start).unwrap();
        bucket.settle(d, report(10.0, 60.0), start);
        assert!((bucket.level - 60.0).abs() < 1e-9, "{bucket:?}");
    }

    #[test]
    fn what_was_not_sent_comes_back_and_what_is_not_answered_does_not() {
        let start = Instant::now();
        let mut bucket = known(start);
        let [a, b] = [(); 2].map(|()| bucket.take(10.0, start).unwrap());
        bucket.give_back(a);
        bucket.settle(b, None, start);
        assert!((bucket.level - 90.0).abs() < 1e-9, "{bucket:?}");
        assert!((bucket.taken - bucket.over).abs() < 1e-9, "{bucket:?}");
    }

    #[test]
    fn senseless_reports_are_not_believed() {
        let start = Instant::now();
        for senseless in [
            Report { charged: 1.0, maximum: 0.0, available: 1.0, restore: 1.0 },
            Report { charged: 1.0, maximum: 9.0, available: 1.0, restore: 0.0 },
            Report { charged: 1.0, maximum: 9.0, available: f64::NEG_INFINITY, restore: 1.0 },
        ] {
            let mut bucket = known(start);
            let ticket = bucket.take(10.0, start).unwrap();
            bucket.settle(ticket, Some(senseless), start);
            assert!((bucket.level - 90.0).abs() < 1e-9, "{senseless:?}");
        }
    }
}
