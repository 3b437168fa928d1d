//! The four services in the simulator: together, as they are, two members each, on a cluster in which everything goes wrong
//! that can.
//!
//! Owns the stretches of real ticks that are fed, with the planted faults in them, and the settings. Leaves what must be true
//! to `promises`, and what befalls the members to the simulator.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use millstream::memory::TopicConfig;
use millstream::prelude::*;
use millstream::testkit::sim::{Dice, Node, Simulation};

use crate::csv::Source;
use crate::effects::Effects;
use crate::faults::{Faults, Rates};
use crate::feed::{Feed, INSTRUMENTS, Item, instrument};
use crate::market_feed::record;
use crate::portfolio_manager::{self, PortfolioManager};
use crate::promises::{self, EXECUTED};
use crate::risk_manager::{self, RiskManager};
use crate::settings::{ATTEMPTS, Settings};
use crate::strategy_runner::{self, StrategyRunner};
use crate::topics::{TICKS, Venue, tables};
use crate::trading_engine::{self, TradingEngine};

/// More of everything than in a whole day: a stretch is short.
const RATES: Rates = Rates { duplicates: 1_500, transient: 60, refusals: 80, outage: 120, poison: 80, session_orders: 5 };

/// Records of the feed out of which a stretch is taken: each instrument's ticks fill a window, and then half as much again.
const STRETCH: usize = 480;

/// Partitions of the topics.
const PARTITIONS: u32 = 3;

/// How long a silent member keeps its partitions, has to hand them over, and to end: short beside the time of faults.
const SETTINGS: Settings =
    Settings { session: Duration::from_secs(10), revoke: Duration::from_secs(8), shutdown: Duration::from_secs(10), run: 0 };

/// A whole day as it is fed: the ticks, the duplicates of some, and poison.
struct Day {
    faults: Faults,
    items: Vec<Item>,
}

static DAY: LazyLock<Day> = LazyLock::new(|| {
    let extent = Source::Embedded.check().expect("the embedded ticks are tested");
    let faults = Faults::new(1, RATES, extent.ticks, INSTRUMENTS);
    let feed = Feed { source: Source::Embedded, extent, laps: 1, faults: faults.clone(), venues: Venue::ALL.to_vec() };
    let items = feed.items().collect::<Result<_, _>>().expect("the embedded ticks are tested");
    Day { faults, items }
});

/// What is planned to fail: the same in every run, but for another stretch each time.
pub(crate) fn faults() -> &'static Faults {
    &DAY.faults
}

/// The four services, with all faults.
pub fn simulation() -> Simulation {
    let venues = &Venue::ALL;
    let simulation = Simulation::new()
        .service("strategy-runner", 2, |node| {
            let runner = StrategyRunner::new(&Venue::ALL, faults(), &effects(node));
            strategy_runner::service(node.transport(), node.deduplicator(), SETTINGS, runner)
        })
        .service("risk-manager", 2, |node| {
            let risk = RiskManager::new(faults(), &effects(node));
            risk_manager::service(node.transport(), node.deduplicator(), SETTINGS, &Venue::ALL, risk)
        })
        .service("trading-engine", 2, |node| {
            let engine = TradingEngine::new(&Venue::ALL, faults(), &effects(node));
            trading_engine::service(node.transport(), node.deduplicator(), SETTINGS, &Venue::ALL, engine)
        })
        .service("portfolio-manager", 2, |node| {
            let manager = PortfolioManager::new(faults(), &effects(node));
            portfolio_manager::service(node.transport(), node.deduplicator(), SETTINGS, &Venue::ALL, manager)
        })
        .topic(TICKS.as_str(), TopicConfig::new(PARTITIONS));
    tables(venues)
        .iter()
        .fold(simulation, |simulation, table| simulation.topic(table, TopicConfig::compacted(PARTITIONS)))
        .keeps_tables()
        .most_calls(ATTEMPTS)
        .session(SETTINGS.session)
        .stops_within(SETTINGS.shutdown)
        .faults(Duration::from_secs(40), 12)
        .feed(stretch)
        .always("fills and portfolios never part from the oracle's", |_, memory| promises::as_the_oracle(memory, false))
        .always("a fill was executed", promises::fills_were_executed)
        .finally("fills and portfolios equal the oracle's", |_, memory| promises::as_the_oracle(memory, true))
        .finally("what was executed has a fill", promises::executions_have_fills)
        .finally("what became a dead letter had to, and nothing else", |_, memory| promises::letters(memory))
}

/// What a process does is seen outside of it, and outlives it: only executions are, and the simulation is told of them.
fn effects(node: &Node) -> Arc<Effects> {
    let node = node.clone();
    let told = move |venue: Venue, order: &str| node.note(EXECUTED, format!("{venue} {order}"));
    Arc::new(Effects::new(&Venue::ALL).telling(told))
}

/// The ticks of two instruments out of a stretch of the day, with their duplicates, and the poison of that time.
fn stretch(dice: &mut Dice) -> Vec<Record> {
    let items = &DAY.items;
    let from = usize::try_from(dice.below((items.len() - STRETCH) as u64)).unwrap_or(0);
    let traded = [dice.below(INSTRUMENTS), dice.below(INSTRUMENTS)].map(instrument);
    let mut seen = BTreeSet::new();
    let fed = items[from..from + STRETCH].iter().filter(|item| match item {
        Item::Tick { id, tick, again } => {
            // The first one of a duplicate may lie before the stretch.
            traded.contains(&tick.instrument) && (!again || seen.contains(id)) && (seen.insert(*id) || *again)
        }
        Item::Poison(_) => true,
    });
    fed.map(|item| record(item.clone()).expect("ticks and poison can be written")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_of_the_trading_services_are_clean_and_repeat_exactly() {
        simulation().check(0..3);
    }
}
