//! The command line: flags, their defaults, and what is refused before anything starts.
//!
//! Owns flags and exit codes. Leaves the data file to `csv`. What is wrong with a flag is said by clap with
//! the flag's name, and ends with clap's own code for usage, 2.

use std::path::PathBuf;

use clap::{Parser, ValueEnum};

use crate::csv::Source;
use crate::faults::Rates;
use crate::topics::Venue;

/// Ends well.
pub(crate) const OK: u8 = 0;
/// Something was lost, doubled or unequal, or the run failed.
pub(crate) const FAILED: u8 = 1;
/// The configuration or the data cannot be used.
pub(crate) const CONFIGURATION: u8 = 78;
/// Interrupted a second time, while stopping.
pub(crate) const INTERRUPTED: u8 = 130;

/// Records that may wait for a commit before the feed waits: what the pipeline does in a few commit intervals, so that
/// the feed hardly ever holds it up; some 8 MB, so that laps stay bounded.
pub(crate) const AHEAD: u64 = 16_384;

/// How the result is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// One JSON object, documented in `report.rs`.
    Json,
    /// Tables and a plot for people.
    Table,
}

/// What lies between the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Through {
    /// A log in this process
    Memory,
    /// Apache Kafka, by way of librdkafka
    Rdkafka,
}

/// What remembers ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Remembering {
    /// Each service's process
    Memory,
    /// Redis
    Redis,
}

/// One of the processes, if they are several.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Part {
    /// Ticks in, raw signals out
    StrategyRunner,
    /// Raw signals in, validated and rejected ones out
    RiskManager,
    /// Validated signals in, orders and fills out
    TradingEngine,
    /// Fills in, portfolios out
    PortfolioManager,
    /// The market feed, and the report when all is done; makes the topics
    Feed,
}

/// Runs a whole trading pipeline in one process on real EUR/USD ticks, with planted faults, and accounts for
/// every record.
#[derive(Debug, Parser)]
#[command(name = "trading", version)]
pub(crate) struct Args {
    /// Ticks as `time,bid,ask,volume` lines, without a header [default: ticks inside the binary]
    #[arg(long, value_name = "FILE")]
    pub(crate) data: Option<PathBuf>,

    /// How often the data is repeated, each time as new events of later days
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub(crate) laps: u64,

    /// Venues to trade at, separated by commas [default: ACTIVE_BROKERS, or paper,zerodha]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', value_parser = venue)]
    pub(crate) namespaces: Option<Vec<Venue>>,

    /// Seed of every planted fault
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,

    /// How the result is shown
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) report: Format,

    /// What lies between the services
    #[arg(long, value_enum, default_value_t = Through::Memory)]
    pub(crate) transport: Through,

    /// Kafka's brokers, on this machine [default: KAFKA_BOOTSTRAP_SERVERS, or 127.0.0.1:9092]
    #[arg(long, value_name = "SERVERS")]
    pub(crate) bootstrap_server: Option<String>,

    /// Delete the pipeline's topics and groups in Kafka first
    #[arg(long)]
    pub(crate) fresh: bool,

    /// What remembers ids; Redis is at REDIS_URL, or redis://127.0.0.1:6379
    #[arg(long, value_enum, default_value_t = Remembering::Memory)]
    pub(crate) dedup: Remembering,

    /// Number of the run, the same for all its processes: a Redis knows ids of one run apart from those of another [default: one
    /// of its own; 0 with `--service`]
    #[arg(long, value_name = "NUMBER")]
    pub(crate) run: Option<u32>,

    /// Run only this part, over Kafka, until told to stop
    #[arg(long, value_enum)]
    pub(crate) service: Option<Part>,

    /// Records that may wait in all topics before the feed waits for the services: few, and it lasts as long as they do
    #[arg(long, value_name = "RECORDS", default_value_t = AHEAD)]
    pub(crate) ahead: u64,

    /// Make the dead-letter topics unwritable for a while
    #[arg(long)]
    pub(crate) break_dead_letters: bool,

    /// Times the portfolio manager is stopped in the middle and started again; every other time it crashes
    #[arg(long, value_name = "COUNT", default_value_t = 0)]
    pub(crate) restarts: u64,

    /// Ticks published twice, per lap
    #[arg(long, value_name = "COUNT", default_value_t = Rates::default().duplicates)]
    pub(crate) duplicates: u64,

    /// Events of a thousand whose first one or two attempts fail, in each service
    #[arg(long, value_name = "PERMILLE", default_value_t = Rates::default().transient, value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub(crate) transient: u64,

    /// Zerodha orders of a thousand that are refused for good
    #[arg(long, value_name = "PERMILLE", default_value_t = Rates::default().refusals, value_parser = clap::value_parser!(u64).range(0..=1000))]
    pub(crate) refusals: u64,

    /// Length of the zerodha outage in ticks of each instrument; 0 for none
    #[arg(long, value_name = "TICKS", default_value_t = Rates::default().outage)]
    pub(crate) outage: u64,

    /// Records nobody can decode, in the first lap
    #[arg(long, value_name = "COUNT", default_value_t = Rates::default().poison, value_parser = clap::value_parser!(u64).range(0..=10_000))]
    pub(crate) poison: u64,

    /// Orders a zerodha session lives
    #[arg(long, value_name = "ORDERS", default_value_t = Rates::default().session_orders, value_parser = clap::value_parser!(u64).range(10..))]
    pub(crate) session_orders: u64,
}

impl Args {
    /// The rates of all faults.
    pub(crate) fn rates(&self) -> Rates {
        Rates {
            duplicates: self.duplicates,
            transient: self.transient,
            refusals: self.refusals,
            outage: self.outage,
            poison: self.poison,
            session_orders: self.session_orders,
        }
    }

    /// What does not go together, with the reason.
    pub(crate) fn check(&self) -> Result<(), String> {
        let in_memory = self.transport == Through::Memory;
        if self.service.is_some() && in_memory {
            return Err("`--service` runs one process of several, and memory is one process's: add `--transport rdkafka`".into());
        }
        if !in_memory && (self.restarts > 0 || self.break_dead_letters) {
            let text = "`--restarts` and `--break-dead-letters` are for `--transport memory`: over Kafka run the parts with `--service`, \
                        and kill one";
            return Err(text.into());
        }
        if cfg!(not(feature = "kafka")) && (!in_memory || self.dedup == Remembering::Redis) {
            return Err("built without Kafka and Redis: cargo run --release --features kafka --example trading -- …".into());
        }
        Ok(())
    }

    /// Where the ticks come from.
    pub(crate) fn source(&self) -> Source {
        self.data.clone().map_or(Source::Embedded, Source::File)
    }

    /// The venues, each once and in a fixed order: from the flag, else from `brokers` (the value of
    /// `ACTIVE_BROKERS`), else all.
    pub(crate) fn venues(&self, brokers: Option<&str>) -> Result<Vec<Venue>, String> {
        let mut venues = match (&self.namespaces, brokers) {
            (Some(venues), _) => venues.clone(),
            (None, Some(brokers)) if !brokers.trim().is_empty() => {
                let venues: Result<Vec<_>, _> = brokers.split(',').map(|name| venue(name.trim())).collect();
                venues.map_err(|error| format!("ACTIVE_BROKERS={brokers}: {error}"))?
            }
            _ => Venue::ALL.to_vec(),
        };
        venues.sort_unstable();
        venues.dedup();
        Ok(venues)
    }
}

fn venue(name: &str) -> Result<Venue, String> {
    let known = Venue::ALL.map(Venue::name).join(", ");
    Venue::of(name).ok_or_else(|| format!("unknown namespace `{name}`; there are {known}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Args, String> {
        Args::try_parse_from(std::iter::once("trading").chain(words.split_whitespace())).map_err(|error| error.to_string())
    }

    #[test]
    fn the_defaults_are_those_of_the_plan() {
        let args = parse("").expect("no flag is needed");
        assert_eq!(args.rates(), Rates::default());
        assert_eq!(args.source(), Source::Embedded);
        assert_eq!(args.venues(None), Ok(Venue::ALL.to_vec()));
    }

    #[test]
    fn wrong_flags_are_refused_with_their_name() {
        for (words, says) in [
            ("--laps 0", "--laps"),
            ("--namespaces kite", "unknown namespace `kite`; there are paper, zerodha"),
            ("--report xml", "--report"),
            ("--transient 1001", "--transient"),
            ("--seed x", "--seed"),
            ("--speed", "--speed"),
        ] {
            let error = parse(words).expect_err(words);
            assert!(error.contains(says), "{words}: {error}");
        }
    }

    #[test]
    fn the_flag_wins_over_the_environment() {
        let args = parse("--namespaces zerodha,zerodha").expect("zerodha is known");
        assert_eq!(args.venues(Some("paper")), Ok(vec![Venue::Zerodha]));
        let args = parse("").expect("no flag is needed");
        assert_eq!(args.venues(Some("zerodha, paper")), Ok(Venue::ALL.to_vec()));
        assert_eq!(args.venues(Some("")), Ok(Venue::ALL.to_vec()));
        assert!(args.venues(Some("kite")).expect_err("kite is unknown").contains("ACTIVE_BROKERS=kite"));
    }
}
