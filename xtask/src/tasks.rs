//! The tasks that only build something and run it.

use anyhow::Result;

use crate::root::target;
use crate::shell::{cargo, program, run};

/// The simulator, optimised: the figure of merit is flows per CPU second.
pub fn simulator(arguments: &[String]) -> Result<()> {
    run(cargo().args(["run", "--release", "-p", "sim", "--bin", "sim", "--"]).args(arguments))
}

/// `sim mutants`.
pub fn mutants(arguments: &[String]) -> Result<()> {
    let mut words = vec!["mutants".to_owned()];
    words.extend_from_slice(arguments);
    simulator(&words)
}

/// Builds the service and the bench as they are shipped, then measures.
pub fn bench(arguments: &[String]) -> Result<()> {
    run(cargo().args(["build", "--release", "--bin", "kaeru", "--bin", "bench"]))?;
    let bench = target().join("release").join("bench");
    run(program(&bench.to_string_lossy()).args(arguments))
}

/// `bench soak`.
pub fn soak(arguments: &[String]) -> Result<()> {
    let mut words = vec!["soak".to_owned()];
    words.extend_from_slice(arguments);
    bench(&words)
}
