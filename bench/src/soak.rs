//! Load, faults and `kill -9` against the real service; then the books must agree.
//!
//! ```text
//!   customers ──▶ kaeru serve ──▶ kaeru sandbox ◀── a fault every moment
//!       ▲              ▲
//!       │ same key     │ kill -9 every few seconds, start again on the same database
//!       └ until a final answer
//! ```
//! Whoever was told «completed» has one deduction and one live coupon; whoever was told «failed» has
//! neither; nobody has one without the other.

mod chaos;
mod customers;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::stand::Stand;
use crate::{books, clock, metrics};
use customers::Told;

/// How long a lost request may still land, as the service is told. Longer than the sandbox's
/// `apply_later`, so that a look-up in vain is proof.
const HORIZON: &str = "20s";
/// What is open when the faults end must end within this time.
const DRAIN: Duration = Duration::from_secs(240);

#[derive(clap::Args, Clone)]
pub struct Options {
    /// How long faults and kills go on
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Customers at the same time
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// Seconds from one kill to the next, on average; 0: never
    #[arg(long, default_value_t = 4)]
    kill_every: u64,
    /// Decides faults and kills; the interleaving is the machine's
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs, then compares.
///
/// # Errors
/// When the books do not agree, or flows do not end after the faults do.
pub async fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(clock::unix_seconds);
    println!("seed {seed}");
    let stand = Stand::with_horizon(None, HORIZON).await?;
    let range = stand.customers(options.clients).await?;
    let kaeru = stand.kaeru().await?;
    let address = customers::Address::new(kaeru.at);
    let crowd = customers::Crowd::start(&address, range.clone());
    let duration = Duration::from_secs(options.seconds);
    let mut chaos = chaos::Chaos::new(seed, duration, options.kill_every);
    let (kaeru, kills, faults) = chaos.rage(&stand, kaeru, &address).await?;
    stand.sandbox.heal().await?;
    println!("{faults} faults, {kills} kills; now everything must end");
    let told = crowd.stop(DRAIN).await?;
    let took = metrics::quiet(kaeru.at, DRAIN).await.with_context(|| kaeru.last_words())?;
    println!("the last flow ended {} s after the last customer was answered", took.as_secs());
    summarise(&told);
    let books = stand.sandbox.books().await?;
    let converted = |told: &Told| told.completed;
    let converted: BTreeMap<u64, u64> =
        told.iter().map(|(id, told)| (*id, converted(told))).collect();
    if let Err(error) = books::check(&books, &range, &converted) {
        bail!("{error:#}\nseed {seed}; customers were told {told:?}");
    }
    println!("books: nothing lost, nothing twice, never both");
    Ok(())
}

fn summarise(told: &BTreeMap<u64, Told>) {
    let sum = |of: fn(&Told) -> u64| told.values().map(of).sum::<u64>();
    println!(
        "{} conversions completed, {} failed with nothing changed, {} requests sent again",
        sum(|told| told.completed),
        sum(|told| told.failed),
        sum(|told| told.again)
    );
}
