//! The comparison of what came out with what the oracle says, to the last digit.
//!
//! Owns the walk along both, account by account and in order, and the first place where they part. Leaves
//! what is right to `oracle`. It keeps one portfolio per account, not the events.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::csv::DataError;
use crate::events::{OrderFilled, PnlSnapshot};
use crate::feed::Feed;
use crate::oracle::{Account, Expected, Oracle, digest};
use crate::topics::Venue;

/// How far back a record may come again (a producer that sent twice) and still be recognised.
const REPEATS: usize = 256;

/// The first place where log and oracle part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Difference {
    pub(crate) namespace: String,
    pub(crate) instrument: String,
    /// `fill` or `snapshot`.
    pub(crate) what: &'static str,
    /// Its number within namespace and instrument, from 0.
    pub(crate) number: usize,
    /// The oracle's event; none if it has no more.
    pub(crate) expected: Option<serde_json::Value>,
    /// The log's event; none if it has no more.
    pub(crate) actual: Option<serde_json::Value>,
}

/// A comparison under way.
#[derive(Debug)]
pub(crate) struct Comparison<'a> {
    oracle: &'a Oracle,
    seen: BTreeMap<Account, (usize, usize)>,
    portfolios: BTreeMap<Account, PnlSnapshot>,
    first: Option<Difference>,
}

impl<'a> Comparison<'a> {
    /// A comparison with `oracle`.
    pub(crate) fn new(oracle: &'a Oracle) -> Self {
        Self { oracle, seen: BTreeMap::new(), portfolios: BTreeMap::new(), first: None }
    }

    /// The next fill of its account.
    pub(crate) fn fill(&mut self, venue: Venue, fill: &OrderFilled) {
        self.next(venue, &fill.instrument, "fill", fill);
    }

    /// The next snapshot of its account.
    pub(crate) fn snapshot(&mut self, venue: Venue, snapshot: &PnlSnapshot) {
        if self.next(venue, &snapshot.instrument, "snapshot", snapshot) {
            self.portfolios.insert((venue, snapshot.instrument.clone()), snapshot.clone());
        }
    }

    /// Ends the comparison: the portfolios as the log tells them, and where they part from the oracle's. The
    /// oracle runs once more to show the event it expected.
    pub(crate) fn finish(mut self, feed: &Feed) -> Result<(BTreeMap<Account, PnlSnapshot>, Option<Difference>), DataError> {
        for (account, expected) in &self.oracle.accounts {
            let seen = self.seen.get(account).copied().unwrap_or_default();
            for (what, number, wanted) in [("fill", seen.0, expected.fills.len()), ("snapshot", seen.1, expected.snapshots.len())]
            {
                if number < wanted && self.first.is_none() {
                    self.first = Some(difference(account, what, number, None));
                }
            }
        }
        if let Some(first) = &mut self.first {
            first.expected = first.look_up(feed)?;
        }
        Ok((self.portfolios, self.first))
    }

    /// Whether the event is new, and not one that was written twice.
    fn next<T: Serialize>(&mut self, venue: Venue, instrument: &str, what: &'static str, event: &T) -> bool {
        let account = (venue, instrument.to_owned());
        let none = Expected::default();
        let expected = self.oracle.accounts.get(&account).unwrap_or(&none);
        let seen = self.seen.entry(account.clone()).or_default();
        let (digests, number) = if what == "fill" { (&expected.fills, &mut seen.0) } else { (&expected.snapshots, &mut seen.1) };
        let actual = digest(event);
        let present = digests.get(*number);
        if present != Some(&actual) {
            let (from, to) = (number.saturating_sub(REPEATS), (*number).min(digests.len()));
            if digests.get(from..to).is_some_and(|before| before.contains(&actual)) {
                return false;
            }
            if self.first.is_none() {
                self.first = Some(difference(&account, what, *number, serde_json::to_value(event).ok()));
            }
        }
        *number += 1;
        true
    }
}

impl Difference {
    fn look_up(&self, feed: &Feed) -> Result<Option<serde_json::Value>, DataError> {
        let (mut number, mut expected) = (0, None);
        Oracle::run(feed, |venue, fill, snapshot| {
            if venue.name() == self.namespace && fill.instrument == self.instrument {
                if number == self.number {
                    let value = if self.what == "fill" { serde_json::to_value(fill) } else { serde_json::to_value(snapshot) };
                    expected = value.ok();
                }
                number += 1;
            }
        })?;
        Ok(expected)
    }
}

fn difference(account: &Account, what: &'static str, number: usize, actual: Option<serde_json::Value>) -> Difference {
    Difference { namespace: account.0.to_string(), instrument: account.1.clone(), what, number, expected: None, actual }
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::feed::tests::embedded;

    /// Replays the oracle's own events, changed by `change`, and returns where they part.
    fn replay(change: impl Fn(usize, &mut OrderFilled) -> usize) -> Option<Difference> {
        let feed = embedded(1, 1);
        let (mut fills, mut snapshots) = (Vec::new(), Vec::new());
        let oracle = Oracle::run(&feed, |venue, fill, snapshot| {
            fills.push((venue, fill.clone()));
            snapshots.push((venue, snapshot.clone()));
        });
        let oracle = oracle.expect("the embedded ticks are valid");
        let mut comparison = Comparison::new(&oracle);
        for (number, (venue, mut fill)) in fills.into_iter().enumerate() {
            for _ in 0..change(number, &mut fill) {
                comparison.fill(venue, &fill);
            }
        }
        for (venue, snapshot) in &snapshots {
            comparison.snapshot(*venue, snapshot);
        }
        comparison.finish(&feed).expect("the embedded ticks are valid").1
    }

    #[test]
    fn the_oracle_equals_itself_even_if_records_were_written_twice() {
        assert_eq!(replay(|_, _| 1), None);
        assert_eq!(replay(|number, _| 1 + number % 2), None);
    }

    #[test]
    fn a_last_digit_is_noticed_and_both_events_are_shown() {
        let change = |number, fill: &mut OrderFilled| {
            if number == 100 {
                fill.price += Decimal::new(1, 9);
            }
            1
        };
        let difference = replay(change).expect("one price was changed");
        assert_eq!(difference.what, "fill");
        let price =
            |event: &Option<serde_json::Value>| event.as_ref().and_then(|event| event["price"].as_str()).map(str::to_owned);
        assert_ne!(price(&difference.expected), price(&difference.actual));
        assert!(price(&difference.expected).is_some() && price(&difference.actual).is_some());
    }

    #[test]
    fn a_missing_fill_is_noticed_in_the_middle_and_at_the_end() {
        assert!(replay(|number, _| usize::from(number != 100)).is_some());
        let missing = replay(|number, _| usize::from(number < 100)).expect("most fills are missing");
        assert!(missing.expected.is_some() && missing.actual.is_none());
    }
}
