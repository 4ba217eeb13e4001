//! Resident memory of the service, idle and under load.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::load::{self, Target};
use crate::stand::Stand;
use crate::stats::mib;
use crate::{books, metrics, process};

#[derive(clap::Args)]
pub struct Options {
    /// Clients at the same time
    #[arg(long, default_value_t = 64)]
    clients: usize,
    /// How long they load it
    #[arg(long, default_value_t = 10)]
    seconds: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { clients: 64, seconds: 10 }
    }
}

/// Bytes.
pub struct Figures {
    pub idle: u64,
    pub peak: u64,
}

/// Measures and prints.
///
/// # Errors
/// When something does not start, breaks, or the books do not agree.
pub async fn run(options: &Options) -> Result<Figures> {
    ensure!(options.clients > 0 && options.seconds > 0, "--clients, --seconds: at least 1");
    let stand = Stand::new(None).await?;
    let kaeru = stand.kaeru().await?;
    tokio::time::sleep(Duration::from_secs(2)).await;
    let (idle, _) = process::memory(kaeru.pid())?;
    let customers = stand.customers(load::customers_for(options.clients)).await?;
    let measured = Duration::from_secs(options.seconds);
    let clients = options.clients;
    load::show_pages(kaeru.at, customers.clone()).await?;
    let report = load::run(Target::Kaeru, kaeru.at, clients, customers.clone(), measured).await?;
    metrics::quiet(kaeru.at, Duration::from_secs(120), &[]).await?;
    let (after, peak) = process::memory(kaeru.pid())?;
    books::check(&stand.sandbox.books().await?, &customers, &report.converted, &BTreeSet::new())?;
    println!(
        "memory: {} idle, {} at its highest under {clients} clients ({} conversions), {} after",
        mib(idle),
        mib(peak),
        report.conversions(),
        mib(after)
    );
    Ok(Figures { idle, peak })
}
