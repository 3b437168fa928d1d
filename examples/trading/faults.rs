//! The plan of what goes wrong: every decision is a function of `(seed, kind, id)`.
//!
//! Owns which ticks are published twice, which attempts fail, which orders are refused and when the SDK is
//! down. Leaves doing it to the feed, the services and the SDK, and poison to `poison`. Nothing here is drawn
//! in order, so threads, retries and laps cannot change a decision, and the oracle can ask the same questions.

use std::collections::HashMap;
use std::fmt;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use crate::ids::roll;

/// Failing attempts of an order that meets the outage. With the first success it makes 4 attempts, which is
/// what services of this example allow at least.
pub(crate) const OUTAGE_FAILURES: u8 = 3;

/// How much goes wrong; the defaults are those of the command line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rates {
    /// Ticks published twice, per lap.
    pub(crate) duplicates: u64,
    /// Events of a thousand whose first one or two attempts fail, per service.
    pub(crate) transient: u64,
    /// Zerodha orders of a thousand that are refused for good.
    pub(crate) refusals: u64,
    /// Length of the zerodha outage, in ticks of an instrument.
    pub(crate) outage: u64,
    /// Poison records, in the first lap.
    pub(crate) poison: u64,
    /// Orders a zerodha session lives.
    pub(crate) session_orders: u64,
}

impl Default for Rates {
    fn default() -> Self {
        Self { duplicates: 400, transient: 20, refusals: 20, outage: 60, poison: 8, session_orders: 50 }
    }
}

/// What the SDK does with an order before it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// The first calls find no server.
    Unavailable(u8),
    /// The first calls execute the order, but their replies are lost.
    ReplyLost(u8),
    /// Every call is refused.
    Refused,
}

/// The plan for one run.
#[derive(Debug, Clone)]
pub(crate) struct Faults {
    pub(crate) seed: u64,
    pub(crate) rates: Rates,
    /// Ticks of a lap.
    lap: u64,
    /// Sequences of ticks, in each instrument, whose orders meet the outage.
    outage: Range<u64>,
}

impl Faults {
    /// Lays out the faults over laps of `ticks` ticks in `instruments` instruments.
    pub(crate) fn new(seed: u64, rates: Rates, ticks: u64, instruments: u64) -> Self {
        let each = ticks / instruments.max(1);
        let start = 1 + each / 4 + roll(seed, "outage", "start") % (each / 2).max(1);
        Self { seed, rates, lap: ticks, outage: start..start.saturating_add(rates.outage) }
    }

    /// Ticks that are published twice in a lap.
    pub(crate) fn duplicates_per_lap(&self) -> u64 {
        self.rates.duplicates.min(self.lap)
    }

    /// After how many further ticks the tick at `index` of a lap is published once more, if it is.
    ///
    /// A lap is cut into as many blocks as there are duplicates, and one tick of each block is chosen: so the
    /// count is exact, and no list has to be kept.
    pub(crate) fn duplicate(&self, lap: u64, index: u64) -> Option<u64> {
        let blocks = self.duplicates_per_lap();
        if blocks == 0 {
            return None;
        }
        let block = index * blocks / self.lap;
        let (start, end) = ((block * self.lap).div_ceil(blocks), ((block + 1) * self.lap).div_ceil(blocks));
        let number = roll(self.seed, "duplicate", &format!("{lap}/{block}"));
        (start + number % (end - start) == index).then(|| 1 + (number >> 32) % 64)
    }

    /// How many attempts of `service` fail on the event called `name` before one succeeds: 0, 1 or 2.
    pub(crate) fn failures(&self, service: &str, name: &str) -> u8 {
        self.few(roll(self.seed, service, name))
    }

    /// What the SDK does with an order that a tick of `sequence` led to.
    pub(crate) fn trouble(&self, order_id: &str, sequence: u64) -> Option<Trouble> {
        if roll(self.seed, "refusal", order_id) % 1000 < self.rates.refusals {
            return Some(Trouble::Refused);
        }
        if self.outage.contains(&sequence) {
            return Some(Trouble::Unavailable(OUTAGE_FAILURES));
        }
        let number = roll(self.seed, "sdk", order_id);
        match self.few(number) {
            0 => None,
            failures if number >> 63 == 0 => Some(Trouble::Unavailable(failures)),
            failures => Some(Trouble::ReplyLost(failures)),
        }
    }

    fn few(&self, number: u64) -> u8 {
        if number % 1000 >= self.rates.transient {
            0
        } else if (number >> 40) & 1 == 0 {
            1
        } else {
            2
        }
    }
}

/// A planned failure of an attempt; trying again helps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Planned {
    service: &'static str,
}

impl fmt::Display for Planned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed as planned", self.service)
    }
}

impl std::error::Error for Planned {}

/// Carries out the planned failures of one service: the first attempts fail, a later one does not.
///
/// It remembers only events between their first failure and their success.
#[derive(Debug)]
pub(crate) struct Flaky {
    service: &'static str,
    plan: Faults,
    left: Mutex<HashMap<String, u8>>,
}

impl Flaky {
    /// The failures planned for `service`.
    pub(crate) fn new(service: &'static str, plan: &Faults) -> Self {
        Self { service, plan: plan.clone(), left: Mutex::default() }
    }

    /// One attempt on the event called `name`.
    pub(crate) fn attempt(&self, name: &str) -> Result<(), Planned> {
        let planned = self.plan.failures(self.service, name);
        if planned == 0 {
            return Ok(());
        }
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        let remaining = left.get(name).copied().unwrap_or(planned);
        if remaining == 0 {
            left.remove(name);
            return Ok(());
        }
        left.insert(name.to_owned(), remaining - 1);
        Err(Planned { service: self.service })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(seed: u64) -> Faults {
        Faults::new(seed, Rates::default(), 9500, 8)
    }

    #[test]
    fn exactly_the_wanted_number_of_ticks_is_published_twice() {
        for seed in 0..20 {
            for (duplicates, ticks) in [(400, 9500), (1, 9500), (0, 9500), (9500, 9500), (7, 3), (3, 7)] {
                let faults = Faults::new(seed, Rates { duplicates, ..Rates::default() }, ticks, 8);
                let planted = (0..ticks).filter(|index| faults.duplicate(2, *index).is_some()).count() as u64;
                assert_eq!(planted, duplicates.min(ticks), "seed {seed}, {duplicates} of {ticks}");
            }
        }
    }

    #[test]
    fn laps_and_seeds_choose_other_ticks() {
        let chosen = |seed, lap| (0..9500).filter(|index| plan(seed).duplicate(lap, *index).is_some()).collect::<Vec<_>>();
        assert_ne!(chosen(1, 0), chosen(1, 1));
        assert_ne!(chosen(1, 0), chosen(2, 0));
        assert_eq!(chosen(1, 0), chosen(1, 0));
    }

    #[test]
    fn a_planned_failure_ends_after_its_attempts() {
        let flaky = Flaky::new("risk-manager", &plan(3));
        let mut failed = 0;
        for number in 0..2000 {
            let name = format!("signal-{number}");
            let attempts = (0..5).position(|_| flaky.attempt(&name).is_ok()).expect("succeeds within five attempts");
            assert_eq!(attempts, usize::from(plan(3).failures("risk-manager", &name)));
            failed += attempts;
        }
        assert!(failed > 20, "{failed}");
        assert!(flaky.left.lock().expect("not poisoned").is_empty());
    }

    #[test]
    fn the_outage_lies_inside_the_first_lap() {
        for seed in 0..50 {
            let outage = plan(seed).outage;
            assert!(outage.start >= 1 && outage.end < 9500 / 8, "{outage:?}");
            assert_eq!(outage.end - outage.start, 60);
        }
    }

    #[test]
    fn without_rates_nothing_fails() {
        let none = Rates { duplicates: 0, transient: 0, refusals: 0, outage: 0, poison: 0, session_orders: 50 };
        let faults = Faults::new(1, none, 9500, 8);
        assert!((0..9500).all(|n| faults.duplicate(0, n).is_none() && faults.trouble(&format!("o{n}"), n).is_none()));
        assert!((0..9500).all(|n| faults.failures("strategy-runner", &format!("o{n}")) == 0));
    }
}
