//! Owns the client that only asks: which topics there are, and how many partitions they have. What was answered is kept, and
//! asked again when it does not suffice.

use crate::client::{Asking, ClientHooks};
use crate::config::Native;
use crate::{blocking, error};
use millstream_core::contract::{Error, Operation, TopicPartition};
use millstream_core::topic::Topic;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// How long one question may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long the client is listened to at once: for its logs, and for the tokens that it asks for.
const STEP: Duration = Duration::from_millis(250);

impl ConsumerContext for Asking {}

pub(crate) struct Asker {
    client: Arc<BaseConsumer<Asking>>,
    hooks: ClientHooks,
    partitions: Mutex<BTreeMap<Topic, u32>>,
}

impl Asker {
    /// Makes the client and its thread. Blocks for a moment.
    pub(crate) fn start(native: &Native) -> Result<Arc<Self>, Error> {
        let hooks = native.hooks();
        let client = BaseConsumer::from_config_and_context(&native.asking()?, Asking(hooks.clone()));
        let client = Arc::new(client.map_err(|error| error::of_config(&error, hooks))?);
        let asker = Arc::new(Asker { client: client.clone(), hooks: hooks.clone(), partitions: Mutex::default() });
        let alive: Weak<Asker> = Arc::downgrade(&asker);
        blocking::thread("millstream-asker", move || {
            while alive.strong_count() > 0 {
                let _ = client.poll(STEP);
            }
        })?;
        Ok(asker)
    }

    /// How many partitions a topic has, and how many replicas the poorest of them; `None` if there is no such topic. Asked now.
    ///
    /// # Errors
    /// If nobody answers, or the brokers turn this client away.
    pub(crate) async fn describe(&self, topic: &Topic, operation: Operation) -> Result<Option<(u32, u32)>, Error> {
        let (client, name) = (self.client.clone(), topic.as_str().to_owned());
        let found = blocking::run(operation, move || look_up(&client, &name, operation)).await;
        found.map_err(|error| self.hooks.explain(error))
    }

    /// How many partitions a topic has, asked now.
    ///
    /// # Errors
    /// If there is no such topic, or nobody answers.
    pub(crate) async fn partitions(&self, topic: &Topic, operation: Operation) -> Result<u32, Error> {
        let found = self.describe(topic, operation).await?;
        let (count, _) = found.ok_or_else(|| error::no_topic(operation, topic.as_str()))?;
        self.partitions.lock().unwrap_or_else(PoisonError::into_inner).insert(topic.clone(), count);
        Ok(count)
    }

    /// What the clients of its transport share.
    pub(crate) fn hooks(&self) -> &ClientHooks {
        &self.hooks
    }

    /// An error, or what is behind it.
    pub(crate) fn explain(&self, error: Error) -> Error {
        self.hooks.explain(error)
    }

    /// Whether there is such a partition, as far as was ever heard.
    pub(crate) fn remembers(&self, place: &TopicPartition) -> bool {
        let known = self.partitions.lock().unwrap_or_else(PoisonError::into_inner).get(&place.topic).copied();
        known.is_some_and(|count| place.partition < count)
    }

    /// Whether there is such a partition. Asks only if it is not known to be.
    ///
    /// # Errors
    /// If there is none, or nobody answers.
    pub(crate) async fn knows(&self, place: &TopicPartition, operation: Operation) -> Result<(), Error> {
        if self.remembers(place) {
            return Ok(());
        }
        let count = self.partitions(&place.topic, operation).await?;
        if place.partition < count { Ok(()) } else { Err(error::no_partition(operation, place, count)) }
    }
}

fn look_up(client: &BaseConsumer<Asking>, topic: &str, operation: Operation) -> Result<Option<(u32, u32)>, Error> {
    let metadata = client.fetch_metadata(Some(topic), PATIENCE);
    let metadata = metadata.map_err(|error| error::of_kafka(operation, &error, "the cluster's topics are not known"))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
    match found.error() {
        None | Some(RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR) => {}
        Some(code) => {
            return match RDKafkaErrorCode::from(code) {
                RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic => Ok(None),
                code => Err(error::of(operation, code, topic)),
            };
        }
    }
    let replicas = found.partitions().iter().map(|partition| partition.replicas().len()).min().unwrap_or(0);
    let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let partitions = number(found.partitions().len());
    Ok((partitions > 0).then(|| (partitions, number(replicas))))
}
