//! The oracle: the whole pipeline as one sequential loop, without framework, topics, faults or threads.
//!
//! Owns what must come out: fills and snapshots per key in order, portfolios, and how many failures the plan
//! holds. Calls the very functions that the services call. Leaves comparing to `compare`. It keeps an 8-byte
//! digest per fill and snapshot, so a long run stays small.

use std::collections::{BTreeMap, HashMap};

use crate::csv::DataError;
use crate::desk::Desk;
use crate::events::{OrderFilled, PnlSnapshot, Tick};
use crate::faults::{Faults, Trouble};
use crate::feed::Feed;
use crate::ids::{fingerprint, tick_id};
use crate::order::Order;
use crate::portfolio::Holding;
use crate::risk::{Exposures, Limits, judge};
use crate::strategies::book;
use crate::topics::Venue;

/// One portfolio: a namespace and an instrument.
pub(crate) type Account = (Venue, String);

/// What the log must hold for one account, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Expected {
    pub(crate) fills: Vec<u64>,
    pub(crate) snapshots: Vec<u64>,
    pub(crate) portfolio: Option<PnlSnapshot>,
}

/// What the plan of faults holds for this data.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Planted {
    pub(crate) duplicates: u64,
    /// Attempts that fail and are followed by another.
    pub(crate) retries: u64,
    /// Of these, attempts that meet the outage.
    pub(crate) outage: u64,
    /// Orders refused for good; each ends as a dead letter.
    pub(crate) refusals: u64,
    /// Records nobody can decode; each ends as a dead letter.
    pub(crate) poison: u64,
}

/// What must come out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Oracle {
    pub(crate) ticks: u64,
    /// Signals of one namespace; all namespaces see the same.
    pub(crate) signals: u64,
    pub(crate) validated: u64,
    pub(crate) rejected: BTreeMap<String, u64>,
    pub(crate) accounts: BTreeMap<Account, Expected>,
    pub(crate) planted: Planted,
}

/// A digest of an event, for comparing without keeping it.
pub(crate) fn digest<T: serde::Serialize>(event: &T) -> u64 {
    let json = serde_json::to_vec(event).expect("an event of this example has string keys and no failing field");
    u64::try_from(fingerprint(&json) >> 64).unwrap_or(0)
}

impl Oracle {
    /// Runs the feed through the pipeline; `each` sees every fill with its snapshot.
    pub(crate) fn run(feed: &Feed, each: impl FnMut(Venue, &OrderFilled, &PnlSnapshot)) -> Result<Self, DataError> {
        let mut oracle = Self::of(feed.ticks(), &feed.faults, &feed.venues, each)?;
        oracle.planted.duplicates = feed.faults.duplicates_per_lap() * feed.laps;
        oracle.planted.poison = feed.faults.rates.poison;
        Ok(oracle)
    }

    /// Runs these ticks through the pipeline, each once.
    pub(crate) fn of<E>(
        ticks: impl Iterator<Item = Result<Tick, E>>,
        faults: &Faults,
        venues: &[Venue],
        mut each: impl FnMut(Venue, &OrderFilled, &PnlSnapshot),
    ) -> Result<Self, E> {
        let (strategies, limits) = (book(), Limits::default());
        let mut instruments: HashMap<String, (Desk, Exposures)> = HashMap::new();
        let mut holdings: HashMap<Account, Holding> = HashMap::new();
        let mut oracle = Self::default();
        for tick in ticks {
            let tick = tick?;
            oracle.ticks += 1;
            oracle.planted.retries += u64::from(faults.failures("strategy-runner", &tick_name(&tick)));
            let (desk, exposures) = instruments.entry(tick.instrument.clone()).or_default();
            for signal in desk.take(&strategies, &tick) {
                oracle.signals += 1;
                for venue in venues {
                    oracle.planted.retries +=
                        u64::from(faults.failures("risk-manager", &format!("{venue}/{}", signal.signal_id)));
                }
                let signal = match judge(&limits, exposures, &signal) {
                    Ok(signal) => signal,
                    Err(rejection) => {
                        *oracle.rejected.entry(rejection.rule).or_default() += 1;
                        continue;
                    }
                };
                oracle.validated += 1;
                for venue in venues {
                    let order = Order::of(venue.name(), &signal);
                    if !oracle.plan(faults, *venue, &order) {
                        continue;
                    }
                    let fill = order.filled(&order.terms(*venue));
                    let account = (*venue, fill.instrument.clone());
                    let snapshot = holdings.entry(account.clone()).or_default().take(&fill);
                    each(*venue, &fill, &snapshot);
                    let expected = oracle.accounts.entry(account).or_default();
                    expected.fills.push(digest(&fill));
                    expected.snapshots.push(digest(&snapshot));
                    expected.portfolio = Some(snapshot);
                }
            }
        }
        Ok(oracle)
    }

    /// Counts what the plan holds for an order; whether the venue fills it.
    fn plan(&mut self, faults: &Faults, venue: Venue, order: &Order) -> bool {
        let planted = &mut self.planted;
        if venue == Venue::Paper {
            planted.retries += u64::from(faults.failures("paper-trader", &order.id));
        } else {
            match faults.trouble(&order.id, order.signal.tick) {
                Some(Trouble::Refused) => {
                    planted.refusals += 1;
                    return false;
                }
                Some(Trouble::Unavailable(calls)) => {
                    planted.retries += u64::from(calls);
                    planted.outage += if calls == crate::faults::OUTAGE_FAILURES { u64::from(calls) } else { 0 };
                }
                Some(Trouble::ReplyLost(calls)) => planted.retries += u64::from(calls),
                None => {}
            }
        }
        planted.retries += u64::from(faults.failures("portfolio-manager", &order.id));
        true
    }
}

/// The ids of the ticks that make a strategy speak, once per signal of a namespace.
pub(crate) fn spoken(feed: &Feed) -> Result<Vec<u128>, DataError> {
    let (strategies, mut spoken) = (book(), Vec::new());
    let mut desks: HashMap<String, Desk> = HashMap::new();
    for tick in feed.ticks() {
        let tick = tick?;
        let signals = desks.entry(tick.instrument.clone()).or_default().take(&strategies, &tick).len();
        spoken.extend(std::iter::repeat_n(tick_id(feed.faults.seed, &tick.instrument, tick.sequence, tick.time), signals));
    }
    Ok(spoken)
}

/// A tick's name in the plan of faults.
pub(crate) fn tick_name(tick: &Tick) -> String {
    format!("{}/{}", tick.instrument, tick.sequence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::feed::tests::embedded;

    fn oracle(feed: &Feed) -> Oracle {
        Oracle::run(feed, |_, _, _| {}).expect("the embedded ticks are valid")
    }

    #[test]
    fn the_oracle_says_the_same_twice() {
        assert_eq!(oracle(&embedded(3, 1)), oracle(&embedded(3, 1)));
    }

    #[test]
    fn the_real_ticks_lead_to_some_hundred_fills_in_each_namespace() {
        let oracle = oracle(&embedded(1, 1));
        for venue in Venue::ALL {
            let fills: usize =
                oracle.accounts.iter().filter(|(account, _)| account.0 == venue).map(|(_, expected)| expected.fills.len()).sum();
            assert!((300..3000).contains(&fills), "{venue}: {fills}");
        }
        assert!(oracle.rejected.len() == 3 && oracle.rejected.values().all(|count| *count >= 10), "{:?}", oracle.rejected);
    }

    #[test]
    fn every_seed_plants_enough_of_every_fault_by_default() {
        for seed in 0..=20 {
            let planted = oracle(&embedded(seed, 1)).planted;
            assert!(planted.duplicates >= 300, "seed {seed}: {planted:?}");
            assert!(planted.retries >= 100 && planted.outage >= 10, "seed {seed}: {planted:?}");
            assert!(planted.poison >= 5 && planted.refusals >= 1, "seed {seed}: {planted:?}");
        }
    }

    #[test]
    fn the_order_in_which_instruments_take_turns_changes_nothing() {
        // One instrument's accounts are those of a feed that holds only this instrument.
        let whole = oracle(&embedded(2, 1));
        let mut desk = Desk::default();
        let (mut exposures, mut holding, mut last) = (Exposures::default(), Holding::default(), None);
        for tick in embedded(2, 1).ticks().map(|tick| tick.expect("valid")).filter(|tick| tick.instrument == "EURUSD.5") {
            for signal in desk.take(&book(), &tick) {
                if let Ok(signal) = judge(&Limits::default(), &mut exposures, &signal) {
                    let order = Order::of("paper", &signal);
                    last = Some(holding.take(&order.filled(&order.terms(Venue::Paper))));
                }
            }
        }
        assert!(last.is_some());
        assert_eq!(whole.accounts[&(Venue::Paper, "EURUSD.5".to_owned())].portfolio, last);
    }
}
