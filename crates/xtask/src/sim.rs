//! Owns running the simulator: seeds, and the kill matrix with its broken variants. Leaves what they are to `millstream-sim`.

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

/// Runs each planted bug against the seeds.
///
/// # Errors
/// If one survives.
pub(crate) fn kill_matrix(arguments: &Arguments) -> Result<(), String> {
    let words: Vec<&str> = ["--matrix"].into_iter().chain(arguments.simulator.iter().map(String::as_str)).collect();
    let step = simulator(&["--target-dir", PLANTED], &words);
    step.env("RUSTFLAGS", "--cfg millstream_planted").run().map(drop)
}

/// What a test run has time for: seeds that differ from commit to commit, the first of them printed.
///
/// # Errors
/// If one is not clean.
pub(crate) fn of_this_commit() -> Result<Duration, String> {
    let commit = Step::program("git", &["rev-parse", "HEAD"]).silent();
    let from = commit.ok().and_then(|done| u64::from_str_radix(done.stdout.get(..8)?, 16).ok()).unwrap_or(0);
    // With the building of it, three minutes.
    simulator(&[], &["--seeds", "1000", "--within", "120", "--from", &from.to_string()]).run()
}
