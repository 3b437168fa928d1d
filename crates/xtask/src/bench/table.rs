//! Owns the budgets, one row of results, and the table that compares them. Leaves measuring to the others.

use super::valgrind::Count;
use serde_json::{Value, json};
use std::fmt::Write;

/// Instructions per record: what must be kept and what is aimed at.
const BUDGETS: [(&str, f64, f64); 2] = [("lane", 600.0, 400.0), ("json300", 1_200.0, 900.0)];

/// Allocations per record that count as none: two or three for a batch of 256 are not one per record.
const NO_ALLOCATION: f64 = 0.012;

/// One scenario's results.
pub(crate) struct Row {
    pub(crate) scenario: String,
    pub(crate) about: String,
    pub(crate) instructions: Option<Count>,
    pub(crate) allocations: Option<Count>,
    pub(crate) rates: Vec<f64>,
}

impl Row {
    /// A row without results for one line of the bench binary's list.
    pub(crate) fn new(listed: &Value) -> Self {
        let text = |name: &str| listed[name].as_str().unwrap_or_default().to_owned();
        let (scenario, about) = (text("scenario"), text("about"));
        Row { scenario, about, instructions: None, allocations: None, rates: Vec::new() }
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "scenario": self.scenario,
            "about": self.about,
            "instructions": self.instructions.as_ref().map(Count::json),
            "allocations": self.allocations.as_ref().map(Count::json),
            "records_per_second": self.rates,
            "median_records_per_second": median(&self.rates),
        })
    }

    fn budget(&self) -> Option<(f64, f64)> {
        BUDGETS.iter().find(|(name, ..)| *name == self.scenario).map(|&(_, must, aim)| (must, aim))
    }
}

/// The results as text.
pub(crate) fn draw(rows: &[Row]) -> String {
    let mut out = format!(
        "{:<14} {:>12} {:>6} {:>6}  {:>12} {:>5}  {:>12} {:>20}\n",
        "scenario", "instr/record", "must", "aim", "alloc/record", "must", "M records/s", "slowest to fastest"
    );
    for row in rows {
        let count = |of: &Option<Count>, digits| {
            of.as_ref().map_or_else(|| "not counted".to_owned(), |count| format!("{:.digits$}", count.per_record().max(0.0)))
        };
        let budget = row.budget();
        let number = |of: Option<f64>| of.map_or_else(|| "-".to_owned(), |limit| format!("{limit:.0}"));
        let (must, aim, none) = (number(budget.map(|b| b.0)), number(budget.map(|b| b.1)), number(budget.map(|_| 0.0)));
        let (low, high) = row.rates.iter().fold((f64::INFINITY, 0.0_f64), |(low, high), &r| (low.min(r), high.max(r)));
        let range = format!("{:.2} to {:.2}", low / 1e6, high / 1e6);
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{:<14} {:>12} {must:>6} {aim:>6}  {:>12} {none:>5}  {:>12.2} {range:>20}",
            row.scenario,
            count(&row.instructions, 0),
            count(&row.allocations, 4),
            median(&row.rates) / 1e6,
        );
    }
    for row in rows {
        let _ = writeln!(out, "{}: {}", row.scenario, row.about);
    }
    out
}

/// The budgets that are missed, one line each, which begins with the scenario's name.
pub(crate) fn missed(rows: &[Row]) -> Vec<String> {
    let mut lines = Vec::new();
    for row in rows {
        let Some((must, _)) = row.budget() else { continue };
        if let Some(found) = row.instructions.as_ref().map(Count::per_record).filter(|found| *found > must) {
            lines.push(format!("{}: {found:.0} instructions a record, and {must:.0} are the most", row.scenario));
        }
        if let Some(found) = row.allocations.as_ref().map(Count::per_record).filter(|found| *found > NO_ALLOCATION) {
            lines.push(format!("{}: {found:.3} allocations a record, and there must be none", row.scenario));
        }
    }
    lines
}

fn median(rates: &[f64]) -> f64 {
    let mut sorted = rates.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(scenario: &str, instructions: u64, allocations: u64) -> Row {
        let listed = json!({ "scenario": scenario, "about": "x" });
        let of = |n: u64| Some(Count::linear(n));
        Row { instructions: of(instructions), allocations: of(allocations), rates: vec![3e6, 1e6, 2e6], ..Row::new(&listed) }
    }

    #[test]
    fn a_missed_budget_is_named_and_a_scenario_without_one_is_not() {
        assert_eq!(missed(&[row("lane", 600, 0), row("json300", 1_200, 0), row("by-hand", 9_999, 9)]), Vec::<String>::new());
        assert_eq!(missed(&[row("lane", 601, 0)]), ["lane: 601 instructions a record, and 600 are the most"]);
        assert_eq!(missed(&[row("json300", 900, 1)]), ["json300: 1.000 allocations a record, and there must be none"]);
    }

    #[test]
    fn the_table_shows_the_median_and_says_what_was_not_counted() {
        let mut bare = row("lane", 1, 1);
        bare.instructions = None;
        let drawn = draw(&[bare]);
        assert!(drawn.contains("not counted") && drawn.contains("2.00") && drawn.contains("1.00 to 3.00"), "{drawn}");
    }
}
