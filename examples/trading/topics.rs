//! Names: venues, topics, groups and partition counts of the pipeline.
//!
//! Owns every name that two services share, since topics are all that joins them. Leaves who reads and writes
//! to the services, and the rules of topic names to the framework.

use std::fmt;

use millstream::prelude::{Namespace, Sibling, Topic, TopicMap};

/// Ticks of the market, shared by all namespaces; key is the instrument.
pub(crate) const TICKS: Topic = Topic::literal("market.ticks");
/// What strategies want.
pub(crate) const RAW: Sibling = Sibling::new("signals", "raw");
/// What risk allowed.
pub(crate) const VALIDATED: Sibling = Sibling::new("signals", "validated");
/// What risk refused, and by which rule.
pub(crate) const REJECTED: Sibling = Sibling::new("signals", "rejected");
/// Orders given to a venue.
pub(crate) const SUBMITTED: Sibling = Sibling::new("orders", "submitted");
/// Orders a venue took.
pub(crate) const ACK: Sibling = Sibling::new("orders", "ack");
/// Orders a venue filled.
pub(crate) const FILLED: Sibling = Sibling::new("orders", "filled");
/// Portfolios after each fill.
pub(crate) const SNAPSHOTS: Sibling = Sibling::new("pnl", "snapshots");

/// The prices of each instrument so far: the strategy runner's table.
pub(crate) const DESKS: Sibling = Sibling::new("strategy", "desks");
/// What each strategy was allowed so far: the risk manager's table.
pub(crate) const EXPOSURES: Sibling = Sibling::new("risk", "exposures");
/// What is held after each fill: the portfolio manager's table.
pub(crate) const HOLDINGS: Sibling = Sibling::new("portfolio", "holdings");

/// Group of the strategy runner.
pub(crate) const RUNNER_GROUP: &str = "alpha-panda.strategy-runner.ticks";
/// Group of the risk manager.
pub(crate) const RISK_GROUP: &str = "alpha-panda.risk-manager.signals";
/// Group of the trading engine.
pub(crate) const ENGINE_GROUP: &str = "alpha-panda.trading-engine.signals";
/// Group of the portfolio manager.
pub(crate) const PORTFOLIO_GROUP: &str = "alpha-panda.portfolio-manager.fills";

/// All of them, in the order in which a tick travels.
#[cfg(feature = "kafka")]
pub(crate) const GROUPS: [&str; 4] = [RUNNER_GROUP, RISK_GROUP, ENGINE_GROUP, PORTFOLIO_GROUP];

/// Partitions of every topic: more than one, so that order is a key's and not the topic's, and few enough
/// that two cores serve them.
pub(crate) const PARTITIONS: u32 = 4;

/// A place where orders are executed; its name is the namespace of its topics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Venue {
    /// Fills at once, at the signal's price and a little worse.
    Paper,
    /// A simulated broker behind an asynchronous SDK.
    Zerodha,
}

impl Venue {
    /// Every venue there is.
    pub(crate) const ALL: [Self; 2] = [Self::Paper, Self::Zerodha];

    /// The namespace of the venue's topics.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper",
            Self::Zerodha => "zerodha",
        }
    }

    /// The same as the framework's type.
    pub(crate) const fn namespace(self) -> Namespace {
        Namespace::literal(self.name())
    }

    /// The venue of a namespace.
    pub(crate) fn of(namespace: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|venue| venue.name() == namespace)
    }

    /// The venue's own topic, for example `paper.orders.filled`.
    pub(crate) fn topic(self, sibling: Sibling) -> String {
        format!("{}.{}.{}", self.name(), sibling.domain(), sibling.event_type())
    }
}

impl fmt::Display for Venue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A topic of the pipeline, with the group that consumes it, if any does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leg {
    pub(crate) topic: String,
    pub(crate) group: Option<&'static str>,
}

/// Every topic of the pipeline, in the order in which a tick travels.
pub(crate) fn legs(venues: &[Venue]) -> Vec<Leg> {
    let own = [
        (RAW, Some(RISK_GROUP)),
        (VALIDATED, Some(ENGINE_GROUP)),
        (REJECTED, None),
        (SUBMITTED, None),
        (ACK, None),
        (FILLED, Some(PORTFOLIO_GROUP)),
        (SNAPSHOTS, None),
    ];
    let mut legs = vec![Leg { topic: TICKS.as_str().to_owned(), group: Some(RUNNER_GROUP) }];
    for venue in venues {
        legs.extend(own.iter().map(|(sibling, group)| Leg { topic: venue.topic(*sibling), group: *group }));
    }
    legs
}

/// The topics of the services' tables, all to be compacted. Ticks belong to no namespace, and so neither do the desks.
pub(crate) fn tables(venues: &[Venue]) -> Vec<String> {
    let mut tables = vec![format!("{}.{}", DESKS.domain(), DESKS.event_type())];
    tables.extend(venues.iter().flat_map(|venue| [venue.topic(EXPOSURES), venue.topic(HOLDINGS)]));
    tables
}

/// One topic of each venue.
pub(crate) fn topics(venues: &[Venue], topic: fn(&TopicMap) -> Topic) -> Vec<Topic> {
    venues.iter().map(|venue| topic(&TopicMap::new(venue.namespace()))).collect()
}
