//! The cluster of this example: a log with every topic of the pipeline, in memory or Kafka's, and how far who has read it.
//!
//! Owns creating topics, reading all of them back while the pipeline runs, and dropping what has been read. Leaves what a
//! record means to `readback`, and asking Kafka to `kafka_log`. In memory a partition is cut only below what its group has
//! committed *and* what was read back here: nothing unread is ever removed, and the log stays as small as the slowest reader
//! allows.

use millstream::contract::{ErrorKind, Operation, RecordView};
use millstream::memory::TopicConfig;
use millstream::prelude::*;

#[cfg(feature = "kafka")]
use crate::kafka_log::KafkaLog;
#[cfg(feature = "kafka")]
use crate::kafka_topics::{self, Wanted};
use crate::readback::{LogRecord, Readback};
#[cfg(feature = "kafka")]
use crate::topics::GROUPS;
use crate::topics::{PARTITIONS, Venue, legs, tables};

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
    /// By partition: where it ended and its group was at the last look.
    places: Vec<Place>,
}

/// Where the records are.
enum Log {
    Memory(Memory),
    #[cfg(feature = "kafka")]
    Kafka(KafkaLog),
}

/// The log and its readers' places.
pub(crate) struct Cluster {
    log: Log,
    /// In the order in which a tick travels; dead-letter topics last.
    topics: Vec<Kept>,
}

/// Where a group is in one partition.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
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
    /// An empty log in memory with all topics for these venues. Others are not created by use: a wrong name is to be noticed.
    pub(crate) fn in_memory(venues: &[Venue]) -> Result<(Self, Memory), Error> {
        let memory = Memory::builder().auto_create(false).build();
        let topics = kept(venues)?;
        for Kept { topic, .. } in &topics {
            memory.create_topic(topic, TopicConfig::new(PARTITIONS).segment_bytes(SEGMENT))?;
        }
        for table in tables(venues) {
            // Nobody reads it back here: what is in it shows in what follows from it.
            memory.create_topic(&named(&table)?, TopicConfig::compacted(PARTITIONS).segment_bytes(SEGMENT))?;
        }
        Ok((Self { log: Log::Memory(memory.clone()), topics }, memory))
    }

    /// Kafka's log with all topics for these venues, made now.
    #[cfg(feature = "kafka")]
    pub(crate) async fn in_kafka(servers: &str, venues: &[Venue], fresh: bool) -> Result<Self, Error> {
        let topics = kept(venues)?;
        let plain = topics.iter().map(|kept| Wanted { topic: kept.topic.as_str().to_owned(), compacted: false });
        let compacted = tables(venues).into_iter().map(|topic| Wanted { topic, compacted: true });
        let wanted: Vec<Wanted> = plain.chain(compacted).collect();
        kafka_topics::make(servers, &wanted, &GROUPS, fresh).await?;
        let names: Vec<&str> = topics.iter().map(|kept| kept.topic.as_str()).collect();
        Ok(Self { log: Log::Kafka(KafkaLog::open(servers, &names, &GROUPS)?), topics })
    }

    /// Those of the pipeline's groups that have no member.
    #[cfg(feature = "kafka")]
    pub(crate) async fn without_members(&self) -> Result<Vec<&'static str>, Error> {
        match &self.log {
            Log::Memory(memory) => Ok(GROUPS.into_iter().filter(|group| memory.group_members(group).is_empty()).collect()),
            Log::Kafka(log) => log.without_members().await,
        }
    }

    /// Looks at where all topics end and their groups are, upstream first, and each group before its topic's end. What is said
    /// of places and lags is said of this look.
    pub(crate) async fn look(&mut self) -> Result<(), Error> {
        match &mut self.log {
            Log::Memory(memory) => {
                for kept in &mut self.topics {
                    for (partition, place) in (0..).zip(&mut kept.places) {
                        place.committed = kept.group.map_or(0, |group| committed(memory, group, &kept.topic, partition));
                        place.end = memory.end(&kept.topic, partition).unwrap_or(0);
                    }
                }
            }
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => {
                let topics: Vec<_> = self.topics.iter().map(|kept| (kept.topic.as_str().to_owned(), kept.group)).collect();
                for (kept, places) in self.topics.iter_mut().zip(log.look(&topics).await?) {
                    kept.places = places;
                }
            }
        }
        Ok(())
    }

    /// Opens or closes all dead-letter topics to writes.
    pub(crate) fn set_dead_letters_writable(&self, writable: bool) -> Result<(), Error> {
        match &self.log {
            Log::Memory(memory) => {
                self.topics.iter().filter(|kept| kept.letters).try_for_each(|kept| memory.set_writable(&kept.topic, writable))
            }
            #[cfg(feature = "kafka")]
            Log::Kafka(_) => Err(Error::new(ErrorKind::Unsupported, Operation::Run, "Kafka's topics cannot be closed to writes")),
        }
    }

    /// Reads back what was written since the last time, in memory up to now, else up to the last look, and drops what nobody
    /// needs any more.
    pub(crate) fn read_back(&mut self, readback: &mut Readback<'_>) {
        match &mut self.log {
            Log::Memory(memory) => {
                for Kept { topic, group, letters, next, .. } in &mut self.topics {
                    for (partition, next) in (0..).zip(next) {
                        for batch in memory.read(topic, partition, *next, usize::MAX) {
                            batch.iter().for_each(|record| observe(readback, topic, *letters, partition, record));
                            *next = batch.next;
                        }
                        let committed = group.map_or(*next, |group| committed(memory, group, topic, partition));
                        let unneeded = committed.min(*next);
                        let start = memory.log_start(topic, partition).unwrap_or(0);
                        if unneeded >= start + KEPT {
                            // The topic was created above and is never deleted.
                            let _ = memory.delete_records(topic, partition, unneeded);
                        }
                    }
                }
            }
            #[cfg(feature = "kafka")]
            Log::Kafka(log) => log.take_read().iter().for_each(|message| observe_message(readback, message)),
        }
    }

    /// Every consumed topic with records that its group has not committed, upstream first.
    ///
    /// Looked at in this order an empty answer means that the pipeline is done, once the feed has ended: a group commits
    /// a record after its outputs are in the log, so what is upstream of an empty topic cannot fill it again.
    pub(crate) fn lags(&self) -> Vec<Lag> {
        let lag = |kept: &Kept| {
            let records = kept.places.iter().map(|place| place.end.saturating_sub(place.committed)).sum();
            Some(Lag { topic: kept.topic.clone(), group: kept.group?, records })
        };
        self.topics.iter().filter_map(lag).filter(|lag| lag.records > 0).collect()
    }

    /// How many partitions a group's only member has; none if it has several.
    pub(crate) fn owned_by_one(&self, group: &str) -> usize {
        match &self.log {
            Log::Memory(memory) => match memory.group_members(group).as_slice() {
                [member] => member.holds.len(),
                _ => 0,
            },
            #[cfg(feature = "kafka")]
            Log::Kafka(_) => 0,
        }
    }

    /// Where a group is in each partition that it consumes.
    pub(crate) fn places(&self, group: &str) -> Vec<Place> {
        self.topics.iter().filter(|kept| kept.group == Some(group)).flat_map(|kept| kept.places.iter().copied()).collect()
    }

    /// Records written so far to topics that a group consumes.
    pub(crate) fn consumed_records(&self) -> u64 {
        let consumed = self.topics.iter().filter(|kept| kept.group.is_some());
        consumed.flat_map(|kept| &kept.places).map(|place| place.end).sum()
    }

    /// A number that rises whenever a record is written or an offset committed.
    pub(crate) fn progress(&self) -> u64 {
        self.topics.iter().flat_map(|kept| &kept.places).map(|place| place.end + place.committed).sum()
    }
}

/// Every topic that is read back.
fn kept(venues: &[Venue]) -> Result<Vec<Kept>, Error> {
    let legs = legs(venues);
    let consumed = legs.iter().filter(|leg| leg.group.is_some());
    let letters = consumed.map(|leg| (format!("{}.dlq", leg.topic), None, true));
    let plain = legs.iter().map(|leg| (leg.topic.clone(), leg.group, false));
    let partitions = PARTITIONS as usize;
    let kept = |(topic, group, letters): (String, _, _)| {
        Ok(Kept { topic: named(&topic)?, group, letters, next: vec![0; partitions], places: vec![Place::default(); partitions] })
    };
    plain.chain(letters).map(kept).collect()
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

#[cfg(feature = "kafka")]
fn observe_message(readback: &mut Readback<'_>, message: &rdkafka::message::OwnedMessage) {
    use rdkafka::message::{Headers, Message};

    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    let headers: Vec<(&str, &[u8])> = headers.map(|header| (header.key, header.value.unwrap_or_default())).collect();
    readback.observe(&LogRecord {
        topic: message.topic(),
        partition: u32::try_from(message.partition()).unwrap_or(0),
        offset: u64::try_from(message.offset()).unwrap_or(0),
        key: message.key(),
        value: message.payload(),
        headers: &headers,
    });
}
