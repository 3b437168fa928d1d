//! The audit: what was lost and what was doubled, by comparing ids.
//!
//! Owns the lists of ids read back from every topic, and their comparison with each other and with what the
//! services noted as done. Leaves reading records to `readback`, values to `compare` and counting to `verdict`. No counter is
//! believed: every number is a count of ids. A record costs 32 bytes here, whatever its size.

use std::collections::BTreeMap;

use crate::effects::Effects;
use crate::ids::uuid_text;
use crate::topics::{ACK, FILLED, Leg, RAW, REJECTED, SNAPSHOTS, SUBMITTED, TICKS, VALIDATED, Venue, legs};
use crate::verdict::{Verdict, merge};

/// A record's id and its cause's; 0 for a root.
pub(crate) type Entry = (u128, u128);

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
        self.put_in_order();
        let done = |leg: &Leg| (leg.topic.clone(), sorted(effects.take_handled(&leg.topic)));
        let done = self.legs.iter().map(done).collect();
        let mut verdict = self.compare(done, &sorted(effects.take_published()), &sorted(effects.take_spoken()));
        for row in &mut verdict.rows {
            row.retried = retried.get(&row.topic).copied().unwrap_or(0);
            row.skipped = skipped.get(&row.topic).copied().unwrap_or(0);
        }
        for venue in self.venues.clone() {
            self.executions(&mut verdict, venue, effects);
        }
        verdict.summed()
    }

    /// The same of services in other processes, which have committed everything and noted nothing here: a record that is no
    /// dead letter was done, and must have led to what it leads to. `published` are ticks, and `spoken` those that make a
    /// strategy speak, once per signal. That what it led to is right the comparison with the oracle tells.
    pub(crate) fn by_the_logs(mut self, published: Vec<u128>, spoken: Vec<u128>) -> Verdict {
        self.put_in_order();
        let done = |leg: &Leg| {
            let mut ids: Vec<u128> = self.log(&leg.topic).iter().map(|entry| entry.0).collect();
            ids.dedup();
            let letters = self.letters_of(&leg.topic);
            ids.retain(|id| letters.binary_search_by_key(id, |letter| letter.0).is_err());
            (leg.topic.clone(), ids)
        };
        let done = self.legs.iter().filter(|leg| leg.group.is_some()).map(done).collect();
        self.compare(done, &sorted(published), &sorted(spoken)).summed()
    }

    fn put_in_order(&mut self) {
        for letters in self.letters.values_mut() {
            letters.sort_unstable();
            letters.dedup();
        }
        self.logs.values_mut().for_each(|log| log.sort_unstable());
    }

    /// Compares the logs with each other and with what was done of each topic, as often as it was.
    fn compare(&self, mut done: BTreeMap<String, Vec<u128>>, published: &[u128], spoken: &[u128]) -> Verdict {
        let mut verdict = Verdict::default();
        for leg in &self.legs {
            let done = done.entry(leg.topic.clone()).or_default();
            let row = verdict.settled(leg, self.log(&leg.topic), self.letters_of(&leg.topic), done);
            done.dedup();
            verdict.rows.push(row);
        }
        self.link(&mut verdict, published, &[TICKS.as_str().to_owned()], |entry| entry.0);
        for venue in &self.venues {
            let topic = |sibling| venue.topic(sibling);
            let done = |sibling| done.get(&topic(sibling)).map_or(&[][..], Vec::as_slice);
            let (raw, validated, filled) = (done(RAW), done(VALIDATED), done(FILLED));
            self.link(&mut verdict, spoken, &[topic(RAW)], |entry| entry.1);
            self.link(&mut verdict, raw, &[topic(VALIDATED), topic(REJECTED)], |entry| entry.1);
            for order in [SUBMITTED, ACK, FILLED] {
                self.link(&mut verdict, validated, &[topic(order)], |entry| entry.1);
            }
            self.link(&mut verdict, filled, &[topic(SNAPSHOTS)], |entry| entry.1);
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

    /// By the logs: a tick that made one strategy speak, and what is in the log of raw signals, by id and cause.
    fn by_the_logs(raw: &[Entry]) -> (u64, u64) {
        let mut audit = Audit::new(&[Venue::Paper]);
        audit.record("market.ticks", 7, 0);
        for (id, cause) in raw {
            audit.record("paper.signals.raw", *id, *cause);
            audit.record("paper.signals.rejected", id + 1, *id);
        }
        let verdict = audit.by_the_logs(vec![7], vec![7]);
        (verdict.lost, verdict.doubled)
    }

    #[test]
    fn the_logs_alone_tell_what_was_lost_and_what_was_doubled() {
        assert_eq!(by_the_logs(&[(10, 7)]), (0, 0));
        assert_eq!(by_the_logs(&[(10, 7), (10, 7)]), (0, 0), "written again under its id, it counts once");
        assert_eq!(by_the_logs(&[]), (1, 0));
        assert_eq!(by_the_logs(&[(10, 7), (20, 7)]), (0, 1));
        assert_eq!(by_the_logs(&[(10, 8)]), (1, 1));
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
