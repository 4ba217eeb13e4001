//! `sim 50000` runs so many seeds; `sim --seed 17 --trace` shows one; `sim mutants` shows that the
//! laws bite.

use sim::{
    Report,
    mutants::{Mutant, hunt},
    run_with,
    sweep::{Kind, Swept, TILLS, sweep},
};
use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

const HELP: &str = "\
sim [SEEDS]                  runs so many seeds (10000)
sim --from SEED [SEEDS]      the same, from another seed on
sim --seed SEED [--trace]    runs one, and shows everything that happened
cargo xtask sim 500 --store sqlite       runs seeds over the production SQLite store
sim faults                   every single fault and every pair, at every call of each flow
sim mutants [--seconds 60]   makes each mistake on purpose, and says when a law notices
    --mutant NAME            makes this mistake in the seeds that are run";

/// The command line: plain words, and flags with a number.
struct Words(Vec<String>);

impl Words {
    fn has(&self, word: &str) -> bool {
        self.0.iter().any(|known| known == word)
    }

    fn after(&self, flag: &str) -> Option<u64> {
        let at = self.0.iter().position(|word| word == flag)?;
        self.0.get(at + 1)?.parse().ok()
    }

    /// The mistake that is to be made; an unknown name is no mistake.
    fn mutant(&self) -> Mutant {
        let at = self.0.iter().position(|word| word == "--mutant");
        let name = at.and_then(|at| self.0.get(at + 1));
        let named = |mutant: &&Mutant| Some(format!("{mutant:?}")) == name.cloned();
        Mutant::ALL.iter().find(named).copied().unwrap_or(Mutant::None)
    }

    /// The last number that no flag took.
    fn number(&self) -> Option<u64> {
        let mut before = "";
        let mut found = None;
        for word in &self.0 {
            if !before.starts_with("--") || before == "--trace" {
                found = word.parse().ok().or(found);
            }
            before = word;
        }
        found
    }
}

fn main() -> ExitCode {
    let words = Words(std::env::args().skip(1).collect());
    if words.has("--help") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    if words.has("mutants") {
        return mutants(Duration::from_secs(words.after("--seconds").unwrap_or(60)));
    }
    if words.has("faults") {
        return faults();
    }
    let trace = words.has("--trace");
    let (from, to) = match words.after("--seed") {
        Some(seed) => (seed, seed + 1),
        None => {
            let from = words.after("--from").unwrap_or(0);
            (from, from + words.number().unwrap_or(10_000))
        }
    };
    seeds(from, to, words.mutant(), trace)
}

fn seeds(from: u64, to: u64, mutant: Mutant, trace: bool) -> ExitCode {
    let begun = Stopwatch::start();
    let mut all = Report::default();
    let mut broken = 0;
    for seed in from..to {
        match run_with(seed, mutant, trace) {
            Ok(report) => {
                print!("{}", report.trace);
                all.flows += report.flows;
                all.done += report.done;
                all.failed += report.failed;
                all.parked += report.parked;
            }
            Err(failure) => {
                broken += 1;
                print!("{}", failure.trace);
                println!("seed {seed}, {failure}");
            }
        }
    }
    let Report { flows, done, failed, parked, .. } = all;
    println!(
        "{} seeds, {flows} flows: {done} done, {failed} failed as they may, {parked} times a \
         person was asked, {broken} seeds broken",
        to - from
    );
    let seconds = begun.cpu().as_secs_f64();
    if seconds > 0.0 {
        let per_second = flows * 1_000 / begun.cpu().as_millis().max(1) as u64;
        println!("{per_second} flows per CPU second ({seconds:.1} s)");
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Each flow with each till.
fn faults() -> ExitCode {
    let begun = Stopwatch::start();
    println!("| flow | till | single faults | pairs |");
    println!("|---|---|---|---|");
    let mut all = Swept::default();
    for kind in Kind::ALL {
        for (till, recovery) in TILLS {
            match sweep(kind, recovery, true) {
                Ok(Swept { singles, doubles }) => {
                    println!("| {kind:?} | {till} | {singles} | {doubles} |");
                    all.singles += singles;
                    all.doubles += doubles;
                }
                Err(broken) => {
                    print!("{}", broken.failure.trace);
                    println!("{till}: {broken}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    let (Swept { singles, doubles }, seconds) = (all, begun.cpu().as_secs_f64());
    println!("{singles} single faults, {doubles} pairs, none breaks a law ({seconds:.1} CPU s)");
    ExitCode::SUCCESS
}

/// Each mistake, with a limit on its CPU time.
fn mutants(limit: Duration) -> ExitCode {
    // What an assertion says is shown in the table.
    std::panic::set_hook(Box::new(|_| {}));
    println!("| mistake | seed | step | law | CPU s | what was seen |");
    println!("|---|---|---|---|---|---|");
    let mut missed = 0;
    for mutant in Mutant::ALL {
        let begun = Stopwatch::start();
        let hunted = hunt(*mutant, |_| begun.cpu() < limit);
        let seconds = begun.cpu().as_secs_f64();
        match hunted.found {
            Some(found) => println!(
                "| {} | {} | {} | {} | {seconds:.2} | {} |",
                mutant.what(),
                found.seed,
                found.step,
                found.law,
                found.what
            ),
            None => {
                let harmless = mutant.harmless();
                missed += u32::from(harmless.is_none());
                let why = harmless.unwrap_or("NOT FOUND");
                println!(
                    "| {} | {} seeds | | | {seconds:.2} | {why} |",
                    mutant.what(),
                    hunted.seeds
                );
            }
        }
    }
    println!("{} mistakes, {missed} not found", Mutant::ALL.len());
    if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// CPU time of this one thread, where Linux tells; otherwise the time on the wall.
struct Stopwatch {
    cpu: Option<Duration>,
    wall: Instant,
}

impl Stopwatch {
    #[expect(clippy::disallowed_methods, reason = "measures the simulator, not what it simulates")]
    fn start() -> Self {
        Self { cpu: on_cpu(), wall: Instant::now() }
    }

    fn cpu(&self) -> Duration {
        match (on_cpu(), self.cpu) {
            (Some(now), Some(then)) => now.saturating_sub(then),
            _ => self.wall.elapsed(),
        }
    }
}

fn on_cpu() -> Option<Duration> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
}
