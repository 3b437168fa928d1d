//! Owns running the simulator: seeds, and the kill matrix with its broken variants. Leaves what they are to `millstream-sim`.

use crate::marks;
use crate::step::Step;
use std::time::Duration;

/// What is passed on.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Passed on: --seeds N, --from SEED, --mode safety|liveness|both, --workload NAME, --replay SEED, --jobs N, --within SECONDS;
    /// of the kill matrix also --planted B01
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    simulator: Vec<String>,
}

/// Planted builds have a target folder of their own: their flags differ, and nothing of them is to lie beside a normal build.
const PLANTED: &str = "target/planted";
const FLAGS: &str = "--cfg millstream_planted";

fn simulator(more: &[&str], arguments: &[&str]) -> Step {
    let base = ["run", "--quiet", "--profile", "sim", "--package", "millstream-sim"];
    Step::cargo(&[&base[..], more, &["--"], arguments].concat())
}

/// Runs seeds.
///
/// # Errors
/// If one is not clean.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let words: Vec<&str> = arguments.simulator.iter().map(String::as_str).collect();
    simulator(&[], &words).run().map(drop)
}

/// Runs each planted bug against the seeds; and, if it is all of them, shows first that they are in no other build.
///
/// # Errors
/// If one survives, or is in a normal build.
pub(crate) fn kill_matrix(arguments: &Arguments) -> Result<(), String> {
    if arguments.simulator.is_empty() {
        marks::none_in_normal_builds()?;
        let base = ["build", "--quiet", "--profile", "sim", "--package", "millstream-sim", "--target-dir", PLANTED];
        Step::cargo(&base).env("RUSTFLAGS", FLAGS).run()?;
        marks::all_in("target/planted/sim/millstream-sim")?;
    }
    let words: Vec<&str> = ["--matrix"].into_iter().chain(arguments.simulator.iter().map(String::as_str)).collect();
    let step = simulator(&["--target-dir", PLANTED], &words);
    step.env("RUSTFLAGS", FLAGS).run().map(drop)
}

/// What a test run has time for: seeds of all workloads that differ from commit to commit, the first of them printed. So many of
/// each that a quiet machine runs all of them in three minutes, and who wants to know before others do can.
///
/// # Errors
/// If one is not clean.
pub(crate) fn of_this_commit() -> Result<Duration, String> {
    let commit = Step::program("git", &["rev-parse", "HEAD"]).silent();
    let from = commit.ok().and_then(|done| u64::from_str_radix(done.stdout.get(..8)?, 16).ok()).unwrap_or(0);
    simulator(&[], &["--seeds", "500", "--within", "180", "--from", &from.to_string()]).run()
}
