//! The verdict of an audit: a row a topic, what was lost, what was doubled, and the first of it in words.
//!
//! Owns counting, and whether each record of a topic has one end. Leaves which ids are compared to `audit`.

use crate::audit::Entry;
use crate::ids::uuid_text;
use crate::topics::Leg;

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

impl Verdict {
    /// With the sum of its rows.
    pub(crate) fn summed(mut self) -> Self {
        self.lost = self.rows.iter().map(|row| row.lost).sum();
        self
    }

    /// Every record of a consumed topic has one end: done, or in the dead-letter topic.
    pub(crate) fn settled(&mut self, leg: &Leg, log: &[Entry], letters: &[(u128, u64)], done: &[u128]) -> TopicRow {
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

    /// `count` records are missing from `topic`.
    pub(crate) fn lose(&mut self, topic: &str, count: u64, why: impl FnOnce() -> String) {
        if let Some(row) = self.rows.iter_mut().find(|row| row.topic == topic) {
            row.lost += count;
        }
        self.find(why);
    }

    /// `count` effects are too many.
    pub(crate) fn double(&mut self, count: u64, why: impl FnOnce() -> String) {
        self.doubled += count;
        self.find(why);
    }

    fn find(&mut self, why: impl FnOnce() -> String) {
        if self.findings.len() < SHOWN {
            self.findings.push(why());
        }
    }
}

/// How often each id occurs in two sorted lists, in order of the ids.
pub(crate) fn merge(
    one: impl IntoIterator<Item = u128>,
    other: impl IntoIterator<Item = u128>,
) -> impl Iterator<Item = (u128, u64, u64)> {
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
