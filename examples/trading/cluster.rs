//! The cluster of this example: one log in memory with every topic of the pipeline, and how far who has read it.
//!
//! Owns creating topics, reading all of them back while the pipeline runs, and dropping what has been read. Leaves what a
//! record means to `readback`. A partition is cut only below what its group has committed *and* what was read back here:
//! nothing unread is ever removed, and the log stays as small as the slowest reader allows.

use millstream::contract::{ErrorKind, Operation, RecordView};
use millstream::memory::TopicConfig;
use millstream::prelude::*;

use crate::readback::{LogRecord, Readback};
use crate::topics::{Leg, PARTITIONS, Venue, legs, tables};

/// Records of a partition that are kept although everybody has read them: a cut costs a lock, so it is worth some.
const KEPT: u64 = 256;

/// Bytes of a segment. Whole segments are dropped, and there are some ninety partitions: so they are small.
const SEGMENT: usize = 128 << 10;

/// One topic of the cluster.
#[derive(Debug, Clone)]
struct Kept {
    topic: Topic,
    group: Option<&'static str>,
    letters: bool,
    /// By partition: the next offset to be read back.
    next: Vec<u64>,
}

/// The log and its readers' places.
pub(crate) struct Cluster {
    memory: Memory,
    /// In the order in which a tick travels; dead-letter topics last.
    topics: Vec<Kept>,
}

/// Where a group is in one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) committed: u64,
    pub(crate) end: u64,
}

/// How far a consumed topic is from being done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lag {
    pub(crate) topic: Topic,
    pub(crate) group: &'static str,
    pub(crate) records: u64,
}

impl Cluster {
    /// An empty log with all topics for these venues. Others are not created by use: a wrong name is to be noticed.
    pub(crate) fn new(venues: &[Venue]) -> Result<Self, Error> {
        let memory = Memory::builder().auto_create(false).build();
        let legs = legs(venues);
        let mut topics = Vec::new();
        for Leg { topic, group } in &legs {
            topics.push((named(topic)?, *group, false));
        }
        for Leg { topic, .. } in legs.iter().filter(|leg| leg.group.is_some()) {
            topics.push((named(&format!("{topic}.dlq"))?, None, true));
        }
        for (topic, _, _) in &topics {
            memory.create_topic(topic, TopicConfig::new(PARTITIONS).segment_bytes(SEGMENT))?;
        }
        for table in tables(venues) {
            // Nobody reads it back here: what is in it shows in what follows from it.
            memory.create_topic(&named(&table)?, TopicConfig::compacted(PARTITIONS).segment_bytes(SEGMENT))?;
        }
        let next = vec![0; PARTITIONS as usize];
        let topics = topics.into_iter().map(|(topic, group, letters)| Kept { topic, group, letters, next: next.clone() });
        Ok(Self { topics: topics.collect(), memory })
    }

    /// The log.
    pub(crate) fn memory(&self) -> &Memory {
        &self.memory
    }

    /// Opens or closes all dead-letter topics to writes.
    pub(crate) fn set_dead_letters_writable(&self, writable: bool) -> Result<(), Error> {
        self.topics.iter().filter(|kept| kept.letters).try_for_each(|kept| self.memory.set_writable(&kept.topic, writable))
    }

    /// Reads back what was written since the last time, and drops what nobody needs any more. Answers how many records it
    /// read.
    pub(crate) fn read_back(&mut self, readback: &mut Readback<'_>) -> u64 {
        let mut read = 0;
        for Kept { topic, group, letters, next } in &mut self.topics {
            for (partition, next) in (0..).zip(next) {
                for batch in self.memory.read(topic, partition, *next, usize::MAX) {
                    batch.iter().for_each(|record| observe(readback, topic, *letters, partition, record));
                    read += batch.len() as u64;
                    *next = batch.next;
                }
                let committed = group.map_or(*next, |group| committed(&self.memory, group, topic, partition));
                let unneeded = committed.min(*next);
                let start = self.memory.log_start(topic, partition).unwrap_or(0);
                if unneeded >= start + KEPT {
                    // The topic was created above and is never deleted.
                    let _ = self.memory.delete_records(topic, partition, unneeded);
                }
            }
        }
        read
    }

    /// Every consumed topic with records that its group has not committed, upstream first.
    ///
    /// Looked at in this order an empty answer means that the pipeline is done, once the feed has ended: a group commits
    /// a record after its outputs are in the log, so what is upstream of an empty topic cannot fill it again.
    pub(crate) fn lags(&self) -> Vec<Lag> {
        let mut lags = Vec::new();
        for kept in &self.topics {
            let Some(group) = kept.group else { continue };
            let lag = |partition| {
                let committed = committed(&self.memory, group, &kept.topic, partition);
                self.memory.end(&kept.topic, partition).unwrap_or(0).saturating_sub(committed)
            };
            let records = (0..PARTITIONS).map(lag).sum();
            if records > 0 {
                lags.push(Lag { topic: kept.topic.clone(), group, records });
            }
        }
        lags
    }

    /// How many partitions a group's only member has; none if it has several.
    pub(crate) fn owned_by_one(&self, group: &str) -> usize {
        match self.memory.group_members(group).as_slice() {
            [member] => member.holds.len(),
            _ => 0,
        }
    }

    /// Where a group is in each partition that it consumes.
    pub(crate) fn places(&self, group: &str) -> Vec<Place> {
        let of = self.topics.iter().filter(|kept| kept.group == Some(group));
        let place = |kept: &Kept, partition| Place {
            committed: committed(&self.memory, group, &kept.topic, partition),
            end: self.memory.end(&kept.topic, partition).unwrap_or(0),
        };
        of.flat_map(|kept| (0..PARTITIONS).map(move |partition| place(kept, partition))).collect()
    }

    /// Records written so far to topics that a group consumes.
    pub(crate) fn consumed_records(&self) -> u64 {
        let consumed = self.topics.iter().filter(|kept| kept.group.is_some());
        let end = |kept: &Kept, partition| self.memory.end(&kept.topic, partition).unwrap_or(0);
        consumed.map(|kept| (0..PARTITIONS).map(|partition| end(kept, partition)).sum::<u64>()).sum()
    }

    /// A number that rises whenever a record is written or an offset committed.
    pub(crate) fn progress(&self) -> u64 {
        let mut sum = 0;
        for kept in &self.topics {
            for partition in 0..PARTITIONS {
                sum += self.memory.end(&kept.topic, partition).unwrap_or(0);
                sum += kept.group.map_or(0, |group| committed(&self.memory, group, &kept.topic, partition));
            }
        }
        sum
    }
}

fn named(name: &str) -> Result<Topic, Error> {
    name.parse().map_err(|error| Error::new(ErrorKind::Configuration, Operation::Build, "a topic's name").with_source(error))
}

fn committed(memory: &Memory, group: &str, topic: &Topic, partition: u32) -> u64 {
    memory.committed(group, topic, partition).map_or(0, |committed| committed.offset)
}

fn observe(readback: &mut Readback<'_>, topic: &Topic, letters: bool, partition: u32, record: RecordView<'_>) {
    // Only dead letters have headers that say something here.
    let headers: Vec<(&str, &[u8])> = match letters {
        true => record.headers().map(|(name, value)| (name, value.unwrap_or_default())).collect(),
        false => Vec::new(),
    };
    readback.observe(&LogRecord {
        topic: topic.as_str(),
        partition,
        offset: record.offset(),
        key: record.key(),
        value: record.value(),
        headers: &headers,
    });
}
