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

/// What every test run repeats: the first seeds of the orders. Seeds that differ from commit to commit come in their place as soon
/// as the seeds are mended that are known not to be clean.
///
/// # Errors
/// If one is not clean.
pub(crate) fn of_every_test() -> Result<Duration, String> {
    simulator(&[], &["--workload", "orders", "--seeds", "300"]).run()
}
