//! Shopify's limit on: whether it is ever hit, how much of it is used, what a conversion costs.

use std::collections::BTreeSet;
use std::ops::Range;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::load::{self, Target};
use crate::sandbox::Switchboard;
use crate::stand::Stand;
use crate::{books, clock, metrics};

/// A plan whose bucket is empty within seconds.
const MAXIMUM: u32 = 4_000;
const RESTORE_PER_S: u32 = 400;
/// Until the bucket that was full at first is empty.
const BURST: Duration = Duration::from_secs(8);

#[derive(clap::Args)]
pub struct Options {
    /// Clients at the same time: more than the limit lets through
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// How long it is measured, after the first burst
    #[arg(long, default_value_t = 20)]
    seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { clients: 16, seconds: 20 }
    }
}

pub struct Figures {
    pub throttled: u64,
    /// Of what was restored, 0 to 1.
    pub used: f64,
    /// Cost points per conversion, what follows the answer included.
    pub cost: f64,
}

/// Measures and prints.
///
/// # Errors
/// When something does not start, breaks, or the books do not agree.
pub async fn run(options: &Options) -> Result<Figures> {
    ensure!(options.clients > 0 && options.seconds > 0, "--clients, --seconds: at least 1");
    let stand = Stand::new(None).await?;
    let kaeru = stand.kaeru().await?;
    let customers = stand.customers(load::customers_for(options.clients)).await?;
    // Customers' names are read first, so that only conversions cost anything.
    load::show_pages(kaeru.at, customers.clone()).await?;
    stand.sandbox.bucket(MAXIMUM, RESTORE_PER_S).await?;
    let start = clock::now();
    let steady = Duration::from_secs(options.seconds);
    let (report, used) = tokio::try_join!(
        load::run(Target::Kaeru, kaeru.at, options.clients, customers.clone(), BURST + steady),
        used_between(&stand.sandbox, start + BURST..start + BURST + steady),
    )?;
    metrics::quiet(kaeru.at, Duration::from_secs(120), &["dead", "chasing"]).await?;
    let left = stand.sandbox.available().await?;
    let restored = start.elapsed().as_secs_f64() * f64::from(RESTORE_PER_S);
    let books = stand.sandbox.books().await?;
    books::check(&books, &customers, &report.converted, &BTreeSet::new())?;
    let spent = f64::from(MAXIMUM) + restored - left;
    let conversions = report.conversions();
    let cost = spent / conversions.max(1) as f64;
    let others: Vec<_> = report.others.iter().map(|(status, (count, _))| (status, count)).collect();
    println!(
        "Shopify restores {RESTORE_PER_S}/s: {} calls throttled, {:.1} % of it used, {cost:.1} \
         points per conversion ({conversions} conversions, other answers {others:?})",
        books.throttled,
        used * 100.0
    );
    Ok(Figures { throttled: books.throttled, used, cost })
}

/// The part of the points restored in that time that was spent in it.
async fn used_between(sandbox: &Switchboard, time: Range<Instant>) -> Result<f64> {
    tokio::time::sleep_until(time.start.into()).await;
    let (before, from) = (sandbox.available().await?, clock::now());
    tokio::time::sleep_until(time.end.into()).await;
    let restored = from.elapsed().as_secs_f64() * f64::from(RESTORE_PER_S);
    Ok((before + restored - sandbox.available().await?) / restored)
}
