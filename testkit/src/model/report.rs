//! Owns what is said of a search: a line in a table, and the trace of a violation.

use super::search::{Explored, search};
use super::universe::Universe;
use super::world::World;
use std::fmt;
use std::time::Duration;

/// The most states of one world: with fifty bytes each a few gigabytes at most.
pub const MOST_STATES: usize = 40_000_000;

/// A world that was explored.
#[derive(Clone, Debug)]
pub struct Report {
    /// The world.
    pub world: World,
    /// What was found.
    pub explored: Explored,
}

/// Explores a world, up to `limit` states.
pub fn explore(world: World, limit: usize) -> Report {
    let explored = search(&Universe::new(world.clone()), limit);
    Report { world, explored }
}

impl Report {
    /// Whether all of it was seen, and nothing is broken.
    pub fn is_good(&self) -> bool {
        self.explored.complete && self.explored.counterexample.is_none()
    }

    /// The head of the table.
    pub fn head() -> String {
        format!("{:<20} {:>11} {:>11} {:>6} {:>8} {:>9}  {}", "world", "states", "steps", "depth", "at rest", "time", "found")
    }

    /// Its line in the table.
    pub fn line(&self, took: Duration) -> String {
        let Explored { states, steps, depth, at_rest, complete, counterexample } = &self.explored;
        let found = match counterexample {
            Some(found) => format!("{} broken after {} steps", found.violation.promise, found.trace.len()),
            None if *complete => String::from("0 violations"),
            None => String::from("0 violations in a part of it"),
        };
        let took = format!("{:.2} s", took.as_secs_f64());
        format!("{:<20} {states:>11} {steps:>11} {depth:>6} {at_rest:>8} {took:>9}  {found}", self.world.name)
    }
}

impl fmt::Display for Report {
    /// The violation and its trace, one line a step; nothing if there is none.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(found) = &self.explored.counterexample else { return Ok(()) };
        writeln!(f, "{} breaks {}", self.world.name, found.violation)?;
        for (number, line) in (1..).zip(&found.trace) {
            writeln!(f, "{number:>4}. {line}")?;
        }
        Ok(())
    }
}
