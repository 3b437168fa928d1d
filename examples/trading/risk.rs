//! Risk: pure rules over what was allowed before.
//!
//! Owns limits, rules and the exposure of each strategy in one instrument, as a fold of that instrument's raw
//! signals, and the name of the table in which the framework keeps it. It counts what it allowed, not what was filled, so its answers depend on one topic's order alone.
//! Leaves topics and retries to the risk manager.

use std::collections::BTreeMap;

use millstream::prelude::{Sibling, TableEntry};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::events::{Rejection, Signal};
use crate::topics::EXPOSURES;
use crate::upto::Upto;

/// What is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Limits {
    /// Units of one order.
    pub(crate) order: Decimal,
    /// Units a strategy may hold in one instrument, long or short.
    pub(crate) exposure: Decimal,
    /// Milliseconds of market time between two orders of a strategy in one instrument.
    pub(crate) cool_down: i64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { order: Decimal::from(5000), exposure: Decimal::from(8000), cool_down: 20_000 }
    }
}

/// What one strategy holds in one instrument, as far as risk allowed it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exposure {
    position: Decimal,
    latest: Option<i64>,
}

/// All strategies' exposures in one instrument.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Exposures {
    pub(crate) upto: Upto,
    strategies: BTreeMap<String, Exposure>,
}

impl TableEntry for Exposures {
    const TABLE: Sibling = EXPOSURES;
}

/// A rule answers with a reason if the signal breaks it.
type Rule = fn(&Limits, &Exposure, &Signal) -> Option<String>;

const RULES: [(&str, Rule); 3] = [("order-size", order_size), ("exposure", exposure), ("cool-down", cool_down)];

fn order_size(limits: &Limits, _: &Exposure, signal: &Signal) -> Option<String> {
    (signal.quantity > limits.order).then(|| format!("{} units are above {} an order", signal.quantity, limits.order))
}

fn exposure(limits: &Limits, held: &Exposure, signal: &Signal) -> Option<String> {
    let after = held.position + signal.side.signed(signal.quantity);
    // What lowers an exposure is always allowed, or a position beyond the limit could never be closed.
    let grows = after.abs() > held.position.abs();
    (grows && after.abs() > limits.exposure).then(|| format!("{after} units would be above {}", limits.exposure))
}

fn cool_down(limits: &Limits, held: &Exposure, signal: &Signal) -> Option<String> {
    let since = signal.time - held.latest?;
    (since < limits.cool_down).then(|| format!("{since} ms after the last order, {} are asked for", limits.cool_down))
}

/// Judges one signal; an allowed one counts from then on.
pub(crate) fn judge(limits: &Limits, exposures: &mut Exposures, signal: &Signal) -> Result<Signal, Rejection> {
    let held = exposures.strategies.entry(signal.strategy.clone()).or_default();
    for (name, rule) in RULES {
        if let Some(reason) = rule(limits, held, signal) {
            return Err(Rejection {
                signal_id: signal.signal_id.clone(),
                instrument: signal.instrument.clone(),
                sequence: signal.sequence,
                rule: name.to_owned(),
                reason,
            });
        }
    }
    held.position += signal.side.signed(signal.quantity);
    held.latest = Some(signal.time);
    Ok(signal.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Side;
    use crate::strategies::tests::tick;

    fn signal(seconds: u64, side: Side, quantity: i64) -> Signal {
        Signal::at("momentum", &tick(seconds, 100), side, Decimal::from(quantity))
    }

    fn rules(signals: &[Signal]) -> Vec<String> {
        let mut exposures = Exposures::default();
        let judged = signals.iter().map(|signal| judge(&Limits::default(), &mut exposures, signal));
        judged.map(|answer| answer.map_or_else(|rejection| rejection.rule, |_| "allowed".to_owned())).collect()
    }

    #[test]
    fn an_order_above_the_limit_is_rejected() {
        assert_eq!(rules(&[signal(1, Side::Buy, 5000), signal(100, Side::Buy, 5001)]), ["allowed", "order-size"]);
    }

    #[test]
    fn exposure_is_limited_on_both_sides_and_may_always_fall() {
        for (side, back) in [(Side::Buy, Side::Sell), (Side::Sell, Side::Buy)] {
            let all = [signal(0, side, 5000), signal(100, side, 3001), signal(200, side, 3000), signal(300, back, 5000)];
            assert_eq!(rules(&all), ["allowed", "exposure", "allowed", "allowed"]);
        }
    }

    #[test]
    fn a_strategy_cools_down_in_market_time() {
        let all = [signal(0, Side::Buy, 1), signal(19, Side::Sell, 1), signal(20, Side::Sell, 1)];
        assert_eq!(rules(&all), ["allowed", "cool-down", "allowed"]);
    }

    #[test]
    fn a_rejected_signal_leaves_no_trace() {
        let mut exposures = Exposures::default();
        let limits = Limits::default();
        judge(&limits, &mut exposures, &signal(0, Side::Buy, 100)).expect("within the limits");
        let before = exposures.clone();
        judge(&limits, &mut exposures, &signal(1, Side::Buy, 100)).expect_err("too early");
        assert_eq!(exposures, before);
    }

    #[test]
    fn strategies_are_limited_apart_from_each_other() {
        let mut other = signal(1, Side::Buy, 5000);
        other.strategy = "mean_reversion".to_owned();
        assert_eq!(rules(&[signal(0, Side::Buy, 5000), other]), ["allowed", "allowed"]);
    }
}
