//! From spawning the process until `/readyz` answers 200.

use std::time::Duration;

use anyhow::{Result, ensure};

use crate::clock;
use crate::stand::Stand;
use crate::stats::{Sorted, ms};

#[derive(clap::Args)]
pub struct Options {
    /// Starts on the same database; the first one, which creates it, is told apart
    #[arg(long, default_value_t = 10)]
    starts: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { starts: 10 }
    }
}

/// Measures and prints; the median of the starts on an existing database.
///
/// # Errors
/// When the service does not start.
pub async fn run(options: &Options) -> Result<Duration> {
    ensure!(options.starts > 0, "--starts: at least 1");
    let stand = Stand::new(None).await?;
    let first = once(&stand).await?;
    let mut times = Vec::new();
    for _ in 0..options.starts {
        times.push(once(&stand).await?);
    }
    let times = Sorted::of(times);
    println!(
        "start to ready: median {}, slowest {} of {}; {} with a new database",
        ms(times.median()),
        ms(times.most()),
        times.len(),
        ms(first)
    );
    Ok(times.median())
}

async fn once(stand: &Stand) -> Result<Duration> {
    let start = clock::now();
    let kaeru = stand.kaeru().await?;
    let took = start.elapsed();
    kaeru.kill()?;
    Ok(took)
}
