//! Owns what the brokers say past any service: where a group is, where logs end, what lies in a topic; and what is done to topics.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewPartitions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::config::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::message::{Headers, Message};
use rdkafka::{Offset, TopicPartitionList};

const ANSWER: Duration = Duration::from_secs(20);

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
        let answers =
            self.admin(async |admin| admin.create_topics(&[new], &AdminOptions::new().operation_timeout(Some(ANSWER))).await);
        for answer in answers.expect("the cluster answers") {
            answer.unwrap_or_else(|(topic, code)| panic!("{topic} is not made: {code}"));
        }
        // The controller has it by now, and brokers a moment later.
        let consumer: BaseConsumer = self.config().set("group.id", "nobody").create().expect("the settings are right");
        let end = Instant::now() + Duration::from_mins(1);
        while self.partitions(&consumer, topic).len() != usize::try_from(partitions).expect("a count") {
            assert!(Instant::now() < end, "{topic} is made, and no broker knows of it");
            std::thread::sleep(Duration::from_millis(50));
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

    /// The ids of all messages that lie in a topic, by the header that they are written with.
    pub(crate) fn ids(&self, topic: &str) -> BTreeSet<String> {
        let consumer: BaseConsumer =
            self.config().set("group.id", "nobody").set("enable.partition.eof", "true").create().expect("the settings are right");
        let (mut list, mut ids) = (TopicPartitionList::new(), BTreeSet::new());
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
                Some(Ok(message)) => {
                    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
                    let id = headers.filter(|header| header.key == "id").find_map(|header| header.value);
                    ids.extend(id.map(|id| String::from_utf8_lossy(id).into_owned()));
                }
                Some(Err(rdkafka::error::KafkaError::PartitionEOF(partition))) => {
                    open.remove(&partition);
                }
                _ => {}
            }
        }
        ids
    }
}
