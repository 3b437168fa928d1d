//! The events of the pipeline: what each record's `data` is.
//!
//! Owns the seven payloads, their type names and their keys. Leaves ids, causes and times of records to the
//! envelope. Every key is the instrument: so one instrument's events keep their order from the tick to the
//! portfolio, and every value is a function of one key's order.

use millstream::prelude::{EventData, Key};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Which way a trade goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Side {
    Buy,
    Sell,
}

impl Side {
    /// `quantity` as a change of position: positive for a buy.
    pub(crate) fn signed(self, quantity: Decimal) -> Decimal {
        match self {
            Self::Buy => quantity,
            Self::Sell => -quantity,
        }
    }
}

/// A price of the market.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tick {
    pub(crate) instrument: String,
    /// Rises by one with each tick of the instrument, from 1.
    pub(crate) sequence: u64,
    /// Market time in milliseconds since 1970.
    pub(crate) time: i64,
    pub(crate) bid: Decimal,
    pub(crate) ask: Decimal,
    pub(crate) volume: Decimal,
}

impl Tick {
    /// The middle of the market.
    pub(crate) fn mid(&self) -> Decimal {
        (self.bid + self.ask) / Decimal::TWO
    }

    /// What crossing the market costs.
    pub(crate) fn spread(&self) -> Decimal {
        self.ask - self.bid
    }
}

/// What a strategy wants; raw or validated, by its topic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Signal {
    /// `strategy-instrument-tick`: the same in every namespace, and the seed of the order's id.
    pub(crate) signal_id: String,
    pub(crate) strategy: String,
    pub(crate) instrument: String,
    /// Rises strictly within the instrument: the tick's sequence and the strategy's place in the book.
    pub(crate) sequence: u64,
    /// Sequence of the tick that made the strategy speak.
    pub(crate) tick: u64,
    pub(crate) time: i64,
    pub(crate) side: Side,
    pub(crate) quantity: Decimal,
    /// The touch: ask for a buy, bid for a sell.
    pub(crate) price: Decimal,
    /// The middle of the market at that moment; portfolios are valued at it.
    pub(crate) mid: Decimal,
}

/// Why risk refused a signal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Rejection {
    pub(crate) signal_id: String,
    pub(crate) instrument: String,
    pub(crate) sequence: u64,
    /// Name of the rule.
    pub(crate) rule: String,
    pub(crate) reason: String,
}

/// An order was given to the venue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderSubmitted {
    /// The client order id: the venue executes it once, however often it is sent.
    pub(crate) order_id: String,
    pub(crate) signal_id: String,
    pub(crate) instrument: String,
    pub(crate) sequence: u64,
    pub(crate) side: Side,
    pub(crate) quantity: Decimal,
    pub(crate) limit: Decimal,
}

/// The venue took the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderAck {
    pub(crate) order_id: String,
    /// The venue's own id of the order.
    pub(crate) venue_order_id: String,
    pub(crate) instrument: String,
    pub(crate) sequence: u64,
}

/// The venue filled the order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OrderFilled {
    pub(crate) order_id: String,
    pub(crate) signal_id: String,
    pub(crate) strategy: String,
    pub(crate) instrument: String,
    pub(crate) sequence: u64,
    pub(crate) tick: u64,
    pub(crate) time: i64,
    pub(crate) side: Side,
    pub(crate) quantity: Decimal,
    pub(crate) price: Decimal,
    /// What the venue charged.
    pub(crate) fee: Decimal,
    pub(crate) mid: Decimal,
}

/// A portfolio's position in one instrument after a fill.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PnlSnapshot {
    pub(crate) instrument: String,
    pub(crate) sequence: u64,
    pub(crate) tick: u64,
    pub(crate) time: i64,
    pub(crate) fills: u64,
    /// Positive is long, negative is short.
    pub(crate) position: Decimal,
    /// Average price of what is held; 0 when nothing is.
    pub(crate) average_price: Decimal,
    /// Profit of closed trades, fees taken off.
    pub(crate) realised: Decimal,
    /// Profit of what is held, at the market's middle.
    pub(crate) unrealised: Decimal,
}

macro_rules! keyed_by_instrument {
    ($($event:ty => $name:literal),* $(,)?) => {$(
        impl EventData for $event {
            const TYPE: &'static str = $name;

            fn key(&self) -> Key<'_> {
                self.instrument.as_str().into()
            }
        }
    )*};
}

keyed_by_instrument! {
    Tick => "market_tick",
    Signal => "trading_signal",
    Rejection => "rejected_signal",
    OrderSubmitted => "order_submitted",
    OrderAck => "order_ack",
    OrderFilled => "order_filled",
    PnlSnapshot => "pnl_snapshot",
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_travel_as_strings() {
        let tick = Tick {
            instrument: "EURUSD.0".to_owned(),
            sequence: 1,
            time: 2,
            bid: Decimal::new(1_121_200, 6),
            ask: Decimal::new(1_121_720, 6),
            volume: Decimal::ZERO,
        };
        let json = serde_json::to_string(&tick).expect("a tick serialises");
        assert!(json.contains(r#""bid":"1.121200""#), "{json}");
        assert_eq!(serde_json::from_str::<Tick>(&json).expect("and back"), tick);
        assert!(serde_json::from_str::<Tick>(&json.replace(r#""1.121200""#, "true")).is_err());
    }
}
