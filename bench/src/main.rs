//! The budgets of DESIGN.md §6, measured: `cargo xtask bench`.
//!
//! ```text
//!   bench ── spawns ──▶ kaeru serve   ──▶ kaeru sandbox ◀── bench bare (the floor: no database)
//!     └── load over plain TCP ──▶ either, in turns, in one run
//! ```
//!
//! Ratios of one run are what counts: a shared machine is as fast as its neighbours let it be.

mod bare;
mod books;
mod cancel;
mod chance;
mod children;
mod clock;
mod conversion;
mod disk;
mod floor;
mod http;
mod latency;
mod list;
mod load;
mod memory;
mod metrics;
#[path = "../../crates/server/tests/it/postgres_server.rs"]
mod postgres;
mod process;
mod reconcile;
mod reversals;
mod sandbox;
mod service;
mod soak;
mod staff;
mod stand;
mod start;
mod stats;
mod table;
mod throttle;
mod token;
mod webhook;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "bench", about = "Measures Kaeru against its budgets", version)]
struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
}

#[derive(Subcommand)]
enum What {
    /// Conversions per second, latency, CPU and commits, beside the bare handler
    Conversion(conversion::Options),
    /// Staff cancel coupons
    Cancel(cancel::Options),
    /// Webhooks in, at a pace and as fast as it goes
    Webhook(webhook::Options),
    /// The staff's list and search, as the number of coupons grows
    List(list::Options),
    /// The points book's list beside Kaeru's books, as the number of customers grows
    Reconcile(reconcile::Options),
    /// Time to coupon with the other side's latencies as the merchant measured them
    Latency(latency::Options),
    /// From spawning the process to its readiness
    Start(start::Options),
    /// Resident memory, idle and under load
    Memory(memory::Options),
    /// A Shopify that restores no faster than it does: never throttled, nothing left unused
    Throttle(throttle::Options),
    /// Thousands of orders cancelled and given back in bulk, under faults and Shopify's limit
    Reversals(reversals::Options),
    /// Load, faults and `kill -9`, then compares all books
    Soak(soak::Options),
    /// The floor: the same three calls without database and rules
    #[command(hide = true)]
    Bare(bare::Options),
}

fn main() -> ExitCode {
    match run(Arguments::parse().what) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(what: Option<What>) -> Result<()> {
    if let Some(What::Bare(options)) = what {
        // A service's usual runtime, as Kaeru has it.
        return tokio::runtime::Runtime::new()?.block_on(bare::run(options));
    }
    // One thread: what the load takes is taken from those who are measured.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        match what {
            Some(What::Conversion(options)) => conversion::run(&options).await.map(drop),
            Some(What::Cancel(options)) => cancel::run(&options).await.map(drop),
            Some(What::Webhook(options)) => webhook::run(&options).await.map(drop),
            Some(What::List(options)) => list::run(&options).await.map(drop),
            Some(What::Reconcile(options)) => reconcile::run(&options).await,
            Some(What::Latency(options)) => latency::run(&options).await.map(drop),
            Some(What::Start(options)) => start::run(&options).await.map(drop),
            Some(What::Memory(options)) => memory::run(&options).await.map(drop),
            Some(What::Throttle(options)) => throttle::run(&options).await.map(drop),
            Some(What::Reversals(options)) => reversals::run(&options).await,
            Some(What::Soak(options)) => soak::run(&options).await,
            Some(What::Bare(_)) | None => table::run().await,
        }
    })
}
