//! Strategies: pure functions of a window and a tick, and ways to build one out of others.
//!
//! Owns momentum, mean reversion, guards around them and the book that asks them all. Leaves the window's
//! upkeep to `desk` and everything about risk to `risk`. No strategy has a state, a clock or an effect, so the
//! same ticks in the same order give the same signals, whoever asks.

use rust_decimal::Decimal;

use crate::events::{Side, Signal, Tick};
use crate::window::Window;

/// A strategy looks at the prices so far and the tick that has just come.
pub(crate) type Strategy = Box<dyn Fn(&Window, &Tick) -> Option<Signal> + Send + Sync>;

/// Places in a book: how far the sequences of two ticks' signals lie apart.
const PLACES: u64 = 16;

/// Follows a move: buys what rose by at least `threshold` over `steps` ticks, sells what fell.
pub(crate) fn momentum(steps: usize, threshold: Decimal, quantity: Decimal) -> impl Fn(&Window, &Tick) -> Option<Signal> {
    move |window, tick| {
        let change = tick.mid() - window.back(steps)?;
        let side = if change >= threshold {
            Side::Buy
        } else if -change >= threshold {
            Side::Sell
        } else {
            return None;
        };
        Some(Signal::at("momentum", tick, side, quantity))
    }
}

/// Bets on the way back: against a price more than `deviations` standard deviations from the window's mean.
///
/// The comparison is squared and scaled, so there is no root, no division and no rounding.
pub(crate) fn mean_reversion(deviations: Decimal, quantity: Decimal) -> impl Fn(&Window, &Tick) -> Option<Signal> {
    move |window, tick| {
        if !window.is_full() {
            return None;
        }
        let distance = window.scaled_distance(tick.mid());
        if distance * distance <= deviations * deviations * window.scaled_variance() {
            return None;
        }
        let side = if distance > Decimal::ZERO { Side::Sell } else { Side::Buy };
        Some(Signal::at("mean_reversion", tick, side, quantity))
    }
}

/// `inner`, but silent while crossing the market costs more than `widest`.
pub(crate) fn unless_wide(
    widest: Decimal,
    inner: impl Fn(&Window, &Tick) -> Option<Signal>,
) -> impl Fn(&Window, &Tick) -> Option<Signal> {
    move |window, tick| (tick.spread() <= widest).then(|| inner(window, tick)).flatten()
}

/// The first of two strategies that speaks.
pub(crate) fn first_of(
    one: impl Fn(&Window, &Tick) -> Option<Signal>,
    other: impl Fn(&Window, &Tick) -> Option<Signal>,
) -> impl Fn(&Window, &Tick) -> Option<Signal> {
    move |window, tick| one(window, tick).or_else(|| other(window, tick))
}

/// The strategies of this example. A strong signal asks for more, sometimes for more than risk allows.
pub(crate) fn book() -> Vec<Strategy> {
    let points = |number: i64| Decimal::new(number, 5);
    let units = |number: i64| Decimal::from(number);
    let follow = first_of(momentum(16, points(30), units(3000)), momentum(16, points(17), units(1000)));
    let revert = first_of(mean_reversion(Decimal::new(35, 1), units(6000)), mean_reversion(units(2), units(2000)));
    vec![Box::new(unless_wide(points(25), follow)), Box::new(unless_wide(points(40), revert))]
}

/// Asks every strategy of `book`, in its order.
pub(crate) fn signals(book: &[Strategy], window: &Window, tick: &Tick) -> Vec<Signal> {
    let mut signals = Vec::new();
    for (place, strategy) in book.iter().enumerate() {
        if let Some(mut signal) = strategy(window, tick) {
            signal.sequence = tick.sequence * PLACES + place as u64;
            signals.push(signal);
        }
    }
    signals
}

impl Signal {
    /// What `strategy` wants at `tick`, at the price that crosses the market.
    pub(crate) fn at(strategy: &str, tick: &Tick, side: Side, quantity: Decimal) -> Self {
        Self {
            signal_id: format!("{strategy}-{}-{}", tick.instrument, tick.sequence),
            strategy: strategy.to_owned(),
            instrument: tick.instrument.clone(),
            sequence: tick.sequence * PLACES,
            tick: tick.sequence,
            time: tick.time,
            side,
            quantity,
            price: match side {
                Side::Buy => tick.ask,
                Side::Sell => tick.bid,
            },
            mid: tick.mid(),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A tick with its middle at `mid` hundred-thousandths and a spread of two.
    pub(crate) fn tick(sequence: u64, mid: i64) -> Tick {
        Tick {
            instrument: "EURUSD.0".to_owned(),
            sequence,
            time: 1_577_898_000_000 + i64::try_from(sequence).expect("a small number") * 1000,
            bid: Decimal::new(mid - 1, 5),
            ask: Decimal::new(mid + 1, 5),
            volume: Decimal::ZERO,
        }
    }

    fn window(mids: &[i64]) -> Window {
        let mut window = Window::new(mids.len());
        for mid in mids {
            window.push(Decimal::new(*mid, 5));
        }
        window
    }

    const TEN: Decimal = Decimal::from_parts(10, 0, 0, false, 5);

    #[test]
    fn momentum_follows_a_move_of_at_least_its_threshold() {
        let strategy = momentum(2, TEN, Decimal::ONE);
        let window = window(&[500, 100, 100]);
        assert_eq!(strategy(&window, &tick(1, 110)).map(|signal| signal.side), Some(Side::Buy));
        assert_eq!(strategy(&window, &tick(1, 90)).map(|signal| signal.side), Some(Side::Sell));
        assert_eq!(strategy(&window, &tick(1, 109)), None);
    }

    #[test]
    fn momentum_is_silent_until_it_has_seen_enough() {
        assert_eq!(momentum(4, TEN, Decimal::ONE)(&window(&[1, 2, 3]), &tick(1, 900)), None);
    }

    #[test]
    fn mean_reversion_bets_against_a_far_price_only() {
        let strategy = mean_reversion(Decimal::TWO, Decimal::ONE);
        let window = window(&[100, 102, 98, 100]);
        assert_eq!(strategy(&window, &tick(1, 103)).map(|signal| signal.side), Some(Side::Sell));
        assert_eq!(strategy(&window, &tick(1, 97)).map(|signal| signal.side), Some(Side::Buy));
        assert_eq!(strategy(&window, &tick(1, 101)), None);
    }

    #[test]
    fn a_signal_crosses_the_market() {
        let buy = Signal::at("s", &tick(7, 100), Side::Buy, Decimal::ONE);
        let sell = Signal::at("s", &tick(7, 100), Side::Sell, Decimal::ONE);
        assert_eq!((buy.price, sell.price), (Decimal::new(101, 5), Decimal::new(99, 5)));
        assert_eq!(buy.signal_id, "s-EURUSD.0-7");
    }

    #[test]
    fn strategies_compose() {
        let always = |_: &Window, tick: &Tick| Some(Signal::at("always", tick, Side::Buy, Decimal::ONE));
        let never = |_: &Window, _: &Tick| None;
        let window = window(&[100]);
        assert!(first_of(never, always)(&window, &tick(1, 100)).is_some());
        assert!(unless_wide(Decimal::new(2, 5), always)(&window, &tick(1, 100)).is_some());
        assert!(unless_wide(Decimal::new(1, 5), always)(&window, &tick(1, 100)).is_none());
        let both: Vec<Strategy> = vec![Box::new(always), Box::new(never), Box::new(always)];
        let sequences: Vec<u64> = signals(&both, &window, &tick(3, 100)).iter().map(|signal| signal.sequence).collect();
        assert_eq!(sequences, [48, 50]);
    }
}
