//! `millstream-bench`: runs one scenario once and prints what it took as one line of JSON. Leaves repeating, counting
//! instructions and comparing to `cargo xtask bench`, and the scenarios themselves to `scenario`.
//!
//! ```text
//! cargo run --release --bin millstream-bench -- --scenario by-hand --records 500000
//! {"scenario":"by-hand","records":500000,"seconds":0.0312,"records_per_second":16025641.0}
//! ```

#![allow(clippy::print_stdout, reason = "the line it prints is its purpose")]

mod input;
mod scenario;

use clap::Parser;
use millstream_core::clock::Clock;
use scenario::Scenario;
use serde_json::json;

/// Runs one benchmark scenario once.
#[derive(Parser)]
#[command(name = "millstream-bench")]
struct Arguments {
    /// Which scenario.
    #[arg(long, required_unless_present = "list", value_parser = scenario::names())]
    scenario: Option<String>,

    /// How many records; each scenario checks that it handled exactly as many.
    #[arg(long, default_value_t = 500_000)]
    records: u32,

    /// Run once before the measured time, so that code and allocator are warm.
    #[arg(long)]
    warm: bool,

    /// Prepare the input and stop: what this costs is subtracted where allocations are counted.
    #[arg(long, conflicts_with = "warm")]
    prepare_only: bool,

    /// Print the scenarios, one JSON object a line, and stop.
    #[arg(long)]
    list: bool,
}

fn main() {
    let arguments = Arguments::parse();
    if arguments.list {
        for Scenario { name, about, quick, .. } in scenario::ALL {
            println!("{}", json!({ "scenario": name, "about": about, "quick": quick }));
        }
        return;
    }
    let chosen = scenario::ALL.iter().find(|one| Some(one.name) == arguments.scenario.as_deref());
    let chosen = chosen.expect("the parser took no other name");
    let records = arguments.records;
    if arguments.warm {
        assert_eq!((chosen.prepare)(records)(), u64::from(records), "the warm-up lost or doubled a record");
    }
    let run = (chosen.prepare)(records);
    if arguments.prepare_only {
        // Not freed, as a run does not free it either: what that costs would be taken off the figure.
        std::mem::forget(std::hint::black_box(run));
        println!("{}", json!({ "scenario": chosen.name, "records": records, "prepared_only": true }));
        return;
    }
    let clock = Clock::new();
    let before = clock.now();
    let handled = measured(run);
    let seconds = clock.now().since(before).as_secs_f64();
    assert_eq!(handled, u64::from(records), "the scenario lost or doubled a record");
    println!(
        "{}",
        json!({
            "scenario": chosen.name,
            "records": records,
            "seconds": seconds,
            "records_per_second": f64::from(records) / seconds,
        })
    );
}

/// What is measured; a function of its own, so that callgrind can count in it alone.
#[inline(never)]
fn measured(run: scenario::Run) -> u64 {
    std::hint::black_box(run)()
}
