//! Owns running the main job under many seeds. Leaves what a good report is to `report`.

use crate::report;
use crate::step::{Step, human};
use serde_json::Value;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// How many seeds
    count: u32,

    /// The first of them; the others follow
    #[arg(long, default_value_t = 1)]
    first: u32,
}

/// Runs each seed once, and the first one twice.
///
/// # Errors
/// If a report is wrong, or two runs of one seed tell different things.
pub(crate) fn run(arguments: &Arguments) -> Result<(), String> {
    let start = Instant::now();
    Step::cargo(&["build", "--release", "--example", "trading"]).run()?;
    let seeds = arguments.first..arguments.first.saturating_add(arguments.count.max(1));
    let mut failed = Vec::new();
    let mut of_first = None;
    for seed in seeds {
        let outcome = trade(seed).and_then(|(report, took)| {
            println!("seed {seed}: {} in {}", report::check(&report)?, human(took));
            Ok(report)
        });
        match outcome {
            Ok(report) => of_first = of_first.or(Some((seed, report))),
            Err(why) => {
                println!("{why}\nseed {seed}: FAILED");
                failed.push(seed.to_string());
            }
        }
    }
    if let Some((seed, report)) = of_first {
        println!("seed {seed} once more:");
        let (again, _) = trade(seed)?;
        let found = report::differences(&report::timeless(report), &report::timeless(again));
        if !found.is_empty() {
            return Err(format!("two runs of seed {seed} differ:\n- {}\n\nseeds: FAILED", found.join("\n- ")));
        }
        println!("the report is the same but for times");
    }
    if !failed.is_empty() {
        return Err(format!("seeds: FAILED for {}", failed.join(", ")));
    }
    println!("\nseeds: green for {} in {}", arguments.count.max(1), human(start.elapsed()));
    Ok(())
}

fn trade(seed: u32) -> Result<(Value, Duration), String> {
    let seed = seed.to_string();
    let run = ["run", "--quiet", "--release", "--example", "trading", "--", "--seed", &seed, "--report", "json"];
    let run = Step::cargo(&run).output()?;
    Ok((report::parse(&run.stdout)?, run.took))
}
