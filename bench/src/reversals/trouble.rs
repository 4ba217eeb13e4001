//! Faults at the other side, decided by the seed.

use std::time::Duration;

use anyhow::Result;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::chance::Chance;
use crate::sandbox::{FAULTS, Switchboard, drawn};

/// What a reversal calls, the dearest to lose the most often.
const CALLS: &[&str] = &[
    "shopify.cancel",
    "shopify.job",
    "shopify.orders",
    "shopify.orders",
    "shopify.credit",
    "shopify.credit",
    "shopify.customer",
    "pos.add",
    "pos.add",
    "pos.add",
    "pos.lookup",
    "shopify.metafield",
];

/// From one fault to the next.
const BETWEEN: Duration = Duration::from_millis(100);
/// So many wait for a call to meet; where fewer calls are made, fewer go wrong.
const AT_ONCE: usize = 8;

/// What happens to webhooks now and then.
const WEBHOOKS: &[(&str, u64)] = &[("twice", 0), ("late", 5), ("reorder", 3), ("drop", 0)];
/// One fault in so many is a webhook's.
const WEBHOOK: usize = 10;
/// One moment in so many, Shopify's own reverts begin or cease to lag.
const LAG: usize = 20;
const LAG_MS: u64 = 2_000;
/// How many calls one fault spoils at most.
const MOST_TIMES: usize = 3;

pub struct Trouble {
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<usize>>,
}

/// Sets so many faults, as fast as calls use them up, but not faster than that.
pub fn begin(sandbox: Switchboard, mut chance: Chance, most: usize) -> Trouble {
    let (stop, mut stopped) = oneshot::channel();
    let task = tokio::spawn(async move {
        let mut set = 0;
        let mut moments = tokio::time::interval(BETWEEN);
        while set < most {
            tokio::select! {
                _ = &mut stopped => return Ok(set),
                _ = moments.tick() => {}
            }
            if sandbox.faults_left().await? < AT_ONCE {
                one(sandbox, &mut chance).await?;
                set += 1;
            }
        }
        Ok(set)
    });
    Trouble { stop, task }
}

async fn one(sandbox: Switchboard, chance: &mut Chance) -> Result<()> {
    if chance.below(LAG) == 0 {
        let lag = LAG_MS * chance.below(2) as u64;
        sandbox.reverts_lag(lag).await?;
    }
    let (call, faults) = if chance.below(WEBHOOK) == 0 {
        ("webhook", WEBHOOKS)
    } else {
        (CALLS[chance.below(CALLS.len())], FAULTS)
    };
    let (fault, after_s) = drawn(faults, chance);
    let times = 1 + chance.below(MOST_TIMES) as u32;
    sandbox.fault(call, fault, times, after_s).await
}

impl Trouble {
    /// No more faults are set; how many were.
    ///
    /// # Errors
    /// When one could not be set.
    pub async fn end(self) -> Result<usize> {
        // It has ended by itself where all were set.
        let _ = self.stop.send(());
        self.task.await?
    }
}
