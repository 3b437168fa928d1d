//! Runs the simulator over Millstream's own workloads. `cargo xtask sim` and `cargo xtask kill-matrix` start it.
//!
//! | file | noun |
//! | --- | --- |
//! | `seeds` | many seeds of one workload, on all cores |
//! | `matrix` | the kill matrix: each planted bug against the seeds |
//! | `aims` | where each planted bug is looked for |
//! | `workloads` | the workloads by name |

#![allow(clippy::print_stdout, reason = "what it prints is what it is for")]

#[cfg(millstream_planted)]
mod aims;
#[cfg(millstream_planted)]
mod matrix;
mod seeds;
mod workloads;

use clap::{Parser, ValueEnum};
use millstream_testkit::sim::Mode;
use std::process::ExitCode;

/// Which modes are run.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Modes {
    /// Faults all along.
    Safety,
    /// Faults stop.
    Liveness,
    /// One after the other.
    Both,
}

impl Modes {
    fn all(self) -> &'static [Mode] {
        match self {
            Modes::Safety => &[Mode::Safety],
            Modes::Liveness => &[Mode::Liveness],
            Modes::Both => &[Mode::Safety, Mode::Liveness],
        }
    }
}

/// Runs seeds of the simulator.
#[derive(Parser)]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Which modes
    #[arg(long, value_enum, default_value = "both")]
    mode: Modes,
    /// Which workload; all if none is named
    #[arg(long)]
    workload: Option<String>,
    /// Run this seed and print all that happened
    #[arg(long)]
    replay: Option<u64>,
    /// How many seeds run at a time; as many as there are cores if not given
    #[arg(long)]
    jobs: Option<usize>,
    /// Stop after so many seconds, of which each workload and mode has its share
    #[arg(long)]
    within: Option<u64>,
    /// Run every planted bug against the seeds
    #[arg(long)]
    matrix: bool,
    /// Choose a planted bug, as B01; for the matrix several, as B01,B02
    #[arg(long)]
    planted: Option<String>,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Handlers panic as they are told to, and planted bugs make assertions fail: the report says what matters of it.
    std::panic::set_hook(Box::new(|_| {}));
    let done = match run(&arguments) {
        Ok(clean) => clean,
        Err(why) => {
            println!("{why}");
            false
        }
    };
    if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[cfg(millstream_planted)]
fn run(arguments: &Arguments) -> Result<bool, String> {
    if arguments.matrix {
        return matrix::run(arguments);
    }
    if let Some(name) = &arguments.planted {
        millstream_core::planted::choose(matrix::number(name)?);
    }
    seeds::run(arguments)
}

#[cfg(not(millstream_planted))]
fn run(arguments: &Arguments) -> Result<bool, String> {
    if arguments.matrix || arguments.planted.is_some() {
        return Err("this build has no planted bugs: use `cargo xtask kill-matrix`".into());
    }
    seeds::run(arguments)
}
