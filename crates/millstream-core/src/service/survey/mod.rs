//! Owns what is looked up of topics before anything starts: a missing one would be found at the first failure (F54), or when
//! the last partition is assigned. Leaves what is wrong with what was found to `judge`.
//!
//! | file | noun |
//! | --- | --- |
//! | `need` | what each topic is needed for |
//! | `judge` | what follows from what was found |

mod judge;
mod need;

use super::parts::ServiceParts;
use super::quote;
use crate::contract::{
    AnyProducer, AnyTransport, Deduplicator, DescribedTopic, Error, ErrorKind, Operation, Producer, Transport,
};
use crate::topic::Topic;
use need::{Need, needs};
use std::collections::BTreeMap;
use std::time::Duration;

/// What was found of topics; `None` of one that does not exist. Topics that nobody could tell of are not in it.
type Found = BTreeMap<Topic, Option<DescribedTopic>>;

/// Milliseconds before a topic that is missing is asked for again, five seconds in all: one that was just made is known to some brokers
/// and not to others, for a second where the cluster is well. Who has misspelt a name waits no longer than that.
const AGAIN: [u64; 7] = [50, 100, 250, 600, 1000, 1500, 1500];

/// Looks up every topic that the service is known to need, and says all that is wrong at once, but not before it has asked for
/// missing ones for some seconds. What may go wrong later is logged. What the cluster does not say, or does not say now, is taken
/// for good: it will be found where it is used.
pub(super) async fn survey(parts: &ServiceParts, producer: &AnyProducer) -> Result<(), Error> {
    let needs = needs(parts)?;
    let mut found = look_up(&parts.transport, producer, &needs).await;
    for pause in AGAIN {
        let Some(missing) = found.iter().find_map(|(topic, is)| is.is_none().then_some(topic)) else { break };
        tracing::debug!(service = %parts.name, %missing, "a topic is missing, and asked for again");
        tokio::time::sleep(Duration::from_millis(pause)).await;
        found = look_up(&parts.transport, producer, &needs).await;
    }
    let ttl = parts.deduplicator.as_ref().and_then(Deduplicator::retention);
    let (problems, warnings) = judge::judge(&needs, &found, ttl);
    for warning in warnings {
        tracing::warn!(service = %parts.name, "{warning}");
    }
    problems.into_error(&parts.name, Operation::Run)
}

async fn look_up(transport: &AnyTransport, producer: &AnyProducer, needs: &[(Topic, Need)]) -> Found {
    let mut topics: Vec<Topic> = Vec::new();
    for (topic, _) in needs {
        if !topics.contains(topic) {
            topics.push(topic.clone());
        }
    }
    match transport.describe(&topics).await {
        Ok(described) => topics.into_iter().zip(described).collect(),
        Err(error) if error.kind() == ErrorKind::Unsupported => count(producer, needs).await,
        Err(error) => {
            tracing::warn!(error = quote(&error.to_string()), "topics could not be looked up");
            Found::new()
        }
    }
}

/// Only how many partitions topics have. An input is looked up by its consumer.
async fn count(producer: &AnyProducer, needs: &[(Topic, Need)]) -> Found {
    let mut found = Found::new();
    for topic in needs.iter().filter(|(_, need)| *need != Need::Input).flat_map(|(topic, need)| need.looked_at(topic)) {
        if found.contains_key(topic) {
            continue;
        }
        match producer.partitions(topic).await {
            Ok(partitions) => drop(found.insert(topic.clone(), Some(DescribedTopic::new(partitions)))),
            Err(error) if error.kind() == ErrorKind::UnknownTopic => drop(found.insert(topic.clone(), None)),
            // Whoever uses it tries again.
            Err(_) => {}
        }
    }
    found
}
