//! Owns the account of a service: what became of each topic's records. Counted a batch at a time, read at any time.

use crate::contract::DeadLetterReason;
use crate::topic::Topic;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! counts {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What became of records. Plain numbers; see [`Account`].
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[non_exhaustive]
        pub struct Counts { $($(#[$doc])* pub $name: u64),* }

        #[derive(Default)]
        pub(crate) struct Counters { $($name: AtomicU64,)* letters: [AtomicU64; DeadLetterReason::ALL.len()] }

        impl Counters {
            pub(crate) fn add(&self, counts: &Counts) {
                $(if counts.$name != 0 { self.$name.fetch_add(counts.$name, Ordering::Relaxed); })*
            }

            pub(crate) fn read(&self) -> Counts {
                Counts { $($name: self.$name.load(Ordering::Relaxed)),* }
            }
        }

        impl std::ops::AddAssign for Counts {
            fn add_assign(&mut self, other: Counts) {
                $(self.$name += other.$name;)*
            }
        }
    };
}

counts! {
    /// Handed to workers.
    delivered,
    /// Settled because the handler succeeded.
    done,
    /// Settled because the handler skipped them.
    skipped,
    /// Settled without a handler call, because a filter does not want them.
    filtered,
    /// Settled because their id was done before, elsewhere.
    duplicates,
    /// Settled because they were done before themselves, or were dead letters, and redelivered.
    redeliveries,
    /// Records whose id was done by another content.
    conflicts,
    /// Attempts after one that failed, be it a probe of an open breaker.
    retries,
    /// Attempts that failed.
    failures,
    /// Attempts whose handler put their record off.
    deferred,
    /// Settled because their dead letter was accepted.
    dead_lettered,
    /// Settled because a retry topic has taken a copy, which is counted there anew.
    handed_on,
    /// Outputs confirmed.
    outputs,
    /// Given up unsettled at the end of an epoch; redone by the next owner.
    abandoned,
    /// Settled at the end of a grace though their mark was not confirmed.
    marks_missing,
    /// Outputs that were with the client when their epoch ended.
    zombie_possible,
    /// Attempts dropped because they took too long.
    timeouts,
}

impl Counts {
    /// All that are settled.
    pub fn settled(&self) -> u64 {
        self.done + self.skipped + self.filtered + self.duplicates + self.redeliveries + self.dead_lettered + self.handed_on
    }
}

impl Counters {
    /// A dead letter was accepted. Counted beside `dead_lettered`, which says so for all reasons together.
    pub(crate) fn letter(&self, reason: DeadLetterReason) {
        self.letters[reason as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Dead letters by reason, without those that are none.
    fn letters(&self) -> BTreeMap<DeadLetterReason, u64> {
        let counted = DeadLetterReason::ALL.iter().zip(&self.letters);
        counted.map(|(reason, count)| (*reason, count.load(Ordering::Relaxed))).filter(|(_, count)| *count > 0).collect()
    }
}

/// Where the records of one handler and topic are counted.
pub(crate) struct Tally {
    pub(crate) group: String,
    pub(crate) handler: String,
    pub(crate) topic: Topic,
    pub(crate) counters: Arc<Counters>,
}

/// What became of each handler's records, by topic.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Account {
    /// A line a handler and topic, in the order in which they were added.
    pub lines: Vec<AccountLine>,
}

/// One handler's view of one topic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccountLine {
    /// The consumer group.
    pub group: String,
    /// The handler.
    pub handler: String,
    /// The topic.
    pub topic: Topic,
    /// What became of its records.
    pub counts: Counts,
    /// Why records became dead letters, and how many; without reasons of which there is none. Their sum may be ahead of
    /// `counts.dead_lettered` for the moment in which a worker is at it.
    pub dead_letters: BTreeMap<DeadLetterReason, u64>,
}

impl AccountLine {
    pub(crate) fn new(tally: &Tally) -> Self {
        let Tally { group, handler, topic, counters } = tally;
        AccountLine {
            group: group.clone(),
            handler: handler.clone(),
            topic: topic.clone(),
            counts: counters.read(),
            dead_letters: counters.letters(),
        }
    }
}

impl Account {
    /// All lines together.
    pub fn total(&self) -> Counts {
        let mut total = Counts::default();
        for line in &self.lines {
            total += line.counts;
        }
        total
    }

    /// Dead letters of all lines by reason, without reasons of which there is none.
    pub fn dead_letters(&self) -> BTreeMap<DeadLetterReason, u64> {
        let mut all = BTreeMap::new();
        for (reason, count) in self.lines.iter().flat_map(|line| &line.dead_letters) {
            *all.entry(*reason).or_default() += count;
        }
        all
    }

    /// The lines of one topic together.
    pub fn topic(&self, topic: &str) -> Counts {
        let mut total = Counts::default();
        for line in self.lines.iter().filter(|line| line.topic.as_str() == topic) {
            total += line.counts;
        }
        total
    }
}
