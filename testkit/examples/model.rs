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
        return planted::catch(&bugs, &wanted);
    }
    table(wanted)
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
