//! Owns what a partition has delivered since it came and what of it is told: a record is settled when a commit covers it that is
//! about to leave. Leaves commits and partitions coming and going to `told`.

use std::collections::VecDeque;

use millstream::contract::{RecordBatch, TopicPartition};
use serde_json::{Value, json};

use crate::lines::{Lines, place, text};

/// The records of one partition, from when it comes until it goes.
pub(crate) struct Settled {
    partition: TopicPartition,
    /// Delivered, in order; of the first some may be told.
    waiting: VecDeque<RecordBatch>,
    /// Records below this offset are told.
    told: u64,
}

/// What a commit has told.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Range {
    pub(crate) count: u64,
    pub(crate) bounds: Option<(u64, u64)>,
}

impl Settled {
    /// Nothing is delivered yet.
    pub(crate) fn new(partition: TopicPartition) -> Self {
        Self { partition, waiting: VecDeque::new(), told: 0 }
    }

    pub(crate) fn partition(&self) -> &TopicPartition {
        &self.partition
    }

    pub(crate) fn delivered(&mut self, batch: RecordBatch) {
        self.waiting.push_back(batch);
    }

    /// Tells of every delivered record below `offset` that it is settled, each once.
    pub(crate) fn below(&mut self, offset: u64, lines: &Lines) -> Range {
        let mut range = Range::default();
        while let Some(batch) = self.waiting.front() {
            for record in batch.iter().filter(|record| (self.told..offset).contains(&record.offset())) {
                let (TopicPartition { topic, partition, .. }, at) = (&self.partition, record.offset());
                let fields = json!({
                    "key": text(record.key()), "value": text(record.value()),
                    "topic": topic.as_str(), "partition": partition, "offset": at,
                });
                lines.tell("record_data", fields);
                range.count += 1;
                range.bounds = Some((range.bounds.map_or(at, |(first, _)| first), at));
            }
            if batch.next > offset {
                break;
            }
            self.waiting.pop_front();
        }
        self.told = self.told.max(offset);
        range
    }

    /// A range as a part of `records_consumed`; none if nothing was told.
    pub(crate) fn summary(&self, range: &Range) -> Option<Value> {
        let (first, last) = range.bounds?;
        let mut summary = place(&self.partition);
        summary["count"] = range.count.into();
        summary["minOffset"] = first.into();
        summary["maxOffset"] = last.into();
        Some(summary)
    }
}
