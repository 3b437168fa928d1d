//! Owns showing that planted bugs are for tests only: each leaves a mark in the program that it is compiled into, and normal
//! builds have none.

use crate::step::{Step, root};
use std::collections::BTreeSet;
use std::time::Duration;

/// How many bugs there are to plant.
const BUGS: u8 = 67;
/// A mark begins with this, and ends with the bug's name, as `B01`.
const MARK: &[u8] = b"millstream-planted-B";

/// The numbers of the bugs whose marks are in a program.
fn marks(program: &[u8]) -> BTreeSet<u8> {
    let digits = |at: usize| std::str::from_utf8(program.get(at..at + 2)?).ok()?.parse().ok();
    let starts = program.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
    starts.filter_map(|(at, _)| digits(at + MARK.len())).collect()
}

fn marks_of(file: &str) -> Result<BTreeSet<u8>, String> {
    let program = std::fs::read(root().join(file)).map_err(|error| format!("{file} cannot be read: {error}"))?;
    Ok(marks(&program))
}

/// Looks into a program that users could have.
///
/// # Errors
/// If a bug is planted in it.
pub(crate) fn none_in(file: &str) -> Result<(), String> {
    let found = marks_of(file)?;
    if found.is_empty() {
        println!("{file}: no planted bug");
        return Ok(());
    }
    Err(format!("{file} has planted bugs: {found:?}"))
}

/// Looks into a program that is to have them all: the check can fail.
///
/// # Errors
/// If one is missing.
pub(crate) fn all_in(file: &str) -> Result<(), String> {
    let found = marks_of(file)?;
    let missing: Vec<u8> = (1..=BUGS).filter(|number| !found.contains(number)).collect();
    if missing.is_empty() {
        println!("{file}: all {BUGS} planted bugs");
        return Ok(());
    }
    Err(format!("{file} lacks the planted bugs {missing:?}"))
}

/// Builds what has none, as it is released and as it is simulated, and looks.
///
/// # Errors
/// If it cannot be built, or has one.
pub(crate) fn none_in_normal_builds() -> Result<Duration, String> {
    let trading = Step::cargo(&["build", "--quiet", "--release", "--package", "millstream-examples", "--example", "trading"]);
    let simulator = Step::cargo(&["build", "--quiet", "--profile", "sim", "--package", "millstream-sim"]);
    let took = trading.run()? + simulator.run()?;
    none_in("target/release/examples/trading")?;
    none_in("target/sim/millstream-sim")?;
    Ok(took)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_wherever_they_lie() {
        let program = b"\x7fELF..millstream-planted-B07\0\xffmillstream-planted-B61millstream-planted-Bxmillstream-planted-B";
        assert_eq!(marks(program), BTreeSet::from([7, 61]));
        assert_eq!(marks(b"\x7fELF, and nothing else"), BTreeSet::new());
    }
}
