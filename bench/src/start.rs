//! From spawning the process until `/readyz` answers 200.

use std::time::Duration;

use anyhow::{Result, ensure};
use rusqlite::Connection as Database;

use crate::load::{self, Target};
use crate::stand::Stand;
use crate::stats::{Sorted, ms};
use crate::{clock, metrics};

#[derive(clap::Args)]
pub struct Options {
    /// Starts on the same database; the first one, which creates it, is told apart
    #[arg(long, default_value_t = 10)]
    starts: usize,
    /// Unfinished flows that the last process left, for the second half of the starts
    #[arg(long, default_value_t = 1_000_000)]
    flows: u64,
}

/// Medians.
pub struct Figures {
    pub empty: Duration,
    pub unfinished: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self { starts: 10, flows: 1_000_000 }
    }
}

/// Measures and prints.
///
/// # Errors
/// When the service does not start.
pub async fn run(options: &Options) -> Result<Figures> {
    ensure!(options.starts > 0, "--starts: at least 1");
    let stand = Stand::new(None).await?;
    let first = once(&stand).await?;
    println!("start to ready: {} with a new database", ms(first));
    let empty = often(&stand, options.starts, "with nothing left").await?;
    leave(&stand, options.flows).await?;
    let left = format!("with {} unfinished flows", options.flows);
    let unfinished = often(&stand, options.starts, &left).await?;
    Ok(Figures { empty, unfinished })
}

async fn often(stand: &Stand, starts: usize, what: &str) -> Result<Duration> {
    let mut times = Vec::new();
    for _ in 0..starts {
        times.push(once(stand).await?);
    }
    let times = Sorted::of(times);
    let (median, most) = (ms(times.median()), ms(times.most()));
    println!("start to ready {what}: median {median}, slowest {most} of {starts}");
    Ok(times.median())
}

/// Flows as a process leaves them that died while it worked on all of them: one real conversion,
/// many times over, each with a lease that has half a minute to go.
async fn leave(stand: &Stand, flows: u64) -> Result<()> {
    let kaeru = stand.kaeru().await?;
    let customers = stand.customers(1).await?;
    let measured = Duration::from_millis(1);
    let report = load::run(Target::Kaeru, kaeru.at, 1, customers, measured).await?;
    ensure!(report.conversions() > 0, "no conversion to begin with");
    metrics::quiet(kaeru.at, Duration::from_secs(60), &[]).await?;
    kaeru.kill()?;
    let database = Database::open(stand.folder().join("kaeru.db"))?;
    let due = (clock::unix_seconds() + 30) * 1_000_000;
    database.execute_batch(&format!(
        "PRAGMA synchronous = OFF;
         WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {flows}),
           one AS (SELECT * FROM flow LIMIT 1)
         INSERT INTO flow (id, shop, kind, customer, state, body, terms, version, epoch, due_at,
           tries, fingerprint, created_at, updated_at)
         SELECT randomblob(16), shop, kind, customer, state, body, terms, version, epoch,
           {due} + i, tries, fingerprint, created_at, updated_at FROM n, one;
         PRAGMA wal_checkpoint(TRUNCATE);"
    ))?;
    Ok(())
}

async fn once(stand: &Stand) -> Result<Duration> {
    let start = clock::now();
    let kaeru = stand.kaeru().await?;
    let took = start.elapsed();
    kaeru.kill()?;
    Ok(took)
}
