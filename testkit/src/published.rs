//! Owns what assertions look into: anything that keeps what was published, record by record. Leaves comparing to `assert`
//! and below.
//!
//! | file | owns |
//! | --- | --- |
//! | `assert` | [`assert_published`] and what it can ask |
//! | `fields` | an event as a list of fields, expected or found |
//! | `pairs` | which expected event is which found one |
//! | `report` | the words of a failure |

mod assert;
mod fields;
mod pairs;
mod report;

pub use assert::{FoundEvents, assert_no_dead_letters, assert_nothing_published, assert_published};
pub(crate) use report::write_line;

use crate::TestBench;
use millstream_core::contract::{Position, Record, RecordView};
use millstream_core::handler::Outputs;
use millstream_core::topic::Topic;
use millstream_memory::Memory;
use std::collections::BTreeSet;

/// A record that was found, and where.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FoundRecord {
    /// Where it lies inside its topic, in words: `0@5` is offset 5 of partition 0.
    pub place: String,
    /// The record.
    pub record: Record,
}

impl FoundRecord {
    /// `record`, found at `place`.
    pub fn new(place: impl Into<String>, record: Record) -> Self {
        FoundRecord { place: place.into(), record }
    }
}

/// Keeps what was published, so that [`assert_published`] can look at it: a [`TestBench`], a [`Memory`] log, a
/// [`RecordingProducer`](crate::RecordingProducer), and the [`Outputs`] of a unit test.
pub trait Published {
    /// All topics that something was published to, in order.
    fn published_topics(&self) -> Vec<Topic>;

    /// The records of a topic, partition by partition, in their order.
    fn published_to(&self, topic: &Topic) -> Vec<FoundRecord>;
}

impl<P: Published + ?Sized> Published for &P {
    fn published_topics(&self) -> Vec<Topic> {
        (**self).published_topics()
    }

    fn published_to(&self, topic: &Topic) -> Vec<FoundRecord> {
        (**self).published_to(topic)
    }
}

impl Published for Memory {
    fn published_topics(&self) -> Vec<Topic> {
        self.topics()
    }

    fn published_to(&self, topic: &Topic) -> Vec<FoundRecord> {
        let mut found = Vec::new();
        for batch in self.batches(topic) {
            for view in batch.iter() {
                let partition = batch.partition.partition;
                let at = Position { partition, offset: view.offset() };
                let record = record_of(topic, view).to_partition(partition).at(view.timestamp());
                found.push(FoundRecord::new(at.to_string(), record));
            }
        }
        found
    }
}

impl Published for TestBench {
    fn published_topics(&self) -> Vec<Topic> {
        self.memory().published_topics()
    }

    fn published_to(&self, topic: &Topic) -> Vec<FoundRecord> {
        self.memory().published_to(topic)
    }
}

/// The outputs of a handler that a unit test called; places are their indices.
impl Published for Outputs {
    fn published_topics(&self) -> Vec<Topic> {
        self.iter().map(|output| output.topic().clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    fn published_to(&self, topic: &Topic) -> Vec<FoundRecord> {
        let numbered = self.iter().enumerate().filter(|(_, output)| output.topic() == topic);
        numbered.map(|(index, output)| FoundRecord::new(format!("[{index}]"), record_of(topic, output.record()))).collect()
    }
}

/// An owned copy of a record that was seen in an arena.
pub(crate) fn record_of(topic: &Topic, view: RecordView<'_>) -> Record {
    let mut record = Record::new(topic.clone(), "", "");
    (record.key, record.value) = (view.key_bytes(), view.value_bytes());
    let headers = view.headers().map(|(name, value)| (name.to_owned(), value.map(|value| value.to_vec().into())));
    record.headers = headers.collect();
    record
}
