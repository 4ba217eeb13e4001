//! Callers without end, before a Shopify on a clock of its own: is the bucket used to the full, and
//! never overdrawn?

use super::{Bucket, Report, Ticket};
use std::{cmp::Reverse, collections::BinaryHeap, time::Duration};
use tokio::time::Instant;

const RUN_MS: u64 = 120_000;
/// What comes before is the start: every replica believes the full bucket to be its own.
const STEADY_MS: u64 = RUN_MS / 2;
const COST: u32 = 10;
const MAXIMUM: f64 = 2_000.0;
const RESTORE: f64 = 100.0;

/// In the order in which they happen at the same moment.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Answer { replica: usize, call: usize, available: u32, throttled: bool },
    Arrive { replica: usize, call: usize },
    Try { replica: usize },
}

struct World<'a> {
    start: Instant,
    queue: BinaryHeap<Reverse<(u64, Event)>>,
    /// One way, by turns.
    latencies_ms: &'a [u64],
    replicas: Vec<Bucket>,
    tickets: Vec<Ticket>,
    /// Shopify's own bucket.
    level: f64,
    level_at_ms: u64,
    /// Points, in the steady part.
    used: u32,
    throttled_first: usize,
    throttled_later: usize,
}

impl World<'_> {
    fn at(&mut self, at_ms: u64, event: Event) {
        self.queue.push(Reverse((at_ms, event)));
    }

    fn run(&mut self) {
        for replica in 0..self.replicas.len() {
            self.at(0, Event::Try { replica });
        }
        while let Some(Reverse((at_ms, event))) = self.queue.pop().filter(|next| next.0.0 < RUN_MS)
        {
            match event {
                Event::Try { replica } => self.attempt(replica, at_ms),
                Event::Arrive { replica, call } => self.arrive(replica, call, at_ms),
                Event::Answer { replica, call, available, throttled } => {
                    let charged = if throttled { 0.0 } else { COST.into() };
                    let report = Report {
                        charged,
                        maximum: MAXIMUM,
                        available: available.into(),
                        restore: RESTORE,
                    };
                    let now = self.start + Duration::from_millis(at_ms);
                    self.replicas[replica].settle(self.tickets[call], Some(report), now);
                }
            }
        }
    }

    fn attempt(&mut self, replica: usize, at_ms: u64) {
        let now = self.start + Duration::from_millis(at_ms);
        let next_ms = match self.replicas[replica].take(COST.into(), now) {
            Ok(ticket) => {
                let call = self.tickets.len();
                self.tickets.push(ticket);
                self.at(at_ms + self.latency_ms(call), Event::Arrive { replica, call });
                at_ms
            }
            Err(wait) => at_ms + u64::try_from(wait.as_millis()).unwrap() + 1,
        };
        self.at(next_ms, Event::Try { replica });
    }

    /// What a call finds is decided when it arrives.
    fn arrive(&mut self, replica: usize, call: usize, at_ms: u64) {
        let passed = Duration::from_millis(at_ms - self.level_at_ms).as_secs_f64();
        self.level = passed.mul_add(RESTORE, self.level).min(MAXIMUM);
        self.level_at_ms = at_ms;
        let throttled = self.level < f64::from(COST);
        let steady = at_ms >= STEADY_MS;
        if !throttled {
            self.level -= f64::from(COST);
        }
        match (throttled, steady) {
            (true, false) => self.throttled_first += 1,
            (true, true) => self.throttled_later += 1,
            (false, true) => self.used += COST,
            (false, false) => {}
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "Shopify tells whole points, and the level is not below zero"
        )]
        let available = self.level as u32;
        let answer = Event::Answer { replica, call, available, throttled };
        self.at(at_ms + self.latency_ms(call), answer);
    }

    fn latency_ms(&self, call: usize) -> u64 {
        self.latencies_ms[call % self.latencies_ms.len()]
    }
}

#[test]
fn a_saturated_bucket_is_used_to_the_full_and_never_overdrawn() {
    for (replicas, latencies_ms) in [
        (1, &[1][..]),
        (1, &[150]),
        (1, &[20, 900, 150, 40, 2_000]),
        (3, &[1]),
        (3, &[150]),
        (3, &[20, 900, 150, 40]),
    ] {
        let start = Instant::now();
        let mut world = World {
            start,
            queue: BinaryHeap::new(),
            latencies_ms,
            replicas: (0..replicas).map(|_| Bucket::new(start)).collect(),
            tickets: Vec::new(),
            level: MAXIMUM,
            level_at_ms: 0,
            used: 0,
            throttled_first: 0,
            throttled_later: 0,
        };
        world.run();
        let restored = RESTORE * Duration::from_millis(RUN_MS - STEADY_MS).as_secs_f64();
        let share = f64::from(world.used) / restored;
        let case = format!("{replicas} replicas at {latencies_ms:?} ms used {share}");
        assert!((0.98..=1.02).contains(&share), "{case}");
        assert_eq!(world.throttled_later, 0, "{case}");
        if replicas == 1 {
            assert_eq!(world.throttled_first, 0, "{case}");
        }
    }
}
