//! The feed's content: which record follows which on `market.ticks`.
//!
//! Owns the split of one real stream into instruments, laps, and the place of duplicates and poison. Leaves
//! publishing to `market_feed` and the file to `csv`. Memory is bounded by the longest delay of a duplicate.
//!
//! The file holds one instrument; services need several keys to be worth running. So tick `i` goes to
//! `EURUSD.{i mod 8}`: each synthetic instrument is an eighth of the real stream in its real order, and only
//! the order within an instrument has a meaning. A lap repeats the file with later times and further
//! sequences, as if the same day came again: its ticks are new events.

use std::collections::BTreeMap;

use crate::csv::{DataError, Extent, Quotes, Source};
use crate::events::Tick;
use crate::faults::Faults;
use crate::ids::tick_id;
use crate::poison::{Poison, poison};
use crate::topics::Venue;

/// Number of synthetic instruments: twice the partitions, so that partitions hold more than one key.
pub(crate) const INSTRUMENTS: u64 = 8;

const DAY: i64 = 86_400_000;

/// Name of the `number`-th instrument.
pub(crate) fn instrument(number: u64) -> String {
    format!("EURUSD.{number}")
}

/// One record of the feed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Item {
    /// A tick under its id; `again` if it was published before.
    Tick { id: u128, tick: Tick, again: bool },
    /// A record nobody can decode.
    Poison(Poison),
}

/// What is to be published: data, laps and faults.
#[derive(Debug, Clone)]
pub(crate) struct Feed {
    pub(crate) source: Source,
    pub(crate) extent: Extent,
    pub(crate) laps: u64,
    pub(crate) faults: Faults,
    pub(crate) venues: Vec<Venue>,
}

impl Feed {
    /// All different ticks: file times laps.
    pub(crate) fn total(&self) -> u64 {
        self.extent.ticks * self.laps
    }

    /// The highest sequence any instrument reaches.
    pub(crate) fn last_sequence(&self) -> u64 {
        self.extent.ticks.div_ceil(INSTRUMENTS) * self.laps
    }

    /// The ticks alone, each once and in order: what the oracle sees.
    pub(crate) fn ticks(&self) -> Ticks<'_> {
        Ticks { feed: self, quotes: None, lap: 0, index: 0 }
    }

    /// Everything that is published, in order.
    pub(crate) fn items(&self) -> Items<'_> {
        let mut planned = poison(self.faults.seed, self.faults.rates.poison, self.extent.ticks, &self.venues);
        planned.reverse();
        Items { ticks: self.ticks(), count: 0, ready: Vec::new(), later: BTreeMap::new(), poison: planned, ended: false }
    }

    fn tick(&self, lap: u64, index: u64, quote: crate::csv::Quote) -> Tick {
        let number = index % INSTRUMENTS;
        let per_lap = (self.extent.ticks - number).div_ceil(INSTRUMENTS);
        let days = (self.extent.last - self.extent.first) / DAY + 1;
        Tick {
            instrument: instrument(number),
            sequence: lap * per_lap + index / INSTRUMENTS + 1,
            time: quote.time + i64::try_from(lap).unwrap_or(i64::MAX / DAY) * days * DAY,
            bid: quote.bid,
            ask: quote.ask,
            volume: quote.volume,
        }
    }
}

/// See [`Feed::ticks`].
pub(crate) struct Ticks<'a> {
    feed: &'a Feed,
    quotes: Option<Quotes>,
    lap: u64,
    index: u64,
}

impl Iterator for Ticks<'_> {
    type Item = Result<Tick, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.lap < self.feed.laps {
            let quotes = match &mut self.quotes {
                Some(quotes) => quotes,
                none => match self.feed.source.open() {
                    Ok(quotes) => none.insert(quotes),
                    Err(error) => return self.fail(error),
                },
            };
            match quotes.next() {
                Some(Ok(quote)) if self.index < self.feed.extent.ticks => {
                    let tick = self.feed.tick(self.lap, self.index, quote);
                    self.index += 1;
                    return Some(Ok(tick));
                }
                Some(Err(error)) => return self.fail(error),
                None if self.index == self.feed.extent.ticks => {
                    (self.quotes, self.index) = (None, 0);
                    self.lap += 1;
                }
                Some(Ok(_)) | None => {
                    let error = DataError {
                        place: self.feed.source.name(),
                        what: "the file changed while it was read".to_owned(),
                        remedy: "give a file that nobody writes to meanwhile",
                    };
                    return self.fail(error);
                }
            }
        }
        None
    }
}

impl Ticks<'_> {
    fn fail(&mut self, error: DataError) -> Option<Result<Tick, DataError>> {
        self.lap = self.feed.laps;
        Some(Err(error))
    }
}

/// See [`Feed::items`].
pub(crate) struct Items<'a> {
    ticks: Ticks<'a>,
    count: u64,
    /// Due now, last first.
    ready: Vec<Item>,
    /// Duplicates by the number of ticks after which they are due.
    later: BTreeMap<u64, Vec<Item>>,
    /// Latest first.
    poison: Vec<Poison>,
    ended: bool,
}

impl Iterator for Items<'_> {
    type Item = Result<Item, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(item) = self.ready.pop() {
            return Some(Ok(item));
        }
        if !self.ended {
            let (lap, index) = (self.ticks.lap, self.ticks.index);
            match self.ticks.next() {
                Some(Ok(tick)) => return Some(Ok(self.take(tick, lap, index))),
                Some(Err(error)) => {
                    (self.ended, self.poison) = (true, Vec::new());
                    self.later.clear();
                    return Some(Err(error));
                }
                None => self.ended = true,
            }
        }
        if let Some((_, items)) = self.later.pop_first() {
            self.ready = items;
            self.ready.reverse();
            return self.ready.pop().map(Ok);
        }
        self.poison.pop().map(|poison| Ok(Item::Poison(poison)))
    }
}

impl Items<'_> {
    fn take(&mut self, tick: Tick, lap: u64, index: u64) -> Item {
        // At the end of a lap the tick itself opens the next one.
        let feed = self.ticks.feed;
        let (lap, index) = if index == feed.extent.ticks { (lap + 1, 0) } else { (lap, index) };
        let id = tick_id(feed.faults.seed, &tick.instrument, tick.sequence, tick.time);
        self.count += 1;
        if let Some(delay) = feed.faults.duplicate(lap, index) {
            let again = Item::Tick { id, tick: tick.clone(), again: true };
            self.later.entry(self.count + delay).or_default().push(again);
        }
        while self.poison.last().is_some_and(|poison| poison.after < self.count) {
            self.ready.extend(self.poison.pop().map(Item::Poison));
        }
        if let Some(due) = self.later.remove(&self.count) {
            self.ready.extend(due);
        }
        Item::Tick { id, tick, again: false }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;
    use crate::faults::Rates;

    /// The feed of the embedded ticks with default faults.
    pub(crate) fn embedded(seed: u64, laps: u64) -> Feed {
        let extent = Source::Embedded.check().expect("the embedded ticks are valid");
        let faults = Faults::new(seed, Rates::default(), extent.ticks, INSTRUMENTS);
        Feed { source: Source::Embedded, extent, laps, faults, venues: Venue::ALL.to_vec() }
    }

    #[test]
    fn sequences_rise_by_one_and_times_never_fall_within_an_instrument() {
        let feed = embedded(1, 3);
        let mut latest: HashMap<String, (u64, i64)> = HashMap::new();
        let mut count = 0;
        for tick in feed.ticks() {
            let tick = tick.expect("the embedded ticks are valid");
            let seen = latest.entry(tick.instrument.clone()).or_insert((0, i64::MIN));
            assert_eq!(tick.sequence, seen.0 + 1);
            assert!(tick.time >= seen.1);
            *seen = (tick.sequence, tick.time);
            count += 1;
        }
        assert_eq!(count, feed.total());
        assert_eq!(latest.len() as u64, INSTRUMENTS);
    }

    #[test]
    fn a_duplicate_is_the_same_tick_under_the_same_id_and_comes_later() {
        let feed = embedded(5, 2);
        let (mut seen, mut again_count, mut poison_count) = (HashSet::new(), 0, 0);
        for item in feed.items() {
            match item.expect("the embedded ticks are valid") {
                Item::Tick { id, again: false, .. } => assert!(seen.insert(id), "one id, one tick"),
                Item::Tick { id, again: true, .. } => {
                    assert!(seen.contains(&id));
                    again_count += 1;
                }
                Item::Poison(_) => poison_count += 1,
            }
        }
        assert_eq!((seen.len() as u64, again_count, poison_count), (feed.total(), 800, 8));
    }

    #[test]
    fn one_seed_gives_one_feed() {
        let items = |seed| embedded(seed, 1).items().collect::<Vec<_>>();
        assert_eq!(items(4), items(4));
        assert_ne!(items(4), items(5));
    }
}
