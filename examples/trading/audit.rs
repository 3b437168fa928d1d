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
        for leg in std::mem::take(&mut self.legs) {
            let mut row = verdict.settled(&leg, self.log(&leg.topic), self.letters_of(&leg.topic), effects);
            row.retried = retried.get(&leg.topic).copied().unwrap_or(0);
            row.skipped = skipped.get(&leg.topic).copied().unwrap_or(0);
            verdict.rows.push(row);
        }
        let published = sorted(effects.all_published());
        self.link(&mut verdict, &published, &[TICKS.as_str().to_owned()], |entry| entry.0);
        let spoken = sorted(effects.all_spoken());
        for venue in self.venues.clone() {
            let topic = |sibling| venue.topic(sibling);
            let done = |topic: &str| {
                let mut done = sorted(effects.all_handled(topic));
                done.dedup();
                done
            };
            let (raw, validated, filled) = (done(&topic(RAW)), done(&topic(VALIDATED)), done(&topic(FILLED)));
            self.link(&mut verdict, &spoken, &[topic(RAW)], |entry| entry.1);
            self.link(&mut verdict, &raw, &[topic(VALIDATED), topic(REJECTED)], |entry| entry.1);
            for order in [SUBMITTED, ACK, FILLED] {
                self.link(&mut verdict, &validated, &[topic(order)], |entry| entry.1);
            }
            self.link(&mut verdict, &filled, &[topic(SNAPSHOTS)], |entry| entry.1);
            self.executions(&mut verdict, venue, effects);
        }
        verdict.lost = verdict.rows.iter().map(|row| row.lost).sum();
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
            let mut log = self.log(topic).to_vec();
            log.dedup_by_key(|entry| entry.0);
            let planted = |entry: &Entry| {
                let dead = || letters.binary_search_by_key(&entry.0, |letter| letter.0).is_ok();
                entry.1 == 0 && wanted.binary_search(&by(entry)).is_err() && dead()
            };
            found.extend(log.iter().filter(|entry| !planted(entry)).map(by));
        }
        found.sort_unstable();
        for (id, wanted, found) in merge(wanted, &found) {
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
        for (order, filled, executed) in merge(&filled, &executed) {
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
    fn settled(&mut self, leg: &Leg, log: &[Entry], letters: &[(u128, u64)], effects: &Effects) -> TopicRow {
        let mut row = TopicRow { topic: leg.topic.clone(), produced: log.len() as u64, ..TopicRow::default() };
        if leg.group.is_none() {
            return row;
        }
        let ids: Vec<u128> = log.iter().map(|entry| entry.0).collect();
        let done = sorted(effects.all_handled(&leg.topic));
        let letters: Vec<u128> = letters.iter().map(|letter| letter.0).collect();
        // Letters are merged in a second pass: three sorted lists, two at a time.
        let mut dead = merge(&ids, &letters).into_iter().peekable();
        for (id, produced, done) in merge(&ids, &done) {
            while dead.peek().is_some_and(|next| next.0 < id) {
                dead.next();
            }
            let letters = dead.peek().filter(|next| next.0 == id).map_or(0, |next| next.2);
            let name = uuid_text(id);
            if produced == 0 {
                self.double(done, || format!("{name} was handled, but is not in {}", leg.topic));
                continue;
            }
            row.done += done.min(1);
            row.dead_lettered += letters;
            row.deduplicated += produced.saturating_sub(done.min(1) + letters) * done.min(1);
            if done + letters == 0 {
                row.lost += produced;
                self.find(|| format!("{name} in {} was neither done nor dead-lettered", leg.topic));
            }
            if done > 1 {
                self.double(done - 1, || format!("{name} in {} was handled {done} times", leg.topic));
            }
            if done > 0 && letters > 0 || letters > produced {
                self.double(1, || format!("{name} in {} was handled {done} times and dead-lettered {letters} times", leg.topic));
            }
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
fn merge<'a>(mut one: &'a [u128], mut other: &'a [u128]) -> Vec<(u128, u64, u64)> {
    let take = |list: &mut &'a [u128], id: u128| {
        let count = list.iter().take_while(|next| **next == id).count();
        *list = &list[count..];
        count as u64
    };
    let mut counts = Vec::new();
    while let Some(id) = one.first().into_iter().chain(other.first()).min().copied() {
        counts.push((id, take(&mut one, id), take(&mut other, id)));
    }
    counts
}
