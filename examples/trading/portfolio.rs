//! A portfolio's position in one instrument: a fold over fills.
//!
//! Owns position, cost, realised and unrealised profit, and the name of the table in which the framework keeps them.
//! Leaves topics to the portfolio manager. Profit is
//! split in realised and unrealised by average cost; a rounded split never loses a digit, because what one
//! part gives the other takes: their sum is always cash plus what is held at the market's middle.

use millstream::prelude::{Sibling, TableEntry};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::events::{OrderFilled, PnlSnapshot};
use crate::topics::HOLDINGS;
use crate::upto::Upto;

/// Decimals of a cost that a partial close takes along.
const COST_DECIMALS: u32 = 10;

/// Decimals of the average price shown.
const PRICE_DECIMALS: u32 = 8;

/// One instrument in one namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Holding {
    pub(crate) upto: Upto,
    fills: u64,
    position: Decimal,
    /// What the position cost: position times average price.
    cost: Decimal,
    realised: Decimal,
}

impl TableEntry for Holding {
    const TABLE: Sibling = HOLDINGS;
}

impl Holding {
    /// How many fills are in it.
    pub(crate) fn fills(&self) -> u64 {
        self.fills
    }

    /// What is held, and the profit of closed trades.
    pub(crate) fn stands(&self) -> (Decimal, Decimal) {
        (self.position, self.realised)
    }

    /// Takes a fill in and says how things stand after it.
    pub(crate) fn take(&mut self, fill: &OrderFilled) -> PnlSnapshot {
        let change = fill.side.signed(fill.quantity);
        let opposite = !self.position.is_zero() && self.position.is_sign_negative() != change.is_sign_negative();
        // The part of the fill that closes what is held, signed like the fill.
        let closing = if opposite && change.abs() > self.position.abs() {
            -self.position
        } else if opposite {
            change
        } else {
            Decimal::ZERO
        };
        if !closing.is_zero() {
            let released = if closing == -self.position {
                self.cost
            } else {
                (self.cost * -closing / self.position).round_dp(COST_DECIMALS)
            };
            self.realised += -closing * fill.price - released;
            self.cost -= released;
        }
        self.cost += (change - closing) * fill.price;
        self.position += change;
        self.realised -= fill.fee;
        self.fills += 1;
        PnlSnapshot {
            instrument: fill.instrument.clone(),
            sequence: fill.sequence,
            tick: fill.tick,
            time: fill.time,
            fills: self.fills,
            position: self.position,
            average_price: if self.position.is_zero() {
                Decimal::ZERO
            } else {
                (self.cost / self.position).round_dp(PRICE_DECIMALS)
            },
            realised: self.realised,
            unrealised: self.position * fill.mid - self.cost,
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::events::Side;

    /// The `number`-th fill of an instrument, at `price` cents.
    pub(crate) fn fill(number: u64, side: Side, quantity: i64, price: i64) -> OrderFilled {
        OrderFilled {
            order_id: format!("paper-s-{number}"),
            signal_id: format!("s-{number}"),
            strategy: "s".to_owned(),
            instrument: "EURUSD.0".to_owned(),
            sequence: number,
            tick: number,
            time: 0,
            side,
            quantity: Decimal::from(quantity),
            price: Decimal::new(price, 2),
            fee: Decimal::new(1, 3),
            mid: Decimal::new(price + 1, 2),
        }
    }

    #[test]
    fn profit_is_realised_when_a_position_is_closed() {
        let mut holding = Holding::default();
        holding.take(&fill(1, Side::Buy, 10, 100));
        holding.take(&fill(2, Side::Buy, 10, 200));
        let after = holding.take(&fill(3, Side::Sell, 5, 250));
        assert_eq!(after.position, Decimal::from(15));
        assert_eq!(after.average_price, Decimal::new(150, 2));
        assert_eq!(after.realised, Decimal::new(4997, 3), "5 × (2.50 − 1.50) less three fees");
        assert_eq!(after.unrealised, Decimal::new(1515, 2), "15 × (2.51 − 1.50)");
    }

    #[test]
    fn a_fill_through_zero_closes_and_opens() {
        let mut holding = Holding::default();
        holding.take(&fill(1, Side::Buy, 10, 100));
        let after = holding.take(&fill(2, Side::Sell, 15, 110));
        assert_eq!((after.position, after.average_price), (Decimal::from(-5), Decimal::new(110, 2)));
        assert_eq!(after.realised, Decimal::new(998, 3));
    }

    proptest! {
        #[test]
        fn profit_is_cash_and_what_is_held_to_the_last_digit(trades in proptest::collection::vec((any::<bool>(), 1_i64..5000, 1_i64..400), 1..60)) {
            let (mut holding, mut cash) = (Holding::default(), Decimal::ZERO);
            for (number, (buy, quantity, price)) in trades.into_iter().enumerate() {
                let fill = fill(number as u64, if buy { Side::Buy } else { Side::Sell }, quantity, price);
                cash -= fill.side.signed(fill.quantity) * fill.price + fill.fee;
                let after = holding.take(&fill);
                prop_assert_eq!(after.realised + after.unrealised, cash + after.position * fill.mid);
                prop_assert_eq!(after.position.is_zero(), holding.cost.is_zero());
            }
        }
    }
}
