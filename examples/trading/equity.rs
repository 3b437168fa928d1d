//! The equity curve of each namespace, and a small plot of it.
//!
//! Owns the curve: realised and unrealised profit over market time, in a fixed number of steps. Leaves
//! portfolios to `compare`. Instruments are added up per step of tick sequences, so the curve does not depend
//! on which instrument was read first. Pixels are floats; money never is.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use textplots::{Chart, Plot, Shape};

use crate::events::PnlSnapshot;
use crate::topics::Venue;

/// Steps of the curve: two dots of braille to a column of the plot.
const STEPS: usize = 120;

/// Equity by namespace and instrument, after the last snapshot in each step.
#[derive(Debug, Clone)]
pub(crate) struct Equity {
    last_sequence: u64,
    curves: BTreeMap<Venue, BTreeMap<String, Vec<Option<Decimal>>>>,
}

impl Equity {
    /// A curve over ticks with sequences up to `last_sequence`.
    pub(crate) fn new(last_sequence: u64) -> Self {
        Self { last_sequence: last_sequence.max(1), curves: BTreeMap::new() }
    }

    /// Takes a snapshot in; those of one account come in order.
    pub(crate) fn take(&mut self, venue: Venue, snapshot: &PnlSnapshot) {
        let step = snapshot.tick.min(self.last_sequence) * (STEPS as u64 - 1) / self.last_sequence;
        let curves = self.curves.entry(venue).or_default();
        let curve = curves.entry(snapshot.instrument.clone()).or_insert_with(|| vec![None; STEPS]);
        if let Some(place) = usize::try_from(step).ok().and_then(|step| curve.get_mut(step)) {
            *place = Some(snapshot.realised + snapshot.unrealised);
        }
    }

    /// A namespace's equity after each step.
    pub(crate) fn curve(&self, venue: Venue) -> Vec<Decimal> {
        let mut sum = vec![Decimal::ZERO; STEPS];
        for curve in self.curves.get(&venue).into_iter().flat_map(BTreeMap::values) {
            let mut held = Decimal::ZERO;
            for (total, equity) in sum.iter_mut().zip(curve) {
                held = equity.unwrap_or(held);
                *total += held;
            }
        }
        sum
    }

    /// A braille plot of a namespace's equity.
    pub(crate) fn plot(&self, venue: Venue) -> String {
        let points: Vec<(f32, f32)> =
            self.curve(venue).iter().enumerate().map(|(step, equity)| (step as f32, equity.to_f32().unwrap_or(0.0))).collect();
        let shape = Shape::Lines(&points);
        let mut chart = Chart::new(STEPS as u32, 32, 0.0, STEPS as f32 - 1.0);
        let chart = chart.lineplot(&shape);
        chart.axis();
        chart.figures();
        chart.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Side;
    use crate::portfolio::Holding;
    use crate::portfolio::tests::fill;

    #[test]
    fn a_curve_adds_instruments_up_and_ends_at_the_portfolios_profit() {
        let (mut equity, mut total) = (Equity::new(100), Decimal::ZERO);
        for instrument in ["a", "b"] {
            let mut holding = Holding::default();
            let mut last = None;
            for number in [1, 40, 41, 99] {
                let mut fill = fill(
                    number,
                    if number % 2 == 0 { Side::Buy } else { Side::Sell },
                    7,
                    100 + i64::try_from(number).expect("small"),
                );
                fill.instrument = instrument.to_owned();
                let snapshot = holding.take(&fill);
                equity.take(Venue::Paper, &snapshot);
                last = Some(snapshot.realised + snapshot.unrealised);
            }
            total += last.expect("four fills were taken");
        }
        assert_eq!(equity.curve(Venue::Paper).last(), Some(&total));
        assert!(equity.plot(Venue::Paper).contains('⡇'), "{}", equity.plot(Venue::Paper));
        assert!(equity.curve(Venue::Zerodha).iter().all(Decimal::is_zero));
    }
}
