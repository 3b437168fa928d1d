//! Traders: one way to execute an order, whatever the venue, and the factory that knows which.
//!
//! Owns the error every trader speaks, the paper trader and the factory. Leaves the simulated broker to `sdk`
//! and its adapter to `zerodha`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::effects::Effects;
use crate::faults::{Faults, Flaky};
use crate::order::{Execution, Order};
use crate::sdk::Sdk;
use crate::topics::Venue;
use crate::zerodha::ZerodhaTrader;

/// Why an order was not executed, as far as its sender needs to know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TradeError {
    /// It may work later, and sending it again is safe.
    Unavailable(String),
    /// It will never work.
    Refused(String),
}

impl fmt::Display for TradeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(why) => write!(f, "the venue is unavailable: {why}"),
            Self::Refused(why) => write!(f, "the venue refused the order: {why}"),
        }
    }
}

impl std::error::Error for TradeError {}

/// Fills at once, at the signal's price and a little worse.
#[derive(Debug)]
pub(crate) struct PaperTrader {
    effects: Arc<Effects>,
    flaky: Flaky,
}

impl PaperTrader {
    fn execute(&self, order: &Order) -> Result<Execution, TradeError> {
        self.flaky.attempt(&order.id).map_err(|planned| TradeError::Unavailable(planned.to_string()))?;
        self.effects.executed(Venue::Paper, &order.id, false);
        Ok(order.terms(Venue::Paper))
    }
}

/// A trader of some venue.
#[derive(Debug)]
pub(crate) enum Trader {
    Paper(PaperTrader),
    Zerodha(ZerodhaTrader),
}

impl Trader {
    /// Executes an order. Sending the same order again is safe: it is executed once.
    pub(crate) async fn execute(&self, order: &Order) -> Result<Execution, TradeError> {
        match self {
            Self::Paper(trader) => trader.execute(order),
            Self::Zerodha(trader) => trader.execute(order).await,
        }
    }
}

/// The traders by namespace.
#[derive(Debug)]
pub(crate) struct TraderFactory {
    traders: BTreeMap<&'static str, Trader>,
}

impl TraderFactory {
    /// A trader for each active venue.
    pub(crate) fn new(venues: &[Venue], faults: &Faults, effects: &Arc<Effects>) -> Self {
        let trader = |venue: Venue| match venue {
            Venue::Paper => Trader::Paper(PaperTrader { effects: effects.clone(), flaky: Flaky::new("paper-trader", faults) }),
            Venue::Zerodha => Trader::Zerodha(ZerodhaTrader::new(Sdk::new(faults, effects))),
        };
        Self { traders: venues.iter().map(|venue| (venue.name(), trader(*venue))).collect() }
    }

    /// The trader of a namespace.
    pub(crate) fn trader(&self, namespace: &str) -> Option<&Trader> {
        self.traders.get(namespace)
    }
}
