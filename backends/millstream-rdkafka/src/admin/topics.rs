//! Owns describing, creating and deleting topics. Leaves what is wrong with them to `checks`.

use super::described::{DescribedTopic, NewTopic};
use crate::asker::Asker;
use crate::client::Asking;
use crate::transport::Rdkafka;
use crate::{blocking, error};
use millstream_core::contract::{Error, Offset, Operation, TopicPartition};
use millstream_core::topic::Topic;
use rdkafka::admin::{
    AdminClient, AdminOptions, NewTopic as Native, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication,
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
        let mut described = BTreeMap::new();
        for topic in topics {
            let counted = self.asker.describe(topic, Operation::Lookup).await?;
            let found = match counted {
                None => None,
                Some((partitions, replicas)) => {
                    let settings = self.settings(topic).await;
                    Some(DescribedTopic::new(topic.clone(), partitions, replicas, &settings))
                }
            };
            described.insert(topic.clone(), found);
        }
        Ok(described)
    }

    /// Whether brokers answer at all. The client that administers hears no reason why they do not; the one that asks does.
    async fn is_heard(&self, topic: Option<&Topic>) -> Result<(), Error> {
        match topic {
            Some(topic) => self.asker.describe(topic, Operation::Lookup).await.map(drop),
            None => Ok(()),
        }
    }

    fn failed(&self, error: &KafkaError) -> Error {
        self.asker.explain(failed(error))
    }

    async fn settings(&self, topic: &Topic) -> BTreeMap<String, String> {
        let asked = [ResourceSpecifier::Topic(topic.as_str())];
        let Ok(answers) = self.client.describe_configs(&asked, &options()).await else { return BTreeMap::new() };
        let of_topic = answers.into_iter().flatten();
        let of_topic = of_topic.filter(|answer| matches!(answer.specifier, OwnedResourceSpecifier::Topic(_)));
        of_topic.flat_map(|answer| answer.entries).filter_map(|entry| Some((entry.name, entry.value?))).collect()
    }

    /// Creates topics; for each whether it is there now and was not before. One that exists already is left as it is.
    ///
    /// # Errors
    /// If nobody answers, or a topic is refused: the first that was, by its name.
    pub async fn create(&self, topics: &[NewTopic]) -> Result<Vec<bool>, Error> {
        self.is_heard(topics.first().map(|topic| &topic.topic)).await?;
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

    /// Deletes topics, with all that lies in them. Those that do not exist are passed over.
    ///
    /// # Errors
    /// If nobody answers, or a topic is not deleted.
    pub async fn delete(&self, topics: &[Topic]) -> Result<(), Error> {
        self.is_heard(topics.first()).await?;
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
        self.is_heard(Some(&place.topic)).await?;
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
