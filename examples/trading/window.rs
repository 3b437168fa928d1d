//! A window over the latest prices of one instrument, with exact running sums.
//!
//! Owns the prices and two sums; all arithmetic is decimal, so a sum kept over a million ticks equals the sum
//! made afresh. Leaves what the numbers mean to the strategies.

use std::collections::VecDeque;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// The last middles of the market, oldest first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Window {
    capacity: usize,
    mids: VecDeque<Decimal>,
    sum: Decimal,
    squares: Decimal,
}

impl Window {
    /// Room for `capacity` prices.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, mids: VecDeque::with_capacity(capacity), sum: Decimal::ZERO, squares: Decimal::ZERO }
    }

    /// Takes a price in; the oldest leaves a full window.
    pub(crate) fn push(&mut self, mid: Decimal) {
        if self.is_full()
            && let Some(oldest) = self.mids.pop_front()
        {
            self.sum -= oldest;
            self.squares -= oldest * oldest;
        }
        self.mids.push_back(mid);
        self.sum += mid;
        self.squares += mid * mid;
    }

    /// The price `steps` before the next one: 1 is the latest.
    pub(crate) fn back(&self, steps: usize) -> Option<Decimal> {
        self.mids.len().checked_sub(steps).and_then(|at| self.mids.get(at)).copied()
    }

    /// Whether the window has seen as much as it can hold.
    pub(crate) fn is_full(&self) -> bool {
        self.mids.len() == self.capacity
    }

    /// Number of prices.
    pub(crate) fn count(&self) -> Decimal {
        Decimal::from(self.mids.len())
    }

    /// `count` times the distance of `price` from the mean; scaled, so that nothing is divided or rounded.
    pub(crate) fn scaled_distance(&self, price: Decimal) -> Decimal {
        self.count() * price - self.sum
    }

    /// `count²` times the variance, exact for the same reason.
    pub(crate) fn scaled_variance(&self) -> Decimal {
        self.count() * self.squares - self.sum * self.sum
    }
}

impl Default for Window {
    /// 32 prices: some ten minutes of an instrument of this example, long enough for a mean.
    fn default() -> Self {
        Self::new(32)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn running_sums_equal_sums_made_afresh(prices in proptest::collection::vec(1_u32..2_000_000, 1..200)) {
            let mut window = Window::new(8);
            let prices: Vec<Decimal> = prices.into_iter().map(|price| Decimal::new(i64::from(price), 6)).collect();
            for price in &prices {
                window.push(*price);
            }
            let kept: Vec<Decimal> = prices.iter().rev().take(8).copied().collect();
            prop_assert_eq!(window.sum, kept.iter().sum::<Decimal>());
            prop_assert_eq!(window.squares, kept.iter().map(|price| price * price).sum::<Decimal>());
            prop_assert!(window.scaled_variance() >= Decimal::ZERO);
            prop_assert_eq!(window.back(1), prices.last().copied());
        }
    }
}
