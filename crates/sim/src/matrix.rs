//! Owns the kill matrix: each planted bug against the seeds, until one catches it.

use crate::{Arguments, workloads};
use millstream_core::planted::{BUGS, Bug, choose};
use millstream_testkit::sim::Mode;
use std::time::Instant;

/// The number of a bug's name, as `B01`.
pub(crate) fn number(name: &str) -> Result<u8, String> {
    let known = |bug: &&Bug| format!("B{:02}", bug.number) == name;
    BUGS.iter().find(known).map(|bug| bug.number).ok_or_else(|| format!("there is no planted bug {name}"))
}

/// Runs all of them, or the one that was named; answers whether each was caught within its bound.
pub(crate) fn run(arguments: &Arguments) -> bool {
    let chosen = arguments.planted.as_deref();
    let workloads = workloads::named(arguments.workload.as_deref()).unwrap_or_default();
    println!("| bug | what it does wrong | named | caught by | seeds | bound | where |");
    println!("| --- | --- | --- | --- | --- | --- | --- |");
    choose(0);
    let clean = |seed: u64| {
        workloads.iter().all(|(_, make)| {
            [Mode::Safety, Mode::Liveness].into_iter().all(|mode| make().run(arguments.from + seed, mode).is_clean())
        })
    };
    if let Some(seed) = (0..20).find(|seed| !clean(*seed)) {
        println!("without any planted bug seed {} is not clean: what is caught below may be that", arguments.from + seed);
    }
    let (mut caught, mut all) = (0, 0);
    for bug in BUGS.iter().filter(|bug| chosen.is_none_or(|name| number(name) == Ok(bug.number))) {
        choose(bug.number);
        all += 1;
        let began = Instant::now();
        let mut found: Option<(u64, String, String)> = None;
        'seeds: for seed in 0..u64::from(bug.seeds) {
            for (name, make) in &workloads {
                for mode in [Mode::Safety, Mode::Liveness] {
                    let report = make().run(arguments.from + seed, mode);
                    let named = |invariant: &str| bug.caught_by.split(['/', ' ']).any(|word| word == invariant);
                    let by = report.violations.iter().find(|violation| named(&violation.invariant)).or(report.violations.first());
                    if let Some(violation) = by {
                        let place = format!("{name}, {mode:?}: {}", violation.text.replace('|', "/"));
                        found = Some((seed + 1, violation.invariant.clone(), place));
                        break 'seeds;
                    }
                }
            }
        }
        let took = began.elapsed().as_secs_f64();
        match found {
            Some((seeds, by, place)) => {
                caught += 1;
                println!("| B{:02} | {} | {} | {by} | {seeds} | {} | {place} |", bug.number, bug.what, bug.caught_by, bug.seeds);
            }
            None => {
                println!(
                    "| B{:02} | {} | {} | **survived** | – | {} | {took:.0} s |",
                    bug.number, bug.what, bug.caught_by, bug.seeds
                );
            }
        }
    }
    choose(0);
    println!("\n{caught} of {all} caught");
    caught == all
}
