//! The project's own tasks: `cargo xtask test` is the one command that proves everything.

mod console;
mod install;
mod root;
mod shell;
mod tasks;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Kaeru's own tasks", version)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Subcommand)]
enum Task {
    /// Installs what is missing and runs every check: format, tidy, clippy, tests, simulator, deny
    Test(test::Options),
    /// The style as a test: sizes, dependency arrows, paths in the documents
    Tidy,
    /// Installs what the tests need: PostgreSQL, Chromium and its driver, a CJK font
    Install,
    /// The simulator, e.g. `cargo xtask sim 50000`, or `cargo xtask sim --help`
    Sim(Passed),
    /// Makes each known mistake on purpose, and says at which seed and step a law notices
    Mutants(Passed),
    /// The figures of DESIGN.md §6, e.g. `cargo xtask bench conversion --clients 64`
    Bench(Passed),
    /// Load, faults and `kill -9` against the real service, then compares all books
    Soak(Passed),
}

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
struct Passed {
    /// Handed on as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<String>,
}

fn main() -> ExitCode {
    let done = match Arguments::parse().task {
        Task::Test(options) => {
            return if test::run(&options) { ExitCode::SUCCESS } else { ExitCode::FAILURE };
        }
        Task::Tidy => tidy::run(),
        Task::Install => install::run(install::Wanted::Everything),
        Task::Sim(passed) => tasks::simulator(&passed.arguments),
        Task::Mutants(passed) => tasks::mutants(&passed.arguments),
        Task::Bench(passed) => tasks::bench(&passed.arguments),
        Task::Soak(passed) => tasks::soak(&passed.arguments),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            console::error(&format!("{error:#}"));
            ExitCode::FAILURE
        }
    }
}
