//! Owns the list of the repository's chores. Leaves each to a file of its own.
//!
//! `cargo xtask` alone lists them. A chore prints every command it runs, so that a reader can run it by hand, and never
//! hides what a failing one said.

#![allow(clippy::print_stdout, reason = "what a chore prints is what it is for")]

mod bench;
mod kill9;
mod marks;
mod mistakes;
mod model;
mod mutants;
mod report;
mod seeds;
mod services;
mod sim;
mod step;
mod suites;
mod test;

use clap::{CommandFactory, Parser, Subcommand};
use std::process::ExitCode;

/// The chores of the Millstream repository.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    chore: Option<Chore>,
}

#[derive(Subcommand)]
enum Chore {
    /// Formatting, lints, docs, all tests, and the main job with its report checked
    Test(test::Arguments),
    /// Instructions and allocations per record against their budgets, and records a second
    Bench(bench::Arguments),
    /// The main job with many seeds, and twice with one: the reports must agree
    Seeds(seeds::Arguments),
    /// The simulator over the framework's own workloads: nothing is lost or doubled, whatever goes wrong
    Sim(sim::Arguments),
    /// Each planted bug against the simulator: which invariant catches it, and within how many seeds
    KillMatrix(sim::Arguments),
    /// Every interleaving of small worlds with the engine's own values: states, violations, shortest traces
    Model(model::Arguments),
    /// Kafka and Redis on free ports of this machine, for tests and demonstrations by hand
    Services(services::Arguments),
    /// A service on a real Kafka, killed with SIGKILL again and again: every message is accounted for
    Kill9(kill9::Arguments),
    /// Each mutant of the engine and of the settlement path: caught by a test, or listed with the reason why none can
    Mutants(mutants::Arguments),
    /// The table of typical mistakes and what the compiler says about each
    Mistakes,
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().chore {
        Some(Chore::Test(arguments)) => test::run(&arguments),
        Some(Chore::Bench(arguments)) => bench::run(&arguments),
        Some(Chore::Seeds(arguments)) => seeds::run(&arguments),
        Some(Chore::Sim(arguments)) => sim::run(&arguments),
        Some(Chore::KillMatrix(arguments)) => sim::kill_matrix(&arguments),
        Some(Chore::Model(arguments)) => model::run(&arguments),
        Some(Chore::Services(arguments)) => services::run(&arguments),
        Some(Chore::Kill9(arguments)) => kill9::run(&arguments),
        Some(Chore::Mutants(arguments)) => mutants::run(&arguments),
        Some(Chore::Mistakes) => mistakes::run(),
        None => Arguments::command().print_help().map_err(|error| error.to_string()),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            println!("\n{why}");
            ExitCode::FAILURE
        }
    }
}
