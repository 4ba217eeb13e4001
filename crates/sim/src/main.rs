//! `sim 50000` runs so many seeds; `sim --seed 17 --trace` shows one.

use sim::{Mutant, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let after = |flag: &str| {
        let at = words.iter().position(|word| word == flag)?;
        words.get(at + 1)?.parse::<u64>().ok()
    };
    let loud = words.iter().any(|word| word == "--trace");
    let (from, to) = match after("--seed") {
        Some(seed) => (seed, seed + 1),
        None => (0, words.iter().find_map(|word| word.parse().ok()).unwrap_or(10_000)),
    };
    let (mut flows, mut done, mut failed) = (0, 0, 0);
    for seed in from..to {
        match run(seed, Mutant::None, loud) {
            Ok(report) => {
                flows += report.flows;
                done += report.done;
            }
            Err(law) => {
                failed += 1;
                println!("{law}");
            }
        }
    }
    println!("{} seeds, {flows} conversions, {done} completed, {failed} broken", to - from);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
