//! The trading pipeline: one process, four services, real ticks, planted faults, and an account of every record.
//!
//! Owns the order of things: flags, data, oracle, run, report, exit code. Leaves each of them to its module.
//!
//! ```text
//! market feed → market.ticks → strategy runner → {ns}.signals.raw → risk manager → {ns}.signals.validated
//!   → trading engine → {ns}.orders.{submitted,ack,filled} → portfolio manager → {ns}.pnl.snapshots
//! ```
//!
//! | to read | file |
//! | --- | --- |
//! | the services, to copy | `market_feed` `strategy_runner` `risk_manager` `trading_engine` `portfolio_manager` |
//! | the business, pure | `events` `window` `strategies` `desk` `risk` `order` `portfolio` |
//! | venues | `trader` `zerodha` (adapter) `sdk` (simulated broker) |
//! | data and faults | `csv` `csv_line` `feed` `faults` `poison` |
//! | proof | `oracle` `compare` `effects` `audit` `readback` |
//! | what is shown | `cli` `report` `table` `equity` `progress` |
//! | small tools | `ids` `keyed` `topics` |

mod audit;
mod cli;
mod compare;
mod csv;
mod csv_line;
mod desk;
mod effects;
mod equity;
mod events;
mod faults;
mod feed;
mod ids;
mod keyed;
mod market_feed;
mod oracle;
mod order;
mod poison;
mod portfolio;
mod portfolio_manager;
mod progress;
#[cfg(test)]
mod proof;
mod readback;
mod rehearsal;
mod report;
mod risk;
mod risk_manager;
mod sdk;
mod standin;
mod strategies;
mod strategy_runner;
mod table;
mod topics;
mod trader;
mod trading_engine;
mod window;
mod zerodha;

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use clap::Parser;

use crate::cli::{Args, CONFIGURATION, FAILED, Format, OK};
use crate::effects::Effects;
use crate::equity::Equity;
use crate::faults::Faults;
use crate::feed::{Feed, INSTRUMENTS};
use crate::oracle::Oracle;
use crate::progress::Progress;
use crate::readback::Readback;
use crate::rehearsal::Rehearsal;
use crate::report::Report;

/// A message for people, and the exit code it comes with.
struct Ended(u8, String);

fn main() -> ExitCode {
    let args = Args::parse();
    let ended = prepare(&args).and_then(|feed| {
        let (report, equity) = run(&args, &feed)?;
        show(&args, &report, &equity)?;
        Ok(if report.is_good() { OK } else { FAILED })
    });
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(Ended(code, message)) => {
            let _ = writeln!(io::stderr(), "error: {message}");
            ExitCode::from(code)
        }
    }
}

/// Checks everything that can be wrong before anything starts.
fn prepare(args: &Args) -> Result<Feed, Ended> {
    let configuration = |message| Ended(CONFIGURATION, message);
    let brokers = std::env::var("ACTIVE_BROKERS").ok();
    let venues = args.venues(brokers.as_deref()).map_err(configuration)?;
    let source = args.source();
    let extent = source.check().map_err(|error| configuration(error.to_string()))?;
    let faults = Faults::new(args.seed, args.rates(), extent.ticks, INSTRUMENTS);
    Ok(Feed { source, extent, laps: args.laps, faults, venues })
}

#[tokio::main(flavor = "current_thread")]
async fn run(args: &Args, feed: &Feed) -> Result<(Report, Equity), Ended> {
    let data = |error: csv::DataError| Ended(CONFIGURATION, error.to_string());
    let oracle = Oracle::run(feed, |_, _, _| {}).map_err(data)?;
    let effects = Arc::new(Effects::new(&feed.venues));
    let mut readback = Readback::new(feed, &oracle);
    let started = Instant::now();
    let mut rehearsal =
        Rehearsal::new(feed, &effects, &mut readback, args.break_dead_letters).with_progress(Progress::new(feed.total()));
    market_feed::publish(feed, &effects, &mut rehearsal).await.map_err(|error| Ended(FAILED, error.to_string()))?;
    rehearsal.mend_dead_letters();
    let retried = std::mem::take(&mut rehearsal.retried);
    drop(rehearsal);
    let took = started.elapsed();
    let findings = readback.finish(&effects, &retried, &BTreeMap::new()).map_err(data)?;
    let report = Report::new(feed, &oracle, &findings, took);
    Ok((report, findings.equity))
}

/// Prints the report; a reader that has gone away is no error.
fn show(args: &Args, report: &Report, equity: &Equity) -> Result<(), Ended> {
    let text = match args.report {
        Format::Json => serde_json::to_string_pretty(report).map_err(|error| Ended(FAILED, error.to_string()))? + "\n",
        Format::Table => {
            let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
            table::render(report, equity, colour)
        }
    };
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Ended(FAILED, format!("the report cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}
