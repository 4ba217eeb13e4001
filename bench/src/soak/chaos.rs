//! Faults at the other side and kills of the service, decided by a seed.

use std::time::Duration;

use anyhow::Result;

use super::customers::Address;
use crate::chance::Chance;
use crate::children::Service;
use crate::clock;
use crate::sandbox::{FAULTS, drawn};
use crate::stand::Stand;

const CALLS: &[&str] = &[
    "pos.balance",
    "pos.deduct",
    "pos.deduct",
    "pos.lookup",
    "shopify.create",
    "shopify.create",
    "shopify.lookup",
    "shopify.deactivate",
    "shopify.delete",
    "shopify.metafield",
];

/// How many calls one fault spoils at most: retries must fail too.
const MOST_TIMES: usize = 4;
/// From one fault to the next.
const BETWEEN: Duration = Duration::from_millis(120);
/// A kill comes this exactly.
const MOMENT: Duration = Duration::from_millis(5);
/// Milliseconds.
const SOONEST_KILL: u64 = 50;

/// When it is enough.
pub enum Until {
    Passed(Duration),
    Kills(u64),
}

pub struct Chaos {
    chance: Chance,
    until: Until,
    /// Milliseconds.
    kill_within: u64,
}

impl Chaos {
    pub fn new(seed: u64, until: Until, kill_within: u64) -> Self {
        Self { chance: Chance::new(seed), until, kill_within }
    }

    fn enough(&self, passed: Duration, kills: u64) -> bool {
        match self.until {
            Until::Passed(duration) => passed >= duration,
            Until::Kills(most) => kills >= most,
        }
    }

    /// Goes on until it is enough. The service as it runs then, kills, faults.
    pub async fn rage(
        &mut self,
        stand: &Stand,
        mut kaeru: Service,
        address: &Address,
    ) -> Result<(Service, u64, u64)> {
        let (mut kills, mut faults) = (0, 0);
        let start = clock::now();
        let mut next_kill = self.until_kill();
        let mut next_fault = Duration::ZERO;
        while !self.enough(start.elapsed(), kills) {
            if next_kill.is_some_and(|at| start.elapsed() >= at) {
                kaeru.kill()?;
                kaeru = stand.kaeru().await?;
                address.moved(kaeru.at);
                kills += 1;
                next_kill = self.until_kill().map(|wait| start.elapsed() + wait);
            }
            if start.elapsed() < next_fault {
                tokio::time::sleep(MOMENT).await;
                continue;
            }
            next_fault = start.elapsed() + BETWEEN;
            let call = CALLS[self.chance.below(CALLS.len())];
            let (fault, after_s) = drawn(FAULTS, &mut self.chance);
            let times = 1 + self.chance.below(MOST_TIMES) as u32;
            stand.sandbox.fault(call, fault, times, after_s).await?;
            faults += 1;
        }
        Ok((kaeru, kills, faults))
    }

    /// Between the least and the most.
    fn until_kill(&mut self) -> Option<Duration> {
        let spread = self.kill_within.saturating_sub(SOONEST_KILL);
        let wait = SOONEST_KILL + self.chance.below(spread as usize + 1) as u64;
        (self.kill_within > 0).then(|| Duration::from_millis(wait))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_kills_nothing_is_killed() {
        assert_eq!(Chaos::new(1, Until::Kills(1), 0).until_kill(), None);
        let mut chaos = Chaos::new(1, Until::Kills(1), 500);
        let range = Duration::from_millis(50)..=Duration::from_millis(500);
        assert!((0..100).all(|_| chaos.until_kill().is_some_and(|wait| range.contains(&wait))));
    }
}
