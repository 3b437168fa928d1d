//! Orders: what a signal becomes at a venue, and on which terms each venue executes it.
//!
//! Owns client order ids, slippage and fees, as pure functions of the order: so the same order executed twice
//! would have the same terms, and the oracle knows them without a venue. Leaves executing to the traders.

use rust_decimal::Decimal;

use crate::events::{OrderAck, OrderFilled, OrderSubmitted, Side, Signal};
use crate::ids::roll;
use crate::topics::Venue;

/// An order as a trader sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Order {
    /// The client order id, from namespace and signal: a signal handled again is the same order.
    pub(crate) id: String,
    pub(crate) signal: Signal,
}

/// What the venue answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Execution {
    pub(crate) venue_order_id: String,
    pub(crate) price: Decimal,
    pub(crate) fee: Decimal,
}

impl Order {
    /// The order that a validated signal asks for.
    pub(crate) fn of(namespace: &str, signal: &Signal) -> Self {
        Self { id: format!("{namespace}-{}", signal.signal_id), signal: signal.clone() }
    }

    /// The terms on which `venue` executes this order.
    pub(crate) fn terms(&self, venue: Venue) -> Execution {
        // Slippage in hundred-thousandths, always against the trader; fee per unit in millionths.
        let (worst, fee) = match venue {
            Venue::Paper => (3, 0),
            Venue::Zerodha => (5, 4),
        };
        let number = roll(0, "terms", &self.id);
        let slippage = Decimal::new(i64::try_from(number % worst).unwrap_or(0), 5);
        Execution {
            venue_order_id: format!("{venue}-{number:016x}"),
            price: match self.signal.side {
                Side::Buy => self.signal.price + slippage,
                Side::Sell => self.signal.price - slippage,
            },
            fee: self.signal.quantity * Decimal::new(fee, 6),
        }
    }

    /// The event that the order was given.
    pub(crate) fn submitted(&self) -> OrderSubmitted {
        OrderSubmitted {
            order_id: self.id.clone(),
            signal_id: self.signal.signal_id.clone(),
            instrument: self.signal.instrument.clone(),
            sequence: self.signal.sequence,
            side: self.signal.side,
            quantity: self.signal.quantity,
            limit: self.signal.price,
        }
    }

    /// The event that the venue took it.
    pub(crate) fn ack(&self, execution: &Execution) -> OrderAck {
        OrderAck {
            order_id: self.id.clone(),
            venue_order_id: execution.venue_order_id.clone(),
            instrument: self.signal.instrument.clone(),
            sequence: self.signal.sequence,
        }
    }

    /// The event that the venue filled it.
    pub(crate) fn filled(&self, execution: &Execution) -> OrderFilled {
        let signal = &self.signal;
        OrderFilled {
            order_id: self.id.clone(),
            signal_id: signal.signal_id.clone(),
            strategy: signal.strategy.clone(),
            instrument: signal.instrument.clone(),
            sequence: signal.sequence,
            tick: signal.tick,
            time: signal.time,
            side: signal.side,
            quantity: signal.quantity,
            price: execution.price,
            fee: execution.fee,
            mid: signal.mid,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::strategies::tests::tick;

    /// The order of the `number`-th signal.
    pub(crate) fn order(venue: Venue, number: u64) -> Order {
        Order::of(venue.name(), &Signal::at("s", &tick(number, 100), Side::Buy, Decimal::from(10)))
    }

    #[test]
    fn a_signal_is_the_same_order_however_often_it_is_handled() {
        assert_eq!(order(Venue::Paper, 3), order(Venue::Paper, 3));
        assert_eq!(order(Venue::Paper, 3).id, "paper-s-EURUSD.0-3");
        assert_ne!(order(Venue::Paper, 3).id, order(Venue::Zerodha, 3).id);
    }

    #[test]
    fn slippage_is_never_in_the_traders_favour() {
        for venue in Venue::ALL {
            let slips = (0..100).map(|number| order(venue, number)).map(|order| order.terms(venue).price - order.signal.price);
            let slips: Vec<Decimal> = slips.collect();
            assert!(slips.iter().all(|slip| !slip.is_sign_negative() || slip.is_zero()));
            assert!(slips.iter().any(|slip| !slip.is_zero()));
        }
    }
}
