//! The log of a Kafka cluster, looked at from outside: everything read back, groups asked where they are.
//!
//! Owns a client of its own beside the services', without a group and without a promise. Leaves what a record means to
//! `readback`, and making topics to `kafka_topics`. It is for brokers on this machine, in the open, as `cargo xtask services up` starts them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use millstream::contract::{BoxError, ErrorKind, Operation};
use millstream::prelude::*;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};

use crate::cluster::Place;
use crate::topics::PARTITIONS;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(30);

/// The log and its readers' places.
pub(crate) struct KafkaLog {
    clients: Arc<Clients>,
    /// Read and not taken yet.
    read: Vec<OwnedMessage>,
}

struct Clients {
    reader: BaseConsumer,
    groups: BTreeMap<&'static str, BaseConsumer>,
    /// By topic and partition: the next offset to be read.
    next: Mutex<BTreeMap<(String, i32), u64>>,
}

impl KafkaLog {
    /// Looks at these topics from their beginning.
    pub(crate) fn open(servers: &str, topics: &[&str], groups: &[&'static str]) -> Result<Self, Error> {
        let reader: BaseConsumer = config(servers).set("group.id", "trading.readback").create().map_err(failed)?;
        let (mut list, mut next) = (TopicPartitionList::new(), BTreeMap::new());
        for topic in topics {
            for partition in 0..i32::try_from(PARTITIONS).expect("few") {
                list.add_partition_offset(topic, partition, Offset::Beginning).map_err(failed)?;
                next.insert(((*topic).to_owned(), partition), 0);
            }
        }
        reader.assign(&list).map_err(failed)?;
        let asks = |group: &&'static str| Ok((*group, config(servers).set("group.id", *group).create().map_err(failed)?));
        let groups = groups.iter().map(asks).collect::<Result<_, Error>>()?;
        Ok(Self { clients: Arc::new(Clients { reader, groups, next: Mutex::new(next) }), read: Vec::new() })
    }

    /// Those of the groups that have no member with partitions.
    pub(crate) async fn without_members(&self) -> Result<Vec<&'static str>, Error> {
        let clients = self.clients.clone();
        let looked = tokio::task::spawn_blocking(move || clients.without_members());
        looked.await.map_err(|panic| other("looking at groups", panic))?
    }

    /// Where each topic's partitions end and its group is, and all records up to there. Topics are asked in their order, the
    /// group before the end: what is found done here was done when that was asked.
    pub(crate) async fn look(&mut self, topics: &[(String, Option<&'static str>)]) -> Result<Vec<Vec<Place>>, Error> {
        let (clients, topics) = (self.clients.clone(), topics.to_vec());
        let looked = tokio::task::spawn_blocking(move || {
            let places = topics.iter().map(|(topic, group)| clients.places(topic, *group)).collect::<Result<Vec<_>, Error>>()?;
            let ends = topics.iter().zip(&places).flat_map(|((topic, _), places)| {
                (0..).zip(places).map(|(partition, place)| ((topic.clone(), partition), place.end))
            });
            let read = clients.read_up_to(&ends.collect())?;
            Ok::<_, Error>((places, read))
        });
        let (places, read) = looked.await.map_err(|panic| other("looking at the log", panic))??;
        self.read.extend(read);
        Ok(places)
    }

    /// What was read since the last time; of a partition in order.
    pub(crate) fn take_read(&mut self) -> Vec<OwnedMessage> {
        std::mem::take(&mut self.read)
    }
}

impl Clients {
    fn without_members(&self) -> Result<Vec<&'static str>, Error> {
        let mut without = Vec::new();
        for group in self.groups.keys() {
            let list = self.reader.fetch_group_list(Some(group), ANSWER).map_err(failed)?;
            if !list.groups().iter().any(|group| group.state() == "Stable" && !group.members().is_empty()) {
                without.push(*group);
            }
        }
        Ok(without)
    }

    fn places(&self, topic: &str, group: Option<&'static str>) -> Result<Vec<Place>, Error> {
        let partitions = 0..i32::try_from(PARTITIONS).expect("few");
        let mut committed = vec![0; PARTITIONS as usize];
        if let Some(client) = group.and_then(|group| self.groups.get(group)) {
            let mut list = TopicPartitionList::new();
            partitions.clone().for_each(|partition| {
                list.add_partition(topic, partition);
            });
            for element in client.committed_offsets(list, ANSWER).map_err(failed)?.elements() {
                if let (Offset::Offset(offset), Ok(partition)) = (element.offset(), usize::try_from(element.partition())) {
                    committed[partition] = u64::try_from(offset).unwrap_or(0);
                }
            }
        }
        let place = |(partition, committed)| {
            let (_, end) = self.reader.fetch_watermarks(topic, partition, ANSWER).map_err(failed)?;
            Ok(Place { committed, end: u64::try_from(end).unwrap_or(0) })
        };
        partitions.zip(committed).map(place).collect()
    }

    fn read_up_to(&self, ends: &BTreeMap<(String, i32), u64>) -> Result<Vec<OwnedMessage>, Error> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut read, until) = (Vec::new(), Instant::now() + ANSWER);
        while ends.iter().any(|(place, end)| next.get(place).is_some_and(|next| next < end)) {
            let Some(message) = self.reader.poll(Duration::from_millis(100)) else {
                // Not before: a process that stood still has not waited for an answer.
                if Instant::now() >= until {
                    return Err(Error::new(ErrorKind::TimedOut, Operation::Fetch, "the log cannot be read back to its end"));
                }
                continue;
            };
            let message = message.map_err(failed)?.detach();
            if let Some(next) = next.get_mut(&(message.topic().to_owned(), message.partition())) {
                *next = u64::try_from(message.offset()).unwrap_or(0) + 1;
            }
            read.push(message);
        }
        Ok(read)
    }
}

pub(crate) fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("enable.auto.commit", "false").set("fetch.wait.max.ms", "10");
    config
}

pub(crate) fn failed(error: rdkafka::error::KafkaError) -> Error {
    let text = format!("the cluster does not answer as it should: {error}");
    Error::new(ErrorKind::Unavailable, Operation::Lookup, text).with_source(error)
}

pub(crate) fn other(text: &'static str, source: impl Into<BoxError>) -> Error {
    Error::new(ErrorKind::Unavailable, Operation::Lookup, text).with_source(source)
}
