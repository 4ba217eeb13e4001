//! Load, faults and `kill -9` against the real service; then the books must agree.
//!
//! ```text
//!   customers ──▶ kaeru serve ──▶ kaeru sandbox ◀── a fault every moment
//!       ▲              ▲
//!       │ same key     │ kill -9 every 50 to 500 ms, start again on the same database
//!       └ until a final answer
//! ```
//! Whoever was told «completed» has one deduction and one live coupon; whoever heard «failed»
//! has neither; nobody has one without the other. At a points book that can tell nothing, some
//! conversions wait for a person: deducted once or not at all, and their coupons are dead.

mod chaos;
mod customers;

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::children::Service;
use crate::service::Till;
use crate::stand::Stand;
use crate::{books, clock, metrics};
use customers::Told;

/// How long a lost request may still land, as the service is told. Longer than the sandbox's
/// `apply_later`, so that a look-up in vain is proof.
const HORIZON: &str = "20s";
/// Customers a client has: whoever waits for a person makes room for the next.
const SPARE: usize = 200;
/// What is open when the faults end must end within this time: a code whose deactivation was not
/// answered is not activated again for ten minutes, and its owner is told «confirming» until then.
const DRAIN: Duration = Duration::from_secs(13 * 60);

/// A creation in doubt is looked for so long, and a little more.
const CHASE: Duration = Duration::from_secs(11 * 60);
const CHASING: &str = "chasing";
/// States in which nothing is owed to anyone: a dead code that is kept for a day, a look-out.
const LASTING: &[&str] = &[CHASING, "dead"];

#[derive(clap::Args, Clone)]
pub struct Options {
    /// How long faults and kills go on
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Ends after so many kills instead
    #[arg(long)]
    kills: Option<u64>,
    /// Customers at the same time
    #[arg(long, default_value_t = 16)]
    clients: usize,
    /// The longest time from one kill to the next, in milliseconds, of at least 50; 0: never
    #[arg(long, default_value_t = 500)]
    kill_within: u64,
    /// `postgres`: a server of its own; or a URL; left out, the embedded one in a fresh folder
    #[arg(long)]
    database: Option<String>,
    /// What the points book can do about a movement whose answer was lost
    #[arg(long, value_enum, default_value_t = Knows::LookUp)]
    till: Knows,
    /// Decides faults and kills; the interleaving is the machine's
    #[arg(long)]
    seed: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Knows {
    /// Tell whether it was made
    LookUp,
    /// Make it once, however often it is asked for
    Replay,
    /// Nothing: a person decides
    Nothing,
}

impl Knows {
    const fn till(self) -> Till {
        let (lookup, idempotency) = match self {
            Self::LookUp => (true, false),
            Self::Replay => (false, true),
            Self::Nothing => (false, false),
        };
        Till { lookup, idempotency, horizon: HORIZON }
    }
}

/// Runs, then compares.
///
/// # Errors
/// When the books do not agree, or flows do not end after the faults do.
pub async fn run(options: &Options) -> Result<()> {
    let seed = options.seed.unwrap_or_else(clock::unix_seconds);
    println!("seed {seed}");
    let stand = Stand::beside(options.database.as_deref(), &options.till.till()).await?;
    let each = if options.till == Knows::Nothing { SPARE } else { 1 };
    let range = stand.customers(options.clients * each).await?;
    let kaeru = stand.kaeru().await?;
    let address = customers::Address::new(kaeru.at);
    let crowd = customers::Crowd::start(&address, range.clone(), each);
    let until = match options.kills {
        Some(kills) => chaos::Until::Kills(kills),
        None => chaos::Until::Passed(Duration::from_secs(options.seconds)),
    };
    let mut chaos = chaos::Chaos::new(seed, until, options.kill_within);
    let (kaeru, kills, faults) = chaos.rage(&stand, kaeru, &address).await?;
    stand.sandbox.heal().await?;
    println!("{faults} faults, {kills} kills; now everything must end");
    let told = crowd.stop(DRAIN).await?;
    let took = metrics::quiet(kaeru.at, DRAIN, LASTING).await;
    let took = took.with_context(|| kaeru.last_words())?;
    println!("the last flow ended {} s after the last customer was answered", took.as_secs());
    summarise(&told);
    let agreed = agree(&stand, &kaeru, &range, &told).await;
    agreed.with_context(|| format!("seed {seed}; customers were told {told:?}"))?;
    println!("books: nothing lost, nothing twice, never both");
    Ok(())
}

/// Compares the books until they agree, as long as creations in doubt are still looked for: what
/// such a look finds is killed.
async fn agree(
    stand: &Stand,
    kaeru: &Service,
    customers: &Range<u64>,
    told: &BTreeMap<u64, Told>,
) -> Result<()> {
    let converted = told.iter().map(|(customer, told)| (*customer, told.completed)).collect();
    let waiting = told.iter().filter(|(_, told)| told.waits).map(|(customer, _)| *customer);
    let waiting = waiting.collect();
    let until = clock::now() + CHASE;
    loop {
        let open = metrics::open(kaeru.at).await?;
        let books = stand.sandbox.books().await?;
        let compared = books::check(&books, customers, &converted, &waiting);
        let chased = open.get(CHASING).copied().unwrap_or(0.0);
        if compared.is_ok() || chased == 0.0 || clock::now() > until {
            println!("{chased} creations in doubt are looked for still");
            return compared;
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}

fn summarise(told: &BTreeMap<u64, Told>) {
    let sum = |of: fn(&Told) -> u64| told.values().map(of).sum::<u64>();
    println!(
        "{} conversions completed, {} failed with nothing changed, {} wait for a person, {} \
         requests sent again",
        sum(|told| told.completed),
        sum(|told| told.failed),
        sum(|told| told.waits.into()),
        sum(|told| told.again)
    );
}
