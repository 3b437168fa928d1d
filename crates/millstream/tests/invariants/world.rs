//! Owns what a test remembers of a run, and the check that is made at the very moment in which a commit is written: every
//! record below it is settled (I2). A check at the end would miss what a later commit hides.

use super::support::*;
use millstream::contract::{ErrorSink, Offset, Transport};
use millstream::memory::{Commit, Memory, MemoryConfig, TopicConfig};
use millstream::prelude::*;
use millstream_testkit::{FlakyDeduplicator, NaiveDeduplicator};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub const DONE: Sibling = Sibling::new("orders", "done");
pub const NEW: &str = "paper.orders.new";
pub const OUT: &str = "paper.orders.done";
pub const LETTERS: &str = "paper.orders.new.dlq";
pub const GROUP: &str = "desk.orders";

/// Milliseconds.
pub fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// A number that looks random and is a function of its parts.
pub fn mix(a: u64, b: u64) -> u64 {
    let mut z = a.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ b.wrapping_mul(0xD1B5_4A32_D192_ED03);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 31)
}

/// A log whose topics have so many partitions.
pub fn log(partitions: u32) -> Memory {
    MemoryConfig::default().default_topic(TopicConfig::new(partitions)).build()
}

/// A store of ids that outlives services.
pub fn store() -> FlakyDeduplicator {
    FlakyDeduplicator::new(NaiveDeduplicator::new(100_000, Duration::from_secs(86_400), Clock::new())).shared()
}

#[derive(Default)]
struct State {
    calls: BTreeMap<u64, u64>,
    effects: BTreeMap<u64, u64>,
    checked: BTreeMap<u32, Offset>,
    commits: u64,
    violations: Vec<String>,
}

/// What happened to the records of one topic in one group.
pub struct History {
    memory: Memory,
    group: String,
    input: Topic,
    output: Option<Topic>,
    state: Mutex<State>,
}

impl History {
    /// Of the usual group and topic. With `emits`, a record counts as settled only if its output is in the log too.
    pub fn watch(memory: &Memory, emits: bool) -> Arc<Self> {
        let history = Arc::new(History {
            memory: memory.clone(),
            group: GROUP.to_owned(),
            input: topic(NEW),
            output: emits.then(|| topic(OUT)),
            state: Mutex::default(),
        });
        let seen = history.clone();
        memory.on_commit(move |commit| seen.committed(commit));
        history
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handler was called for event `number`; answers the how-many-th call this is, from 1.
    pub fn called(&self, number: u64) -> u64 {
        let mut state = self.state();
        let calls = state.calls.entry(number).or_default();
        *calls += 1;
        *calls
    }

    /// The handler is about to answer `Ok` for event `number`.
    pub fn effect(&self, number: u64) {
        *self.state().effects.entry(number).or_default() += 1;
    }

    /// How often the handler was called for `number`.
    pub fn calls(&self, number: u64) -> u64 {
        self.state().calls.get(&number).copied().unwrap_or_default()
    }

    /// How often `number` took effect.
    pub fn effects(&self, number: u64) -> u64 {
        self.state().effects.get(&number).copied().unwrap_or_default()
    }

    /// All numbers that took effect.
    pub fn done(&self) -> BTreeSet<u64> {
        self.state().effects.keys().copied().collect()
    }

    fn committed(&self, commit: Commit<'_>) {
        if commit.group != self.group || commit.partition.topic != self.input {
            return;
        }
        let partition = commit.partition.partition;
        let from = {
            let mut state = self.state();
            state.commits += 1;
            if commit.before.is_some_and(|before| before > commit.offset) {
                let text = format!("{} moved back from {:?} to {}", commit.partition, commit.before, commit.offset);
                state.violations.push(text);
            }
            state.checked.get(&partition).copied().unwrap_or_default()
        };
        let letters: BTreeSet<_> = self.memory.records(&topic(LETTERS)).into_iter().map(|letter| letter.value).collect();
        let outputs: Option<BTreeSet<u64>> = self.output.as_ref().map(|output| numbers_in(&self.memory, output));
        for batch in self.memory.read(&self.input, partition, from, usize::MAX) {
            for record in batch.iter().filter(|record| record.offset() < commit.offset) {
                let number = number_of(record.value().unwrap_or_default());
                let done = number.is_some_and(|number| {
                    self.effects(number) > 0 && outputs.as_ref().is_none_or(|outputs| outputs.contains(&number))
                });
                if !done && !letters.contains(&record.value_bytes()) {
                    let text = format!(
                        "{} was committed at {}, but {} is not settled",
                        commit.partition,
                        commit.offset,
                        record.offset()
                    );
                    self.state().violations.push(text);
                }
            }
        }
        let mut state = self.state();
        let checked = state.checked.entry(partition).or_default();
        *checked = commit.offset.max(*checked);
    }

    /// No commit ever passed an unsettled record or moved back.
    pub fn assert_safe(&self) {
        let state = self.state();
        assert!(state.violations.is_empty(), "{:#?}", state.violations);
        assert!(state.commits > 0, "something was committed");
    }

    /// Each of these numbers took effect or is a dead letter.
    pub fn assert_nothing_lost(&self, numbers: impl IntoIterator<Item = u64>) {
        let letters = numbers_in(&self.memory, &topic(LETTERS));
        let lost: Vec<u64> = numbers.into_iter().filter(|n| self.effects(*n) == 0 && !letters.contains(n)).collect();
        assert_eq!(lost, Vec::<u64>::new(), "records without an effect or a dead letter");
    }

    /// Waits until the group has read everything; fails if that takes more than a virtual hour.
    pub async fn caught_up(&self) {
        let all = async {
            while self.lag() > 0 {
                tokio::time::sleep(ms(10)).await;
            }
        };
        if tokio::time::timeout(Duration::from_secs(3600), all).await.is_err() {
            panic!("the group is stuck with a lag of {}", self.lag());
        }
    }

    /// How many offsets the group has not committed.
    pub fn lag(&self) -> u64 {
        lag(&self.memory, &self.group, &self.input)
    }
}

/// How many offsets of a topic a group has not committed.
pub fn lag(memory: &Memory, group: &str, input: &Topic) -> u64 {
    let partitions = memory.describe(input).map_or(0, |(_, partitions)| partitions);
    let lag = |partition| {
        let committed = memory.committed(group, input, partition).map_or(0, |committed| committed.offset);
        memory.end(input, partition).unwrap_or_default() - committed
    };
    (0..partitions).map(lag).sum()
}

/// The number in an order's envelope.
pub fn number_of(value: &[u8]) -> Option<u64> {
    EventEnvelope::<Order>::from_json(value).ok().map(|envelope| envelope.data.number)
}

/// The numbers of all orders of a topic.
pub fn numbers_in(memory: &Memory, topic: &Topic) -> BTreeSet<u64> {
    memory.records(topic).iter().filter_map(|record| number_of(record.value.as_deref()?)).collect()
}

/// The text of a header.
pub fn header(record: &Record, name: &str) -> Option<String> {
    let found = record.headers.iter().find(|(known, _)| known == name);
    found.and_then(|(_, value)| value.as_deref()).map(|value| String::from_utf8_lossy(value).into_owned())
}

/// A builder with what most tests want: quick retries, short sessions, and the given seed.
pub fn builder(transport: impl Transport, seed: u64) -> StreamServiceBuilder {
    StreamServiceBuilder::new("desk", transport)
        .seed(seed)
        .membership(Duration::from_secs(10), Duration::from_secs(5))
        .with_error_handling(quick())
}

/// Four attempts, a few milliseconds apart.
pub fn quick() -> ErrorHandling {
    use millstream::engine::Breaker;
    let never = Breaker::after(u32::MAX).within(Duration::from_secs(1)).probe_every(Duration::from_secs(1));
    ErrorHandling::new().retry(Retry::exponential(ms(2), ms(20))).breaker(never)
}

/// As [`quick`], into a sink of its own.
pub fn into_sink(sink: &(impl ErrorSink + Clone)) -> ErrorHandling {
    quick().error_sink(sink.clone())
}
