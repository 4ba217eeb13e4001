//! The tasks that only build something and run it.

use anyhow::Result;

use crate::root::target;
use crate::shell::{cargo, program, run};

/// The simulator, optimised: the figure of merit is flows per CPU second. With `--store sqlite` the
/// same seeds run over the production store, as the service's test does it.
pub fn simulator(arguments: &[String]) -> Result<()> {
    if let Some(at) = arguments.iter().position(|word| word == "--store") {
        let store = arguments.get(at + 1).map_or("", String::as_str);
        anyhow::ensure!(store == "sqlite", "--store sqlite is the only other store");
        let seeds = arguments.iter().find(|word| word.parse::<u64>().is_ok());
        let seeds = seeds.map_or("500", String::as_str);
        let mut test = cargo();
        test.args(["test", "-p", "server", "--test", "it", "simulated", "--", "--nocapture"]);
        return run(test.env("KAERU_SIM_SEEDS", seeds));
    }
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
