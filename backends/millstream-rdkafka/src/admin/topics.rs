//! Owns describing, creating and deleting topics. Leaves what is wrong with them to whoever asked.

use super::described::described;
use super::new_topic::NewTopic;
use crate::asker::Asker;
use crate::client::Asking;
use crate::transport::Rdkafka;
use crate::{blocking, error, raw};
use millstream_core::contract::{DescribedTopic, Error, ErrorKind, Offset, Operation, TopicPartition};
use millstream_core::topic::Topic;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewPartitions, NewTopic as Native, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
};
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset as RdOffset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a request may take.
const PATIENCE: Duration = Duration::from_secs(15);

/// The administration of a cluster's topics. Made by [`Rdkafka::admin`].
#[derive(Clone)]
pub struct RdkafkaAdmin {
    client: Arc<AdminClient<Asking>>,
    asker: Arc<Asker>,
}

impl std::fmt::Debug for RdkafkaAdmin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RdkafkaAdmin").finish_non_exhaustive()
    }
}

impl Rdkafka {
    /// The administration of this cluster's topics.
    ///
    /// # Errors
    /// If the client cannot be made.
    pub async fn admin(&self) -> Result<RdkafkaAdmin, Error> {
        let native = self.native().clone();
        let client = blocking::run(Operation::Connect, move || {
            let hooks = native.hooks();
            AdminClient::from_config_and_context(&native.asking()?, Asking(hooks.clone()))
                .map_err(|error| error::of_config(&error, hooks))
        });
        Ok(RdkafkaAdmin { client: Arc::new(client.await?), asker: self.asker().await?.clone() })
    }
}

impl RdkafkaAdmin {
    /// What each topic is; `None` for one that does not exist.
    ///
    /// # Errors
    /// If nobody answers. Settings that may not be seen are left out.
    pub async fn describe(&self, topics: &[Topic]) -> Result<BTreeMap<Topic, Option<DescribedTopic>>, Error> {
        Ok(topics.iter().cloned().zip(self.describe_all(topics).await?).collect())
    }

    /// As [`describe`](Self::describe), in the order of the topics.
    pub(crate) async fn describe_all(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        let mut counted = Vec::with_capacity(topics.len());
        for topic in topics {
            counted.push(self.asker.describe(topic, Operation::Lookup).await?);
        }
        let there: Vec<&Topic> =
            topics.iter().zip(&counted).filter(|(_, found)| found.is_some()).map(|(topic, _)| topic).collect();
        let settings = self.settings(&there).await;
        let none = BTreeMap::new();
        let all = topics.iter().zip(counted).map(|(topic, found)| {
            let settings = settings.get(topic.as_str()).unwrap_or(&none);
            found.map(|(partitions, replicas)| described(partitions, replicas, settings))
        });
        Ok(all.collect())
    }

    /// Makes the client ready for a request. It hears no reason why brokers do not answer: the one that asks does, of `topic`. Nor
    /// is it asked for tokens, so it gets one.
    async fn ready(&self, topic: Option<&Topic>) -> Result<(), Error> {
        if let Some(topic) = topic {
            self.asker.describe(topic, Operation::Lookup).await?;
        }
        let hooks = self.asker.hooks().clone();
        if !hooks.credentials.has_tokens() {
            return Ok(());
        }
        hooks.credentials.here();
        let client = self.client.clone();
        let authorizing = move || {
            let refused = |why: String| Error::new(ErrorKind::Unauthorized, Operation::Lookup, why);
            let token = hooks.credentials.token().map_err(refused)?;
            match raw::set_token(client.inner(), token.secret().expose(), token.principal(), token.expires_at()) {
                Ok(true) => Ok(()),
                Ok(false) | Err(_) => Err(refused("the token has ended, or is none".to_owned())),
            }
        };
        blocking::run(Operation::Lookup, authorizing).await
    }

    fn failed(&self, error: &KafkaError) -> Error {
        self.asker.explain(failed(error))
    }

    /// The settings of topics, of those that may be seen.
    async fn settings(&self, topics: &[&Topic]) -> BTreeMap<String, BTreeMap<String, String>> {
        let asked: Vec<ResourceSpecifier<'_>> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic.as_str())).collect();
        if asked.is_empty() || self.ready(None).await.is_err() {
            return BTreeMap::new();
        }
        let Ok(answers) = self.client.describe_configs(&asked, &options()).await else { return BTreeMap::new() };
        let of_topic = answers.into_iter().flatten().filter_map(|answer| {
            let OwnedResourceSpecifier::Topic(name) = answer.specifier else { return None };
            let entries = answer.entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?)));
            Some((name, entries.collect()))
        });
        of_topic.collect()
    }

    /// Creates topics; for each whether it is there now and was not before. One that exists already is left as it is.
    ///
    /// # Errors
    /// If nobody answers, or a topic is refused: the first that was, by its name.
    pub async fn create(&self, topics: &[NewTopic]) -> Result<Vec<bool>, Error> {
        self.ready(topics.first().map(|topic| &topic.topic)).await?;
        let native = topics.iter().map(|topic| {
            let replicas = topic.replicas.map_or(-1, |replicas| i32::try_from(replicas).unwrap_or(i32::MAX));
            let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
            let new = Native::new(topic.topic.as_str(), partitions, TopicReplication::Fixed(replicas));
            topic.settings.iter().fold(new, |new, (name, value)| new.set(name, value))
        });
        let native: Vec<Native<'_>> = native.collect();
        let answers = self.client.create_topics(&native, &options()).await.map_err(|error| self.failed(&error))?;
        answers
            .into_iter()
            .map(|answer| match answer {
                Ok(_) => Ok(true),
                Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => Ok(false),
                Err((name, code)) => Err(error::of(Operation::Lookup, code, &format!("topic {name} was not created"))),
            })
            .collect()
    }

    /// Gives a topic more partitions: `partitions` in all. Keys that it has go to other partitions from then on, and members hear
    /// of it within `topic.metadata.refresh.interval.ms`, 5 minutes by default.
    ///
    /// # Errors
    /// If nobody answers, or the topic has as many already.
    pub async fn grow(&self, topic: &Topic, partitions: u32) -> Result<(), Error> {
        self.ready(Some(topic)).await?;
        let grown = NewPartitions::new(topic.as_str(), usize::try_from(partitions).unwrap_or(usize::MAX));
        let answers = self.client.create_partitions([&grown], &options()).await.map_err(|error| self.failed(&error))?;
        for answer in answers {
            if let Err((name, code)) = answer {
                return Err(error::of(Operation::Lookup, code, &format!("topic {name} was not grown")));
            }
        }
        Ok(())
    }

    /// Deletes topics, with all that lies in them. Those that do not exist are passed over.
    ///
    /// # Errors
    /// If nobody answers, or a topic is not deleted.
    pub async fn delete(&self, topics: &[Topic]) -> Result<(), Error> {
        self.ready(topics.first()).await?;
        let names: Vec<&str> = topics.iter().map(Topic::as_str).collect();
        let answers = self.client.delete_topics(&names, &options()).await.map_err(|error| self.failed(&error))?;
        for answer in answers {
            match answer {
                Ok(_) | Err((_, RDKafkaErrorCode::UnknownTopicOrPartition)) => {}
                Err((name, code)) => return Err(error::of(Operation::Lookup, code, &format!("topic {name} was not deleted"))),
            }
        }
        Ok(())
    }

    /// Drops a partition's records below `before`.
    ///
    /// # Errors
    /// If nobody answers, or it is not allowed.
    pub async fn trim(&self, place: &TopicPartition, before: Offset) -> Result<(), Error> {
        self.ready(Some(&place.topic)).await?;
        let mut list = TopicPartitionList::new();
        let partition = i32::try_from(place.partition).unwrap_or(i32::MAX);
        let offset = RdOffset::Offset(i64::try_from(before).unwrap_or(i64::MAX));
        list.add_partition_offset(place.topic.as_str(), partition, offset).map_err(|error| self.failed(&error))?;
        let answer = self.client.delete_records(&list, &options()).await.map_err(|error| self.failed(&error))?;
        let wrong = answer.elements().iter().find_map(|element| element.error().err());
        wrong.map_or(Ok(()), |error| Err(self.failed(&error)))
    }
}

fn options() -> AdminOptions {
    AdminOptions::new().request_timeout(Some(PATIENCE)).operation_timeout(Some(PATIENCE))
}

fn failed(error: &KafkaError) -> Error {
    match error {
        KafkaError::AdminOp(code) => error::of(Operation::Lookup, *code, "the cluster did not do it"),
        other => error::of_kafka(Operation::Lookup, other, "the cluster did not do it"),
    }
}
