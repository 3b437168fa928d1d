//! The report: one object that says how the run went.
//!
//! Owns its fields and what a good run is. Leaves rendering for people to `table`. With one seed and the same
//! data every field is the same in each run, but `seconds`, `records_per_second` and the counts of `broken`.
//!
//! `--report json` prints it as one object:
//!
//! ```json
//! { "seed": 1, "laps": 1, "namespaces": ["paper", "zerodha"],
//!   "ticks": 9500,
//!   "topics": [ { "topic": "market.ticks", "produced": 9905, "done": 9500, "deduplicated": 400, "retried": 302,
//!                 "dead_lettered": 5, "skipped": 0, "lost": 0 } ],
//!   "lost": 0, "doubled": 0, "oracle_equal": true, "difference": null, "findings": [],
//!   "planted": { "duplicates": 400, "retries": 947, "outage": 360, "refusals": 30, "poison": 8 },
//!   "found": { "duplicates": 400, "retries": 947, "dead_letters": 38 },
//!   "broken": null,
//!   "portfolios": [ { "namespace": "paper", "fills": 1022, "realised": "-63.86", "unrealised": "-0.27",
//!                     "profit": "-64.13", "instruments": [ { "instrument": "EURUSD.0", "fills": 127 } ] } ],
//!   "dead_letters": [ { "topic": "market.ticks", "key": "EURUSD.3", "id": "…", "reason": "poison",
//!                       "message": "…", "attempts": "0" } ],
//!   "seconds": 0.749, "records_per_second": 39439 }
//! ```

use std::time::Duration;

use rust_decimal::Decimal;
use serde::Serialize;

use crate::compare::Difference;
use crate::conductor::Broken;
use crate::events::PnlSnapshot;
use crate::feed::Feed;
use crate::oracle::{Oracle, Planted};
use crate::readback::{Findings, Letter};
use crate::topics::{TICKS, Venue};
use crate::verdict::TopicRow;

/// What `--report json` prints. Decimals are strings.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    /// The seed of every planted fault.
    pub(crate) seed: u64,
    /// Times the data was repeated.
    pub(crate) laps: u64,
    /// The namespaces traded in.
    pub(crate) namespaces: Vec<&'static str>,
    /// Different ticks published: without duplicates and poison.
    pub(crate) ticks: u64,
    /// Every topic, in the order in which a tick travels.
    pub(crate) topics: Vec<TopicRow>,
    /// Sum of `topics[].lost`: records without an end, and outputs that should be there and are not.
    pub(crate) lost: u64,
    /// Effects that happened more than once, or that no record accounts for.
    pub(crate) doubled: u64,
    /// Whether fills, positions and profit equal the sequential oracle's to the last digit.
    pub(crate) oracle_equal: bool,
    /// If not: the first place where they part.
    pub(crate) difference: Option<Difference>,
    /// The first lost and doubled ids, in words.
    pub(crate) findings: Vec<String>,
    /// What was planted, by the plan.
    pub(crate) planted: Planted,
    /// What was found of it, by reading back.
    pub(crate) found: Found,
    /// With `--break-dead-letters`: how it went meanwhile.
    pub(crate) broken: Option<Broken>,
    /// Positions and profit of each namespace.
    pub(crate) portfolios: Vec<Portfolio>,
    /// Dead letters, sorted, the first hundred.
    pub(crate) dead_letters: Vec<Letter>,
    /// Seconds from the first record published to the last one settled.
    pub(crate) seconds: f64,
    /// Records of all topics in a second.
    pub(crate) records_per_second: u64,
}

/// What was found of the planted faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Found {
    /// Further records of a tick that had no effect.
    pub(crate) duplicates: u64,
    /// Attempts that failed and were followed by another.
    pub(crate) retries: u64,
    /// Records in dead-letter topics.
    pub(crate) dead_letters: u64,
}

/// One namespace's portfolio.
#[derive(Debug, Serialize)]
pub(crate) struct Portfolio {
    pub(crate) namespace: &'static str,
    pub(crate) fills: u64,
    /// Profit of closed trades, fees taken off.
    pub(crate) realised: Decimal,
    /// Profit of what is held, at the last fill's middle of the market.
    pub(crate) unrealised: Decimal,
    /// Both together.
    pub(crate) profit: Decimal,
    /// The last snapshot of each instrument.
    pub(crate) instruments: Vec<PnlSnapshot>,
}

impl Report {
    /// Puts together what was found.
    pub(crate) fn new(feed: &Feed, oracle: &Oracle, findings: &Findings, broken: Option<Broken>, took: Duration) -> Self {
        let verdict = &findings.verdict;
        let sum = |field: fn(&TopicRow) -> u64| verdict.rows.iter().map(field).sum::<u64>();
        let ticks = verdict.rows.iter().find(|row| row.topic == TICKS.as_str());
        let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self {
            seed: feed.faults.seed,
            laps: feed.laps,
            namespaces: feed.venues.iter().map(|venue| venue.name()).collect(),
            ticks: oracle.ticks,
            topics: verdict.rows.clone(),
            lost: verdict.lost,
            doubled: verdict.doubled,
            oracle_equal: findings.difference.is_none(),
            difference: findings.difference.clone(),
            findings: verdict.findings.clone(),
            planted: oracle.planted,
            found: Found {
                duplicates: ticks.map_or(0, |row| row.deduplicated),
                retries: sum(|row| row.retried),
                dead_letters: sum(|row| row.dead_lettered),
            },
            broken,
            portfolios: feed.venues.iter().map(|venue| portfolio(*venue, findings)).collect(),
            dead_letters: findings.letters.clone(),
            seconds: millis as f64 / 1000.0,
            records_per_second: sum(|row| row.produced) * 1000 / millis.max(1),
        }
    }

    /// Whether nothing was lost, doubled or unequal.
    pub(crate) fn is_good(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.oracle_equal
    }
}

fn portfolio(venue: Venue, findings: &Findings) -> Portfolio {
    let own = findings.portfolios.iter().filter(|(account, _)| account.0 == venue);
    let instruments: Vec<PnlSnapshot> = own.map(|(_, snapshot)| snapshot.clone()).collect();
    let realised = instruments.iter().map(|snapshot| snapshot.realised).sum::<Decimal>();
    let unrealised = instruments.iter().map(|snapshot| snapshot.unrealised).sum::<Decimal>();
    let fills = instruments.iter().map(|snapshot| snapshot.fills).sum();
    Portfolio { namespace: venue.name(), fills, realised, unrealised, profit: realised + unrealised, instruments }
}
