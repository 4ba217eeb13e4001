//! The simulator: one seed decides everything. It runs the production domain and engine, with
//! several replicas on one store, against a world that loses requests and answers, lets them land
//! late, breaks the database's connection, kills tasks at any pause, and lets replicas sleep past
//! their leases. An auditor that shares no code with them checks the laws after every step. Then
//! the world heals, and everything must end.

mod audit;
pub mod backend;
mod bundle;
mod chance;
mod diary;
mod journal;
pub mod mutants;
mod own_orders;
mod people;
mod run;
mod script;
mod shared;
mod swarm;
pub mod sweep;
mod world;

pub use audit::Breach;
pub use run::{Failure, Report, Setup};
pub use script::Fault;

use backend::InMemory;
use bundle::Bundle;
use chance::Chance;
use mutants::Mutant;
use run::{Run, draw_recovery};
use std::sync::Arc;
use swarm::Swarm;

/// Runs one seed over the setup's database, which must be empty.
///
/// # Errors
/// With the law that was broken, and at which step.
pub fn run(seed: u64, setup: Setup) -> Result<Report, Failure> {
    let chance = Chance::new(seed);
    let mut swarm = Swarm::draw(&chance);
    let mut recovery = draw_recovery(&chance);
    if let Some(bundle) = Bundle::draw(seed, &mut swarm) {
        recovery = bundle.recovery().unwrap_or(recovery);
    }
    Run::new(setup, chance, swarm, recovery, None).all()
}

/// Runs one seed in memory, with a mistake or [`Mutant::None`].
///
/// # Errors
/// With the law that was broken, and at which step.
pub fn run_with(seed: u64, mutant: Mutant, trace: bool) -> Result<Report, Failure> {
    run(seed, Setup { mutant, backend: Arc::new(InMemory::default()), trace })
}

#[cfg(test)]
mod tests;
