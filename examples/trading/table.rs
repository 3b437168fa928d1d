//! The report for people: tables and the equity curve.
//!
//! Owns columns and words. Leaves numbers to `report`. Colour marks what is wrong, only where the caller says
//! that a terminal wants it.

use std::fmt::Write as _;

use crate::equity::Equity;
use crate::report::{Portfolio, Report};
use crate::topics::Venue;

/// Renders the report.
pub(crate) fn render(report: &Report, equity: &Equity, colour: bool) -> String {
    let mut text = String::new();
    topics(&mut text, report);
    let _ = writeln!(
        text,
        "\nplanted {} duplicates, {} retries ({} in the outage), {} refusals, {} poison records\nfound   {} duplicates, {} retries, {} dead letters\n",
        report.planted.duplicates,
        report.planted.retries,
        report.planted.outage,
        report.planted.refusals,
        report.planted.poison,
        report.found.duplicates,
        report.found.retries,
        report.found.dead_letters,
    );
    if let Some(broken) = &report.broken {
        let _ = writeln!(
            text,
            "dead-letter topics broken from tick {} to {}: {} events handled meanwhile, {} records held back until they were mended\n",
            broken.from_tick, broken.to_tick, broken.handled_meanwhile, broken.held_back
        );
    }
    for portfolio in &report.portfolios {
        positions(&mut text, portfolio);
        if let Some(venue) = Venue::of(portfolio.namespace) {
            let _ = writeln!(text, "equity of {venue}, in price times units, over market time\n{}", equity.plot(venue));
        }
    }
    for finding in &report.findings {
        let _ = writeln!(text, "finding: {finding}");
    }
    if let Some(difference) = &report.difference {
        let event =
            |event: &Option<serde_json::Value>| event.as_ref().map_or_else(|| "nothing more".to_owned(), ToString::to_string);
        let _ = writeln!(
            text,
            "{} {} of {} in {}:\n  oracle: {}\n  log:    {}",
            difference.what,
            difference.number,
            difference.instrument,
            difference.namespace,
            event(&difference.expected),
            event(&difference.actual)
        );
    }
    let (paint, plain) = match (colour, report.is_good()) {
        (false, _) => ("", ""),
        (true, true) => ("\u{1b}[32m", "\u{1b}[0m"),
        (true, false) => ("\u{1b}[31m", "\u{1b}[0m"),
    };
    let oracle = if report.oracle_equal { "equals the oracle to the last digit" } else { "differs from the oracle" };
    let _ = writeln!(
        text,
        "{paint}{} ticks, lost {}, doubled {}, {oracle}{plain}; {:.3} s, {} records/s, seed {}",
        report.ticks, report.lost, report.doubled, report.seconds, report.records_per_second, report.seed
    );
    text
}

fn topics(text: &mut String, report: &Report) {
    let wide = report.topics.iter().map(|row| row.topic.len()).max().unwrap_or(0).max(5);
    let _ = writeln!(
        text,
        "{:<wide$} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>6}",
        "topic", "produced", "done", "deduped", "retried", "dead", "skipped", "lost"
    );
    for row in &report.topics {
        let _ = writeln!(
            text,
            "{:<wide$} {:>9} {:>9} {:>9} {:>8} {:>8} {:>8} {:>6}",
            row.topic, row.produced, row.done, row.deduplicated, row.retried, row.dead_lettered, row.skipped, row.lost
        );
    }
}

fn positions(text: &mut String, portfolio: &Portfolio) {
    let _ = writeln!(
        text,
        "{:<10} {:>6} {:>9} {:>13} {:>16} {:>16}",
        portfolio.namespace, "fills", "position", "average", "realised", "unrealised"
    );
    for held in &portfolio.instruments {
        let _ = writeln!(
            text,
            "{:<10} {:>6} {:>9} {:>13} {:>16} {:>16}",
            held.instrument,
            held.fills,
            held.position.normalize(),
            held.average_price.normalize(),
            held.realised.normalize(),
            held.unrealised.normalize()
        );
    }
    let _ = writeln!(
        text,
        "{:<10} {:>6} {:>9} {:>13} {:>16} {:>16}\n",
        "together",
        portfolio.fills,
        "",
        "",
        portfolio.realised.normalize(),
        portfolio.unrealised.normalize()
    );
}
