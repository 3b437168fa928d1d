//! Owns what the brokers say past any service: where a group is, where logs end, what lies in a topic; and what is done to topics,
//! writing to them too. Leaves what dead letters mean to `letters`.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, AlterConfig, NewPartitions, NewTopic, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::message::{Header, Message, OwnedHeaders, OwnedMessage};
use rdkafka::producer::{FutureProducer, FutureRecord};
use rdkafka::{Offset, TopicPartitionList};
use serde_json::json;
use sha2::{Digest, Sha256};

use crate::process::Line;
use crate::scene::now;

const ANSWER: Duration = Duration::from_secs(20);

/// Whether a cluster that is busy answers so, and otherwise when it is asked again.
fn passes(code: RDKafkaErrorCode) -> bool {
    use RDKafkaErrorCode as Code;

    let passing = [
        Code::OperationTimedOut,
        Code::RequestTimedOut,
        Code::BrokerTransportFailure,
        Code::NetworkException,
        Code::BrokerNotAvailable,
        Code::NotController,
        Code::InvalidReplicationFactor,
    ];
    passing.contains(&code)
}

/// A cluster, asked by a client of its own.
pub(crate) struct Broker {
    servers: String,
}

impl Broker {
    pub(crate) fn at(servers: impl Into<String>) -> Self {
        Self { servers: servers.into() }
    }

    fn config(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.servers);
        config
    }

    fn admin<T>(&self, ask: impl AsyncFnOnce(AdminClient<DefaultClientContext>) -> T) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        runtime.block_on(async { ask(self.config().create().expect("the settings are right")).await })
    }

    /// Makes a topic, with `settings` by Kafka's names.
    pub(crate) fn create(&self, topic: &str, partitions: i32, replicas: i32, settings: &[(&str, &str)]) {
        let mut new = NewTopic::new(topic, partitions, TopicReplication::Fixed(replicas));
        for (name, value) in settings {
            new = new.set(name, value);
        }
        let end = Instant::now() + Duration::from_mins(1);
        let mut lost = false;
        loop {
            let options = AdminOptions::new().operation_timeout(Some(ANSWER));
            let answers = self.admin(async |admin| admin.create_topics([&new], &options).await);
            let code = match &answers {
                Ok(answers) => answers.iter().find_map(|answer| answer.as_ref().err().map(|(_, code)| *code)),
                Err(error) => error.rdkafka_error_code(),
            };
            match code {
                None if answers.is_ok() => break,
                // By a request whose answer was lost.
                Some(RDKafkaErrorCode::TopicAlreadyExists) if lost => break,
                Some(code) if passes(code) && Instant::now() < end => lost = true,
                _ => panic!("{topic} is not made: {answers:?}"),
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // The controller has it by now, and each broker a moment later.
        for server in self.servers.split(',') {
            let consumer: BaseConsumer =
                Self::at(server).config().set("group.id", "nobody").create().expect("the settings are right");
            while self.partitions(&consumer, topic).len() != usize::try_from(partitions).expect("a count") {
                assert!(Instant::now() < end, "{topic} is made, and {server} does not know of it");
                std::thread::sleep(Duration::from_millis(50));
            }
        }
    }

    /// Deletes a topic.
    pub(crate) fn delete(&self, topic: &str) {
        let answers =
            self.admin(async |admin| admin.delete_topics(&[topic], &AdminOptions::new().operation_timeout(Some(ANSWER))).await);
        for answer in answers.expect("the cluster answers") {
            answer.unwrap_or_else(|(topic, code)| panic!("{topic} is not deleted: {code}"));
        }
    }

    /// Makes a topic `partitions` partitions wide.
    pub(crate) fn widen(&self, topic: &str, partitions: usize) {
        let wide = NewPartitions::new(topic, partitions);
        let answers = self
            .admin(async |admin| admin.create_partitions(&[wide], &AdminOptions::new().operation_timeout(Some(ANSWER))).await);
        for answer in answers.expect("the cluster answers") {
            answer.unwrap_or_else(|(topic, code)| panic!("{topic} is not widened: {code}"));
        }
    }

    /// Gives a topic another setting, in place of those it was made with.
    pub(crate) fn set(&self, topic: &str, name: &str, value: &str) {
        let setting = AlterConfig::new(ResourceSpecifier::Topic(topic)).set(name, value);
        let answers = self.admin(async |admin| admin.alter_configs([&setting], &AdminOptions::new()).await);
        for answer in answers.expect("the cluster answers") {
            answer.unwrap_or_else(|(_, code)| panic!("{topic} does not take `{name}`: {code}"));
        }
    }

    fn partitions(&self, consumer: &BaseConsumer, topic: &str) -> Vec<i32> {
        let metadata = consumer.fetch_metadata(Some(topic), ANSWER).expect("the cluster answers");
        metadata
            .topics()
            .iter()
            .flat_map(|topic| topic.partitions().iter().map(rdkafka::metadata::MetadataPartition::id))
            .collect()
    }

    /// By partition: what the group has committed, and the log's end.
    pub(crate) fn places(&self, group: &str, topic: &str) -> BTreeMap<i32, (i64, i64)> {
        let consumer: BaseConsumer = self.config().set("group.id", group).create().expect("the settings are right");
        let mut list = TopicPartitionList::new();
        let partitions = self.partitions(&consumer, topic);
        partitions.iter().for_each(|partition| {
            list.add_partition(topic, *partition);
        });
        let committed = consumer.committed_offsets(list, ANSWER).expect("the coordinator answers");
        let place = |partition: i32| {
            let committed = committed.find_partition(topic, partition).map(|found| found.offset());
            let committed = if let Some(Offset::Offset(offset)) = committed { offset } else { 0 };
            let (_, end) = consumer.fetch_watermarks(topic, partition, ANSWER).expect("the leader answers");
            (partition, (committed, end))
        };
        partitions.into_iter().map(place).collect()
    }

    /// Waits until the group has committed all that lies in the topic; fails after a minute.
    pub(crate) fn wait_until_committed(&self, group: &str, topic: &str) {
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            let places = self.places(group, topic);
            if places.values().all(|(committed, end)| committed == end) {
                return;
            }
            assert!(Instant::now() < end, "{group} does not commit all of {topic}: {places:?}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }

    /// All that lies in a topic.
    pub(crate) fn messages(&self, topic: &str) -> Vec<OwnedMessage> {
        let consumer = self.reader();
        let (mut list, mut messages) = (TopicPartitionList::new(), Vec::new());
        let mut open = BTreeSet::new();
        for partition in self.partitions(&consumer, topic) {
            list.add_partition_offset(topic, partition, Offset::Beginning).expect("an offset can be set");
            open.insert(partition);
        }
        consumer.assign(&list).expect("partitions can be assigned");
        let end = Instant::now() + Duration::from_mins(1);
        while !open.is_empty() {
            assert!(Instant::now() < end, "{topic} cannot be read to its end");
            match consumer.poll(Duration::from_millis(200)) {
                Some(Ok(message)) => messages.push(message.detach()),
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                _ => {}
            }
        }
        messages
    }

    /// The message that lies there.
    pub(crate) fn message(&self, topic: &str, partition: i32, offset: i64) -> OwnedMessage {
        let (consumer, mut list) = (self.reader(), TopicPartitionList::new());
        list.add_partition_offset(topic, partition, Offset::Offset(offset)).expect("an offset can be set");
        consumer.assign(&list).expect("partitions can be assigned");
        let end = Instant::now() + Duration::from_mins(1);
        loop {
            assert!(Instant::now() < end, "{topic}-{partition}@{offset} cannot be read");
            if let Some(Ok(message)) = consumer.poll(Duration::from_millis(200)) {
                assert_eq!(message.offset(), offset, "another message was read");
                return message.detach();
            }
        }
    }

    fn reader(&self) -> BaseConsumer {
        let mut config = self.config();
        config.set("group.id", "nobody").set("enable.partition.eof", "true").create().expect("the settings are right")
    }

    /// Writes a message of `bytes` bytes that do not compress for each id, and tells of them as `verifiable producer` does.
    pub(crate) fn write(&self, topic: &str, ids: &[String], bytes: usize) -> Vec<Line> {
        let producer: FutureProducer = self.config().create().expect("the settings are right");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime can be made");
        let write = |id: &String| {
            let digest = |number: usize| Sha256::digest(format!("{id} {number}")).to_vec();
            let value: Vec<u8> = (0..).flat_map(digest).take(bytes).collect();
            let headers = OwnedHeaders::new().insert(Header { key: "id", value: Some(id) });
            let sent = producer.send(FutureRecord::to(topic).key(id).payload(&value).headers(headers), ANSWER);
            let at = runtime.block_on(sent).unwrap_or_else(|(error, _)| panic!("{id} is not written: {error}"));
            let fields = json!({ "topic": topic, "partition": at.partition, "offset": at.offset, "value": id });
            Line { at: now(), name: "producer_send_success".to_owned(), fields }
        };
        ids.iter().map(write).collect()
    }
}
