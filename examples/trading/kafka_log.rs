//! The log of a Kafka cluster, looked at from outside: topics made, everything read back, groups asked where they are.
//!
//! Owns a client of its own beside the services', without a group and without a promise. Leaves what a record means to
//! `readback`. It is for brokers on this machine, in the open, as `cargo xtask services up` starts them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use millstream::contract::{BoxError, ErrorKind, Operation};
use millstream::prelude::*;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Message, OwnedMessage};
use rdkafka::{Offset, TopicPartitionList};

use crate::cluster::Place;
use crate::topics::PARTITIONS;

/// How long an answer is waited for.
const ANSWER: Duration = Duration::from_secs(30);

/// A topic as it is to be made.
pub(crate) struct Wanted {
    pub(crate) topic: String,
    pub(crate) compacted: bool,
}

impl Wanted {
    fn new_topic(&self, partitions: i32) -> NewTopic<'_> {
        let topic = NewTopic::new(&self.topic, partitions, TopicReplication::Fixed(-1));
        if self.compacted { topic.set("cleanup.policy", "compact") } else { topic }
    }
}

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
    /// Makes all topics. Some that are there already hold another run's records: with `fresh` they and the groups are deleted
    /// first, without it that is an error.
    pub(crate) async fn create(servers: &str, wanted: &[Wanted], groups: &[&'static str], fresh: bool) -> Result<(), Error> {
        let admin: AdminClient<DefaultClientContext> = config(servers).create().map_err(failed)?;
        let options = AdminOptions::new().operation_timeout(Some(ANSWER)).request_timeout(Some(ANSWER));
        if fresh {
            let names: Vec<&str> = wanted.iter().map(|wanted| wanted.topic.as_str()).collect();
            // What is not there need not go.
            admin.delete_topics(&names, &options).await.map_err(failed)?;
            admin.delete_groups(groups, &options).await.map_err(failed)?;
        }
        let partitions = i32::try_from(PARTITIONS).expect("few");
        let until = Instant::now() + ANSWER;
        let mut rest: Vec<&Wanted> = wanted.iter().collect();
        while !rest.is_empty() {
            let topics: Vec<NewTopic<'_>> = rest.iter().map(|wanted| wanted.new_topic(partitions)).collect();
            let answers = admin.create_topics(&topics, &options).await.map_err(failed)?;
            let mut left = Vec::new();
            for (wanted, answer) in rest.iter().zip(answers) {
                match answer {
                    Ok(_) => {}
                    // A deleted topic is gone a moment later.
                    Err((_, RDKafkaErrorCode::TopicAlreadyExists)) if fresh && Instant::now() < until => left.push(*wanted),
                    Err((topic, RDKafkaErrorCode::TopicAlreadyExists)) => {
                        let text =
                            format!("topic `{topic}` is there already: `--fresh` deletes all topics of the pipeline first");
                        return Err(Error::new(ErrorKind::Configuration, Operation::Build, text));
                    }
                    Err((topic, code)) => {
                        return Err(Error::new(
                            ErrorKind::Unavailable,
                            Operation::Build,
                            format!("topic `{topic}` is not made: {code}"),
                        ));
                    }
                }
            }
            if !left.is_empty() {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            rest = left;
        }
        let (servers, names) = (servers.to_owned(), wanted.iter().map(|wanted| wanted.topic.clone()).collect::<Vec<_>>());
        tokio::task::spawn_blocking(move || known(&servers, &names, until))
            .await
            .map_err(|panic| other("making topics", panic))?
    }

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
            if Instant::now() >= until {
                return Err(Error::new(ErrorKind::TimedOut, Operation::Fetch, "the log cannot be read back to its end"));
            }
            let Some(message) = self.reader.poll(Duration::from_millis(100)) else { continue };
            let message = message.map_err(failed)?.detach();
            if let Some(next) = next.get_mut(&(message.topic().to_owned(), message.partition())) {
                *next = u64::try_from(message.offset()).unwrap_or(0) + 1;
            }
            read.push(message);
        }
        Ok(read)
    }
}

/// Waits until brokers know all these topics: the controller does by now, and each partition's leader a moment later.
fn known(servers: &str, topics: &[String], until: Instant) -> Result<(), Error> {
    let asker: BaseConsumer = config(servers).set("group.id", "trading.readback").create().map_err(failed)?;
    for (topic, partition) in
        topics.iter().flat_map(|topic| (0..i32::try_from(PARTITIONS).expect("few")).map(move |at| (topic, at)))
    {
        while let Err(error) = asker.fetch_watermarks(topic, partition, Duration::from_secs(5)) {
            if Instant::now() >= until {
                return Err(failed(error));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }
    Ok(())
}

fn config(servers: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", servers).set("enable.auto.commit", "false").set("fetch.wait.max.ms", "10");
    config
}

fn failed(error: rdkafka::error::KafkaError) -> Error {
    let text = format!("the cluster does not answer as it should: {error}");
    Error::new(ErrorKind::Unavailable, Operation::Lookup, text).with_source(error)
}

fn other(text: &'static str, source: impl Into<BoxError>) -> Error {
    Error::new(ErrorKind::Unavailable, Operation::Lookup, text).with_source(source)
}
