//! Owns what each topic of a service is needed for. Where outputs go is not among it: handlers say so when they run.

use crate::contract::Error;
use crate::service::letter_topic;
use crate::service::parts::ServiceParts;
use crate::topic::Topic;
use std::time::Duration;

/// What a topic is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Need {
    /// To be read.
    Input,
    /// For the dead letters of a topic.
    Letters(Topic),
    /// For copies that wait so long.
    Retries(Duration),
    /// For the state that is made of an input.
    Table(Topic),
}

impl Need {
    /// The topics that are looked at when `topic` is judged.
    pub(super) fn looked_at<'a>(&'a self, topic: &'a Topic) -> impl Iterator<Item = &'a Topic> {
        let other = match self {
            Need::Table(input) => Some(input),
            Need::Input | Need::Letters(_) | Need::Retries(_) => None,
        };
        std::iter::once(topic).chain(other)
    }
}

/// Every topic that the service is known to need, and for what.
///
/// # Errors
/// If a user's naming of dead-letter topics answers otherwise than to `build()`.
pub(super) fn needs(parts: &ServiceParts) -> Result<Vec<(Topic, Need)>, Error> {
    let mut needs = Vec::new();
    let mut add = |topic: Topic, need: Need| {
        let need = (topic, need);
        if !needs.contains(&need) {
            needs.push(need);
        }
    };
    let handlers = || parts.handlers.iter().flat_map(|group| group.handlers.iter().map(move |handler| (&group.group, handler)));
    if parts.errors.writes_topics() {
        for (group, handler) in handlers() {
            for topic in &handler.topics {
                add(letter_topic(topic, group, &parts.errors.dead_letters)?, Need::Letters(topic.clone()));
            }
        }
    }
    for (_, handler) in handlers() {
        for (topic, stage) in handler.reads(&parts.errors.retry_topics) {
            let delay = (stage as usize).checked_sub(1).and_then(|index| parts.errors.retry_topics.get(index));
            if let Some(delay) = delay {
                add(topic, Need::Retries(*delay));
            }
        }
    }
    for (_, handler) in handlers() {
        for (input, table) in handler.topics.iter().zip(&handler.tables) {
            add(table.clone(), Need::Table(input.clone()));
        }
    }
    for (_, handler) in handlers() {
        for topic in &handler.topics {
            add(topic.clone(), Need::Input);
        }
    }
    Ok(needs)
}
