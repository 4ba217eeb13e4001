//! Thousands of orders cancelled and given back in bulk, while calls go wrong and Shopify restores
//! no faster than it does; then the books must agree.
//!
//! ```text
//!   half of the orders:     POST /orders/cancel, every second row with what comes back
//!   the other half:         cancelled at Shopify, which gives nothing back
//!   all of them:            POST /orders/revert, until no row says «try again»
//!                           ▲ a fault at the other side every moment
//!   what waits for a person: counted by reason, then settled by the other side's books
//! ```
//! By those books each coupon's points are back once, and each store credit is back once, whether
//! Shopify gave it back by itself or Kaeru did.

mod desk;
mod orders;
mod trouble;
pub mod truth;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::chance::Chance;
use crate::children::Service;
use crate::sandbox::Calls;
use crate::service::Till;
use crate::stand::Stand;
use crate::{clock, metrics};
use desk::{Desk, Run};
use orders::Order;

/// How long a lost request may still land, as the service is told.
const HORIZON: &str = "20s";
/// What is open when the faults end must end within this time, or wait for a person.
const DRAIN: Duration = Duration::from_secs(1_200);
/// Nothing is owed to anyone in these states; the last waits for a person.
const LASTING: &[&str] = &["dead", "chasing", "in_review"];
/// How often the whole is asked for again because something was down.
const RUNS: usize = 6;
/// Some calls of each are spoiled by it.
const ORDERS_PER_FAULT: usize = 5;
/// A bucket holds what is restored in so many seconds.
const BUCKET_S: u32 = 20;

#[derive(clap::Args, Clone)]
pub struct Options {
    /// Orders with a used coupon each; of every ten, six are paid with store credit too
    #[arg(long, default_value_t = 10_000)]
    orders: usize,
    /// Cost points that Shopify restores each second: 100 in its standard plan, 1,000 in Plus
    #[arg(long, default_value_t = 1_000)]
    restore: u32,
    /// How many faults are set; left out, one for every five orders
    #[arg(long)]
    faults: Option<usize>,
    /// `postgres`: a server of its own; or a URL; left out, the embedded one in a fresh folder
    #[arg(long)]
    database: Option<String>,
    /// Decides orders and faults; the interleaving is the machine's
    #[arg(long)]
    seed: Option<u64>,
}

/// Runs, prints and compares.
///
/// # Errors
/// When something does not start, a job does not end, or the books do not agree.
pub async fn run(options: &Options) -> Result<()> {
    ensure!(options.orders > 0 && options.restore > 0, "--orders, --restore: at least 1");
    let seed = options.seed.unwrap_or_else(clock::unix_seconds);
    println!("seed {seed}");
    let till = Till { lookup: true, idempotency: false, horizon: HORIZON };
    let stand = Stand::beside(options.database.as_deref(), &till).await?;
    stand.configure("[shop.reversals]\nshopify_reverts = \"5s\"\n")?;
    let kaeru = stand.kaeru().await?;
    let desk = Desk::open(&stand, kaeru.at)?;
    stand.sandbox.tell_by_webhook(kaeru.at).await?;
    let mut chance = Chance::new(seed);
    let orders = orders::place(&stand, kaeru.at, &desk, options.orders, &mut chance).await?;
    metrics::quiet(kaeru.at, DRAIN, LASTING).await?;

    let size = options.restore.saturating_mul(BUCKET_S);
    stand.sandbox.bucket(size, options.restore).await?;
    let faults = options.faults.unwrap_or(options.orders / ORDERS_PER_FAULT);
    let trouble = trouble::begin(stand.sandbox, chance, faults);
    let before = stand.sandbox.calls().await?;
    let start = clock::now();
    let went = all_back(&desk, &orders).await;
    let took = start.elapsed();
    let faults = trouble.end().await?;
    stand.sandbox.heal().await?;
    let went = went.with_context(|| kaeru.last_words())?;
    let after = stand.sandbox.calls().await?;
    let points = |of: &Calls| of.spent.values().sum::<u64>();
    print_speed(options, &went, took, (points(&after) - points(&before)) as f64);
    print_calls(&before, &after, options.orders);
    let parked = settle(&stand, &kaeru, &desk, &orders).await?;
    let books = stand.sandbox.returns().await?;
    let short = books.throttled - books.throttled_by_fault;
    println!(
        "{faults} faults; {short} calls throttled for want of points, {} because a fault was set; \
         waited for a person: {parked:?}",
        books.throttled_by_fault
    );
    truth::check(&books, &orders)?;
    let told = desk.revert_statuses().await?;
    let back = told.get("reverted").copied().unwrap_or_default();
    ensure!(back == orders.len(), "Kaeru's own books: {told:?}");
    println!("books: {back} orders, everything back once, nothing twice, by Kaeru's and theirs");
    Ok(())
}

/// What came of the runs.
struct Went {
    cancelled: Run,
    reverted: Vec<Run>,
}

/// Both kinds of job, and the second again as long as a row says that it may be tried again.
async fn all_back(desk: &Desk, orders: &[Order]) -> Result<Went> {
    let here: Vec<_> = orders.iter().filter(|order| order.cancelled_here).collect();
    let mut cancelled = desk.cancel(&here).await?;
    let mut reverted = Vec::new();
    let mut left: Vec<_> = orders.iter().collect();
    while !left.is_empty() && reverted.len() < RUNS {
        let run = desk.revert(&left).await?;
        left.retain(|order| run.again.contains(&order.id));
        reverted.push(run);
        // A cancellation that Shopify refused is asked for again as well.
        let stand: Vec<_> = left.iter().copied().filter(|order| order.cancelled_here).collect();
        if !stand.is_empty() {
            cancelled.took += desk.cancel(&stand).await?.took;
        }
    }
    let count = left.len();
    ensure!(left.is_empty(), "{count} orders are not back: {}", shown(&cancelled, &reverted));
    Ok(Went { cancelled, reverted })
}

fn shown(cancelled: &Run, reverted: &[Run]) -> String {
    let reverted = reverted.iter().map(|run| format!("given back: {run}"));
    let lines = [format!("cancelled here: {cancelled}")].into_iter().chain(reverted);
    lines.collect::<Vec<_>>().join("\n")
}

fn print_speed(options: &Options, went: &Went, took: Duration, spent: f64) {
    let Went { cancelled, reverted } = went;
    println!("{}", shown(cancelled, reverted));
    let cost = spent / options.orders as f64;
    let limit = cost * 1e3 / f64::from(options.restore) / 60.0;
    println!(
        "{} orders, {:.0} s in all; {cost:.1} cost points each, so that {}/s allow a thousand in \
         {limit:.2} minutes",
        options.orders,
        took.as_secs_f64(),
        options.restore,
    );
}

fn print_calls(before: &Calls, after: &Calls, orders: usize) {
    let of = |(name, count): (&String, &u64)| {
        let since = |now: u64, then: &BTreeMap<String, u64>| {
            (now - then.get(name).copied().unwrap_or_default()) as f64 / orders as f64
        };
        let spent = after.spent.get(name).copied().unwrap_or_default();
        let (calls, points) = (since(*count, &before.calls), since(spent, &before.spent));
        (calls > 0.0).then(|| format!("{name} {calls:.2} ({points:.1} points)"))
    };
    let calls: Vec<_> = after.calls.iter().filter_map(of).collect();
    println!("calls for each order: {}", calls.join(", "));
}

/// Waits until everything has ended or waits for a person, and is that person: looks into the other
/// side's books. How many waited, by their reason.
async fn settle(
    stand: &Stand,
    kaeru: &Service,
    desk: &Desk,
    orders: &[Order],
) -> Result<BTreeMap<String, usize>> {
    let mut parked = BTreeMap::new();
    loop {
        let quiet = metrics::quiet(kaeru.at, DRAIN, LASTING).await;
        quiet.with_context(|| kaeru.last_words())?;
        let reviews = desk.reviews().await?;
        if reviews.is_empty() {
            return Ok(parked);
        }
        let books = stand.sandbox.returns().await?;
        for review in &reviews {
            *parked.entry(review.reason.clone()).or_default() += 1;
            desk.settle(review, truth::happened(&books, orders, review)).await?;
        }
    }
}
