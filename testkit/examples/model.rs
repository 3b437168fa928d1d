//! Explores the small worlds of [`millstream_testkit::model`] and prints a line for each; run by `cargo xtask model`.
//!
//! Arguments: names of worlds; none means all of them. In a build with `--cfg millstream_planted` the environment's
//! `PLANTED=B01,B03` asks for these bugs, one after the other (`all`: each that can be planted), and each must be caught by
//! the worlds.

#![allow(clippy::print_stdout, reason = "a table is what it is for")]

use millstream_testkit::model::{MOST_STATES, Report, World, explore, worlds};
use std::process::ExitCode;
use std::time::Instant;

fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = names.iter().find(|name| worlds().iter().all(|world| world.name != **name)) {
        println!("there is no world `{unknown}`; there are:");
        worlds().iter().for_each(|world| println!("  {:<20} {}", world.name, world.about));
        return ExitCode::FAILURE;
    }
    let wanted: Vec<World> =
        worlds().into_iter().filter(|world| names.is_empty() || names.iter().any(|name| *name == world.name)).collect();
    #[cfg(millstream_planted)]
    if let Ok(bugs) = std::env::var("PLANTED") {
        return planted::catch(&bugs, &names);
    }
    table(wanted)
}

/// Planted bugs, each of which must be caught.
#[cfg(millstream_planted)]
mod planted {
    use super::*;
    use millstream_core::planted::{BUGS, choose};
    use millstream_testkit::model::{REACHABLE, Reachable, world};

    /// Plants the bugs named in `wanted` one after the other, each in the world that is to catch it, or in those given.
    pub(super) fn catch(wanted: &str, names: &[String]) -> ExitCode {
        let mut missed = 0;
        for bug in BUGS {
            let name = format!("B{:02}", bug.number);
            let reachable = REACHABLE.iter().find(|reachable| reachable.bug == bug.number);
            let asked = wanted.split(',').any(|word| word.eq_ignore_ascii_case(&name));
            match (reachable, asked || wanted == "all") {
                (_, false) => {}
                (None, true) if asked => {
                    println!("{name} ({}): these worlds cannot reach it\n", bug.what);
                    missed += 1;
                }
                (None, true) => {}
                (Some(reachable), true) => {
                    choose(bug.number);
                    missed += usize::from(!caught(&name, bug.what, reachable, names));
                    choose(0);
                }
            }
        }
        println!("{missed} planted bugs were not caught");
        if missed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }

    fn caught(name: &str, what: &str, reachable: &Reachable, names: &[String]) -> bool {
        let names = if names.is_empty() { vec![reachable.world.to_owned()] } else { names.to_vec() };
        println!("{name}, {what} (in {}):", reachable.kept);
        names.iter().filter_map(|name| world(name)).any(|world| {
            let report = explore(world, MOST_STATES);
            let found = report.explored.counterexample.as_ref().map(|found| found.violation.promise);
            match found {
                Some(promise) if reachable.promises.contains(&promise) => println!("{report}"),
                Some(promise) => println!("caught by {promise}, which was not expected: {report}"),
                None => println!("not caught in {}, {} states\n", report.world.name, report.explored.states),
            }
            found.is_some_and(|promise| reachable.promises.contains(&promise))
        })
    }
}

/// Explores all of them.
fn table(worlds: Vec<World>) -> ExitCode {
    println!("{}", Report::head());
    let (count, start, mut states, mut bad) = (worlds.len(), Instant::now(), 0, 0);
    for world in worlds {
        let began = Instant::now();
        let report = explore(world, MOST_STATES);
        println!("{}", report.line(began.elapsed()));
        print!("{report}");
        states += report.explored.states;
        bad += usize::from(!report.is_good());
    }
    println!("{count} worlds, {states} states in {:.1} s: {bad} not as they should be", start.elapsed().as_secs_f64());
    if bad == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
