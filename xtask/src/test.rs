//! `cargo xtask test`: everything, section by section, ending with the first that fails.

use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::install::{self, Wanted};
use crate::root::target;
use crate::shell::{cargo, run as sh, run_and_read, succeeds};
use crate::{console, tidy};

#[derive(clap::Args)]
pub struct Options {
    /// Leaves out the browser tests and the simulator
    #[arg(long)]
    fast: bool,
    /// How many seeds the simulator runs
    #[arg(long, default_value_t = 100_000)]
    seeds: u64,
}

/// How a section went.
enum Went {
    Well,
    /// Not run, and why that is no failure.
    Skipped(&'static str),
}

type Section = (&'static str, fn(&Options, &mut Count) -> Result<Went>);

const SECTIONS: &[Section] = &[
    ("install", what_is_missing),
    ("format", format),
    ("tidy", |_, _| tidy::run().map(|()| Went::Well)),
    ("clippy", clippy),
    ("tests", tests),
    ("simulator", simulator),
    ("deny", deny),
];

/// Runs all sections and prints how each went; the very last line is `N passed, N failed`. Whether
/// all went well.
pub fn run(options: &Options) -> bool {
    let mut count = Count::default();
    let mut summary = Vec::new();
    let mut failure = None;
    for (title, section) in SECTIONS {
        console::heading(title);
        let start = console::now();
        let went = section(options, &mut count);
        summary.push(summarise(title, &went, start.elapsed()));
        if let Err(error) = went {
            console::error(&format!("{title}: {error:#}"));
            failure = Some(*title);
            break;
        }
    }
    console::heading("summary");
    for line in summary {
        println!("{line}");
    }
    if let Some(title) = failure {
        println!("the section «{title}» failed; what it said is above");
    }
    println!("{}", count.line(failure.is_some()));
    failure.is_none()
}

fn summarise(title: &str, went: &Result<Went>, took: Duration) -> String {
    let took = console::in_words(took);
    match went {
        Ok(Went::Well) => format!("{title:<10} ok       {took}"),
        Ok(Went::Skipped(why)) => format!("{title:<10} skipped  {why}"),
        Err(_) => format!("{title:<10} FAILED   {took}"),
    }
}

fn what_is_missing(options: &Options, _: &mut Count) -> Result<Went> {
    install::run(if options.fast { Wanted::Fast } else { Wanted::Everything })?;
    Ok(Went::Well)
}

fn format(_: &Options, _: &mut Count) -> Result<Went> {
    component("rustfmt", "fmt")?;
    sh(cargo().args(["fmt", "--all", "--check"]))?;
    Ok(Went::Well)
}

fn clippy(_: &Options, _: &mut Count) -> Result<Went> {
    component("clippy", "clippy")?;
    sh(cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
    Ok(Went::Well)
}

/// A minimal toolchain has neither rustfmt nor clippy.
fn component(name: &str, subcommand: &str) -> Result<()> {
    if succeeds(cargo().args([subcommand, "--version"])) {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    if sh(rustup.args(["component", "add", name])).is_err() {
        bail!("cargo {subcommand} is missing: install the toolchain's component «{name}»");
    }
    Ok(())
}

fn tests(options: &Options, count: &mut Count) -> Result<Went> {
    sh(cargo().args(["build", "--bin", "kaeru"]))?;
    let mut command = cargo();
    // One binary that fails must not hide what the others have to say.
    command.args(["test", "--workspace", "--no-fail-fast"]);
    command.env("KAERU_BIN", target().join("debug").join("kaeru"));
    command.env("KAERU_AXE", install::axe());
    if options.fast {
        command.args(["--exclude", "e2e"]);
    }
    let well = run_and_read(&mut command, |line| count.read(line))?;
    match (well, count.failed) {
        (true, 0) => Ok(Went::Well),
        (_, 0) => bail!("a test did not compile, or its program died"),
        (_, failed) => bail!("{failed} failed"),
    }
}

fn simulator(options: &Options, _: &mut Count) -> Result<Went> {
    if options.fast {
        return Ok(Went::Skipped("--fast"));
    }
    let seeds = options.seeds.to_string();
    sh(cargo().args(["run", "--release", "-p", "sim", "--bin", "sim", "--", &seeds]))?;
    Ok(Went::Well)
}

fn deny(_: &Options, _: &mut Count) -> Result<Went> {
    if !succeeds(cargo().args(["deny", "--version"])) {
        return Ok(Went::Skipped("cargo-deny is not installed (`cargo install cargo-deny`)"));
    }
    sh(cargo().args(["deny", "--all-features", "check", "bans", "licenses", "sources"]))?;
    // Known holes need a database from the network, and appear without a change of ours: they are
    // told, and stop nobody's unrelated work.
    if !succeeds(cargo().args(["deny", "fetch", "db"]).env("GIT_TERMINAL_PROMPT", "0")) {
        console::note("advisories were not checked: their database could not be fetched");
    } else if sh(cargo().args(["deny", "--all-features", "check", "advisories"])).is_err() {
        console::note("there are advisories, see above: update, or say in deny.toml why not");
    }
    Ok(Went::Well)
}

/// Tests, as cargo's `test result:` lines tell them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Count {
    passed: u64,
    failed: u64,
}

impl Count {
    fn read(&mut self, line: &str) {
        let Some(result) = line.strip_prefix("test result: ") else { return };
        let number_before = |word: &str| -> u64 {
            let mut parts = result.split([';', '.']).map(str::trim);
            let found = parts.find_map(|part| part.strip_suffix(word));
            found.and_then(|number| number.trim().parse().ok()).unwrap_or(0)
        };
        self.passed += number_before(" passed");
        self.failed += number_before(" failed");
    }

    /// A run that failed never ends with `0 failed`, whatever the section.
    fn line(&self, run_failed: bool) -> String {
        format!("{} passed, {} failed", self.passed, self.failed.max(u64::from(run_failed)))
    }
}

#[cfg(test)]
mod tests_of_the_count {
    use super::Count;

    #[test]
    fn results_are_summed() {
        let output = "\
running 3 tests
test a ... ok
test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 1.25s
test result: FAILED. 3 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s
the text `test result: ok. 7 passed; 0 failed` inside a line does not count";
        let mut count = Count::default();
        output.lines().for_each(|line| count.read(line));
        assert_eq!(count, Count { passed: 15, failed: 2 });
    }

    #[test]
    fn a_failed_run_never_says_that_nothing_failed() {
        let cases = [
            (Count { passed: 9, failed: 0 }, false, "9 passed, 0 failed"),
            (Count { passed: 9, failed: 0 }, true, "9 passed, 1 failed"),
            (Count { passed: 9, failed: 3 }, true, "9 passed, 3 failed"),
        ];
        for (count, failed, expected) in cases {
            assert_eq!(count.line(failed), expected);
        }
    }
}
