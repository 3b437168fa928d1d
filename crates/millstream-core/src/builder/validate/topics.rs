//! Owns the checks of names: topics, groups, and who reads what as whom.

use super::problems::Problems;
use crate::service::HandlerParts;
use crate::topic::{Topic, TopicError, check_group};

/// The topics of the `nth` handler, without those that are none.
pub(super) fn topics(nth: usize, said: Vec<Result<Topic, TopicError>>, problems: &mut Problems) -> Vec<Topic> {
    let mut topics: Vec<Topic> = Vec::new();
    for topic in said {
        match topic {
            Ok(topic) if topics.contains(&topic) => {
                problems.add(format!("handler {nth} names the topic `{topic}` twice"), "name it once");
            }
            Ok(topic) => topics.push(topic),
            Err(error) => problems.add(format!("handler {nth}: {error}"), error.fault().remedy()),
        }
    }
    if topics.is_empty() {
        problems.add(format!("handler {nth} has no topic"), "name at least one: `\"market.ticks\"`");
    }
    topics
}

/// The name of a handler's group.
pub(super) fn group(name: &str, group: &str, problems: &mut Problems) {
    if let Err(error) = check_group(group) {
        problems.add(format!("handler `{name}`: {error}"), error.fault().remedy());
    }
}

/// What a handler and the earlier ones of its group cannot share.
pub(super) fn clashes(group: &str, others: &[HandlerParts], handler: &HandlerParts, problems: &mut Problems) {
    for other in others {
        if let Some(topic) = handler.topics.iter().find(|topic| other.topics.contains(topic)) {
            let text = format!("handlers `{}` and `{}` both read `{topic}` as `{group}`", other.name, handler.name);
            problems.add(text, "a group reads a topic once: give one of them a group of its own");
        } else if other.name == handler.name {
            let text = format!("two handlers of `{group}` are called `{}`", handler.name);
            problems.add(text, "name one with `HandlerSettings::name`: ids of outputs and marks depend on it");
        }
    }
}
