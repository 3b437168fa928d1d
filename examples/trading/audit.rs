//! The audit: what was lost and what was doubled, by comparing ids.
//!
//! Owns the lists of ids read back from every topic, and their comparison with each other and with what the
//! services noted as done. Leaves reading records to `readback` and values to `compare`. No counter is
//! believed: every number is a count of ids. A record costs 32 bytes here, whatever its size.

use std::collections::BTreeMap;

use crate::effects::Effects;
use crate::ids::uuid_text;
use crate::topics::{ACK, FILLED, Leg, RAW, REJECTED, SNAPSHOTS, SUBMITTED, TICKS, VALIDATED, Venue, legs};

/// A record's id and its cause's; 0 for a root.
type Entry = (u128, u128);

/// Findings kept with their ids; further ones are only counted.
const SHOWN: usize = 20;

/// One topic's account.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub(crate) struct TopicRow {
    pub(crate) topic: String,
    /// Records in the log.
    pub(crate) produced: u64,
    /// Records whose handler reached its end; 0 for a topic that no service consumes.
    pub(crate) done: u64,
    /// Further records of an id that was done, and had no effect.
    pub(crate) deduplicated: u64,
    /// Attempts that failed and were followed by another.
    pub(crate) retried: u64,
    /// Records that lie in the dead-letter topic.
    pub(crate) dead_lettered: u64,
    /// Records that an operator or a filter passed over.
    pub(crate) skipped: u64,
    /// Records that were neither done nor dead-lettered, and records that should be here and are not.
    pub(crate) lost: u64,
}

/// What the audit found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) rows: Vec<TopicRow>,
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// The first findings in words.
    pub(crate) findings: Vec<String>,
}

/// The ids read back.
#[derive(Debug)]
pub(crate) struct Audit {
    legs: Vec<Leg>,
    venues: Vec<Venue>,
    logs: BTreeMap<String, Vec<Entry>>,
    /// By input topic: id of the failed record and its position. One failure written twice is one letter.
    letters: BTreeMap<String, Vec<(u128, u64)>>,
    /// Fingerprints of the client order ids of fills.
    orders: BTreeMap<Venue, Vec<u128>>,
}

impl Audit {
    /// An audit of the pipeline in these namespaces.
    pub(crate) fn new(venues: &[Venue]) -> Self {
        Self {
            legs: legs(venues),
            venues: venues.to_vec(),
            logs: BTreeMap::new(),
            letters: BTreeMap::new(),
            orders: BTreeMap::new(),
        }
    }

    /// A record lies in `topic`.
    pub(crate) fn record(&mut self, topic: &str, id: u128, cause: u128) {
        entry(&mut self.logs, topic).push((id, cause));
    }

    /// A dead letter lies in the dead-letter topic of `topic`.
    pub(crate) fn letter(&mut self, topic: &str, id: u128, position: u64) {
        entry(&mut self.letters, topic).push((id, position));
    }

    /// A fill of this order lies in the venue's log.
    pub(crate) fn order(&mut self, venue: Venue, order: u128) {
        self.orders.entry(venue).or_default().push(order);
    }

    /// Compares everything with everything. `retried` and `skipped` by topic come from the services, for no
    /// log shows them.
    pub(crate) fn finish(
        mut self,
        effects: &Effects,
        retried: &BTreeMap<String, u64>,
        skipped: &BTreeMap<String, u64>,
    ) -> Verdict {
        let mut verdict = Verdict::default();
        for letters in self.letters.values_mut() {
            letters.sort_unstable();
            letters.dedup();
        }
        for log in self.logs.values_mut() {
            log.sort_unstable();
        }
        let mut handled = BTreeMap::new();
        for leg in std::mem::take(&mut self.legs) {
            let mut done = sorted(effects.take_handled(&leg.topic));
            let mut row = verdict.settled(&leg, self.log(&leg.topic), self.letters_of(&leg.topic), &done);
            done.dedup();
            handled.insert(leg.topic.clone(), done);
            row.retried = retried.get(&leg.topic).copied().unwrap_or(0);
            row.skipped = skipped.get(&leg.topic).copied().unwrap_or(0);
            verdict.rows.push(row);
        }
        let published = sorted(effects.take_published());
        self.link(&mut verdict, &published, &[TICKS.as_str().to_owned()], |entry| entry.0);
        let spoken = sorted(effects.take_spoken());
        for venue in self.venues.clone() {
            let topic = |sibling| venue.topic(sibling);
            let done = |sibling| handled.get(&topic(sibling)).map_or(&[][..], Vec::as_slice);
            let (raw, validated, filled) = (done(RAW), done(VALIDATED), done(FILLED));
            self.link(&mut verdict, &spoken, &[topic(RAW)], |entry| entry.1);
            self.link(&mut verdict, raw, &[topic(VALIDATED), topic(REJECTED)], |entry| entry.1);
            for order in [SUBMITTED, ACK, FILLED] {
                self.link(&mut verdict, validated, &[topic(order)], |entry| entry.1);
            }
            self.link(&mut verdict, filled, &[topic(SNAPSHOTS)], |entry| entry.1);
            self.executions(&mut verdict, venue, effects);
        }
        verdict.lost = verdict.rows.iter().map(|row| row.lost).sum();
        verdict
    }

    /// What the logs tell by themselves, of services in other processes that have committed everything: each id of a consumed
    /// topic has an end. That it is the right one, and that nothing is lost between topics, the comparison with the oracle tells.
    pub(crate) fn by_the_logs(mut self) -> Verdict {
        let mut verdict = Verdict::default();
        for leg in std::mem::take(&mut self.legs) {
            let mut ids: Vec<u128> = self.log(&leg.topic).iter().map(|entry| entry.0).collect();
            let mut row = TopicRow { topic: leg.topic.clone(), produced: ids.len() as u64, ..TopicRow::default() };
            if leg.group.is_some() {
                ids.sort_unstable();
                ids.dedup();
                let mut letters = self.letters_of(&leg.topic).to_vec();
                letters.sort_unstable();
                letters.dedup();
                let dead = letters.iter().filter(|letter| ids.binary_search(&letter.0).is_ok()).count() as u64;
                row.dead_lettered = letters.len() as u64;
                row.done = (ids.len() as u64).saturating_sub(dead);
                row.deduplicated = row.produced.saturating_sub(row.done + row.dead_lettered);
            }
            verdict.rows.push(row);
        }
        verdict
    }

    fn log(&self, topic: &str) -> &[Entry] {
        self.logs.get(topic).map_or(&[], Vec::as_slice)
    }

    fn letters_of(&self, topic: &str) -> &[(u128, u64)] {
        self.letters.get(topic).map_or(&[], Vec::as_slice)
    }

    /// Every id in `wanted` must have one record in `topics` for each time it is there, under ids of their own.
    /// Records that lie there as planted poison are no outputs of anybody.
    fn link(&self, verdict: &mut Verdict, wanted: &[u128], topics: &[String], by: fn(&Entry) -> u128) {
        let mut found = Vec::new();
        for topic in topics {
            let letters = self.letters_of(topic);
            let log = self.log(topic);
            let planted = |entry: &Entry| {
                let dead = || letters.binary_search_by_key(&entry.0, |letter| letter.0).is_ok();
                entry.1 == 0 && wanted.binary_search(&by(entry)).is_err() && dead()
            };
            // The log is sorted: of records written again under their id, the first counts.
            let fresh =
                log.iter().enumerate().filter(|(at, entry)| at.checked_sub(1).is_none_or(|before| log[before].0 != entry.0));
            found.extend(fresh.map(|(_, entry)| entry).filter(|entry| !planted(entry)).map(by));
        }
        found.sort_unstable();
        for (id, wanted, found) in merge(wanted.iter().copied(), found) {
            if wanted > found {
                verdict.lose(&topics[0], wanted - found, || {
                    format!("{} led to {found} of {wanted} records in {}", uuid_text(id), topics.join(" and "))
                });
            }
            if found > wanted {
                verdict.double(found - wanted, || {
                    format!("{} led to {found} records in {}, not {wanted}", uuid_text(id), topics.join(" and "))
                });
            }
        }
    }

    /// Every fill was executed once at its venue, and everything executed was filled.
    fn executions(&mut self, verdict: &mut Verdict, venue: Venue, effects: &Effects) {
        let mut filled = sorted(self.orders.remove(&venue).unwrap_or_default());
        filled.dedup();
        let counts = effects.executions(venue).map(crate::effects::Executions::counts).unwrap_or_default();
        let executed = sorted(counts.into_iter().flat_map(|(order, times)| std::iter::repeat_n(order, times as usize)).collect());
        let topic = venue.topic(FILLED);
        for (order, filled, executed) in merge(filled, executed) {
            if executed > filled {
                match filled {
                    0 => verdict.lose(&topic, 1, || format!("{venue} executed order {order:032x}, and no fill tells of it")),
                    _ => verdict.double(executed - filled, || format!("{venue} executed order {order:032x} {executed} times")),
                }
            }
            if filled > executed {
                verdict.double(1, || format!("{venue} has a fill of order {order:032x}, which it never executed"));
            }
        }
    }
}

impl Verdict {
    /// Every record of a consumed topic has one end: done, or in the dead-letter topic.
    fn settled(&mut self, leg: &Leg, log: &[Entry], letters: &[(u128, u64)], done: &[u128]) -> TopicRow {
        let mut row = TopicRow { topic: leg.topic.clone(), produced: log.len() as u64, ..TopicRow::default() };
        if leg.group.is_none() {
            return row;
        }
        let ids = || log.iter().map(|entry| entry.0);
        // Three sorted lists, two at a time: the second pass keeps step with the first.
        let mut dead = merge(ids(), letters.iter().map(|letter| letter.0)).peekable();
        for (id, produced, done) in merge(ids(), done.iter().copied()) {
            let name = || format!("{} in {}", uuid_text(id), leg.topic);
            while let Some((stray, _, letters)) = dead.next_if(|next| next.0 < id) {
                self.double(letters, || format!("a dead letter tells of {}, which is not in {}", uuid_text(stray), leg.topic));
            }
            let letters = dead.next_if(|next| next.0 == id).map_or(0, |next| next.2);
            if produced == 0 {
                self.double(done, || format!("{} was handled, but is not there", name()));
                continue;
            }
            row.done += done.min(1);
            row.dead_lettered += letters;
            let others = produced.saturating_sub(done.min(1) + letters);
            if done > 0 {
                row.deduplicated += others;
            } else if others > 0 {
                row.lost += others;
                self.find(|| format!("{} was neither done nor dead-lettered", name()));
            }
            if done > 1 {
                self.double(done - 1, || format!("{} was handled {done} times", name()));
            }
            if done > 0 && letters > 0 || letters > produced {
                self.double(1, || format!("{} was handled {done} times and dead-lettered {letters} times", name()));
            }
        }
        for (stray, _, letters) in dead {
            self.double(letters, || format!("a dead letter tells of {}, which is not in {}", uuid_text(stray), leg.topic));
        }
        row
    }

    fn lose(&mut self, topic: &str, count: u64, why: impl FnOnce() -> String) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.topic == topic) {
            row.lost += count;
        }
        self.find(why);
    }

    fn double(&mut self, count: u64, why: impl FnOnce() -> String) {
        self.doubled += count;
        self.find(why);
    }

    fn find(&mut self, why: impl FnOnce() -> String) {
        if self.findings.len() < SHOWN {
            self.findings.push(why());
        }
    }
}

fn entry<'a, T>(map: &'a mut BTreeMap<String, Vec<T>>, topic: &str) -> &'a mut Vec<T> {
    if !map.contains_key(topic) {
        map.insert(topic.to_owned(), Vec::new());
    }
    map.get_mut(topic).expect("it was inserted above")
}

fn sorted(mut ids: Vec<u128>) -> Vec<u128> {
    ids.sort_unstable();
    ids
}

/// How often each id occurs in two sorted lists, in order of the ids.
fn merge(one: impl IntoIterator<Item = u128>, other: impl IntoIterator<Item = u128>) -> impl Iterator<Item = (u128, u64, u64)> {
    let (mut one, mut other) = (one.into_iter().peekable(), other.into_iter().peekable());
    std::iter::from_fn(move || {
        let id = one.peek().into_iter().chain(other.peek()).min().copied()?;
        let mut counts = (id, 0, 0);
        while one.next_if_eq(&id).is_some() {
            counts.1 += 1;
        }
        while other.next_if_eq(&id).is_some() {
            counts.2 += 1;
        }
        Some(counts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An audit of one tick under id 7 that was published, and handled `handled` times.
    fn verdict(handled: u64, fill: impl FnOnce(&mut Audit)) -> Verdict {
        let (mut audit, effects) = (Audit::new(&[Venue::Paper]), Effects::new(&[Venue::Paper]));
        effects.published(7);
        (0..handled).for_each(|_| effects.handled("market.ticks", 7));
        fill(&mut audit);
        audit.finish(&effects, &BTreeMap::new(), &BTreeMap::new())
    }

    #[test]
    fn a_tick_handled_once_is_in_order_and_its_second_record_is_deduplicated() {
        let verdict = verdict(1, |audit| (0..2).for_each(|_| audit.record("market.ticks", 7, 0)));
        assert_eq!((verdict.lost, verdict.doubled), (0, 0), "{:?}", verdict.findings);
        assert_eq!((verdict.rows[0].produced, verdict.rows[0].done, verdict.rows[0].deduplicated), (2, 1, 1));
    }

    #[test]
    fn a_published_tick_that_is_not_in_the_log_is_lost() {
        assert_eq!(verdict(0, |_| {}).lost, 1);
    }

    #[test]
    fn a_tick_that_nobody_published_is_no_tick() {
        let verdict = verdict(1, |audit| [7, 8].iter().for_each(|id| audit.record("market.ticks", *id, 0)));
        assert!(verdict.doubled >= 1 && verdict.lost >= 1, "{:?}", verdict.findings);
    }

    #[test]
    fn a_dead_letter_is_an_end_and_written_twice_it_is_one_end() {
        let verdict = verdict(0, |audit| {
            audit.record("market.ticks", 7, 0);
            (0..2).for_each(|_| audit.letter("market.ticks", 7, 5));
        });
        assert_eq!((verdict.lost, verdict.doubled, verdict.rows[0].dead_lettered), (0, 0, 1), "{:?}", verdict.findings);
    }

    #[test]
    fn one_record_with_two_ends_is_doubled() {
        let verdict = verdict(1, |audit| {
            audit.record("market.ticks", 7, 0);
            audit.letter("market.ticks", 7, 5);
        });
        assert_eq!((verdict.lost, verdict.doubled), (0, 1), "{:?}", verdict.findings);
    }

    #[test]
    fn one_letter_for_two_records_leaves_one_of_them_lost() {
        let verdict = verdict(0, |audit| {
            (0..2).for_each(|_| audit.record("market.ticks", 7, 0));
            audit.letter("market.ticks", 7, 5);
        });
        assert_eq!(verdict.lost, 1, "{:?}", verdict.findings);
    }

    #[test]
    fn a_dead_letter_without_a_record_is_doubled() {
        let verdict = verdict(1, |audit| {
            audit.record("market.ticks", 7, 0);
            audit.letter("market.ticks", 9, 5);
        });
        assert_eq!((verdict.lost, verdict.doubled), (0, 1), "{:?}", verdict.findings);
    }

    #[test]
    fn an_order_executed_twice_or_without_a_fill_is_noticed() {
        let run = |notes: u32, filled: bool| {
            let (mut audit, effects) = (Audit::new(&[Venue::Paper]), Effects::new(&[Venue::Paper]));
            (0..notes).for_each(|_| effects.executions(Venue::Paper).expect("paper is active").note("o"));
            if filled {
                audit.order(Venue::Paper, crate::ids::fingerprint(b"o"));
            }
            let verdict = audit.finish(&effects, &BTreeMap::new(), &BTreeMap::new());
            (verdict.lost, verdict.doubled)
        };
        assert_eq!(run(1, true), (0, 0));
        assert_eq!(run(2, true), (0, 1));
        assert_eq!(run(1, false), (1, 0));
        assert_eq!(run(0, true), (0, 1));
    }
}
