//! Owns the table: a row for each file, and their sum.

use super::list::{Fate, Mutant};
use crate::step::human;
use std::fmt;
use std::time::Duration;

/// One file's mutants.
#[derive(Clone, Default)]
pub(crate) struct Row {
    file: String,
    mutants: usize,
    /// Caught in the first stage, and in those behind it.
    caught: [usize; 2],
    timed_out: usize,
    unviable: usize,
    listed: usize,
    survivors: usize,
    took: Duration,
}

impl Row {
    /// The row of a file.
    pub(crate) fn new(file: &str, found: &[(Mutant, Fate, usize)], listed: impl Fn(&Mutant) -> bool, took: Duration) -> Self {
        let short = file.rsplit_once("/src/").map_or(file, |(_, short)| short);
        let mut row = Row { file: short.to_owned(), mutants: found.len(), took, ..Row::default() };
        for (mutant, fate, stage) in found {
            *match fate {
                Fate::Caught(_) => &mut row.caught[(*stage).min(1)],
                Fate::TimedOut(_) => &mut row.timed_out,
                Fate::Unviable => &mut row.unviable,
                Fate::Missed if listed(mutant) => &mut row.listed,
                Fate::Missed => &mut row.survivors,
            } += 1;
        }
        row
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { file, mutants, caught: [first, later], timed_out, unviable, listed, survivors, took } = self;
        let took = human(*took);
        writeln!(
            f,
            "{file:<34} {mutants:>7} {first:>7} {later:>7} {timed_out:>8} {unviable:>8} {listed:>7} {survivors:>9}  {took:>12}"
        )
    }
}

/// The heads of the columns.
pub(crate) fn head() -> String {
    format!(
        "{:<34} {:>7} {:>7} {:>7} {:>8} {:>8} {:>7} {:>9}  {:>12}\n",
        "file", "mutants", "caught", "later", "timeouts", "unviable", "listed", "survivors", "took"
    )
}

/// All rows and their sum.
pub(crate) fn draw(rows: &[Row]) -> String {
    let mut sum = Row { file: "all".to_owned(), ..Row::default() };
    for row in rows {
        sum.mutants += row.mutants;
        sum.caught = [sum.caught[0] + row.caught[0], sum.caught[1] + row.caught[1]];
        sum.timed_out += row.timed_out;
        sum.unviable += row.unviable;
        sum.listed += row.listed;
        sum.survivors += row.survivors;
        sum.took += row.took;
    }
    let rows: String = rows.iter().map(Row::to_string).collect();
    format!("{}{rows}{sum}", head())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mutant_is_counted_once_and_the_sum_has_them_all() {
        let mutant = Mutant::default();
        let by = || "t".to_owned();
        let fates =
            [(Fate::Caught(by()), 0), (Fate::Caught(by()), 2), (Fate::TimedOut(by()), 1), (Fate::Unviable, 0), (Fate::Missed, 2)];
        let found = fates.map(|(fate, stage)| (mutant.clone(), fate, stage));
        let row = |listed| Row::new("crates/core/src/engine/f.rs", &found, |_| listed, Duration::from_secs(2));
        let numbers =
            |line: &str| line.split_whitespace().skip(1).take(7).map(|n| n.parse().expect("a number")).collect::<Vec<u32>>();
        assert_eq!(numbers(&row(false).to_string()), [5, 1, 1, 1, 1, 0, 1]);
        assert_eq!(numbers(&row(true).to_string()), [5, 1, 1, 1, 1, 1, 0]);
        let drawn = draw(&[row(false), row(true)]);
        assert_eq!(numbers(drawn.lines().last().expect("a sum")), [10, 2, 2, 2, 2, 1, 1], "{drawn}");
    }
}
