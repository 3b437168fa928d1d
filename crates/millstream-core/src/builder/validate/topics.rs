//! Owns the checks of names: topics, groups, handlers, and who reads what as whom.

use crate::service::HandlerParts;
use crate::service::Problems;
use crate::topic::{Topic, TopicError, TopicFault, check_group};

/// The topics of the `nth` handler, without those that are none.
pub(super) fn topics(nth: usize, said: Vec<Result<Topic, TopicError>>, problems: &mut Problems) -> Vec<Topic> {
    if said.is_empty() {
        problems.add(format!("handler {nth} has no topic"), "name at least one: `\"market.ticks\"`");
    }
    let mut topics: Vec<Topic> = Vec::new();
    for topic in said {
        match topic {
            Ok(topic) if topics.contains(&topic) => {
                problems.add(format!("handler {nth} names the topic `{topic}` twice"), "name it once");
            }
            Ok(topic) => topics.push(topic),
            Err(error) => {
                let remedy = match error.fault() {
                    TopicFault::Wildcard => "name each of them: `[\"paper.signals.raw\", \"zerodha.signals.raw\"]`",
                    _ => "a topic's name is like `\"paper.signals.raw\"`, and of shared topics like `\"market.ticks\"`",
                };
                problems.add(format!("handler {nth}: {error}"), remedy);
            }
        }
    }
    topics
}

/// The name a handler was given, and that of its group.
pub(super) fn names(nth: usize, name: &str, given: Option<&str>, group: &str, problems: &mut Problems) {
    if given.is_some_and(|name| name.trim().is_empty()) {
        let remedy = "name it, or leave the name to its topics: `HandlerSettings::new().name(\"fills\")`";
        problems.add(format!("handler {nth} has an empty name"), remedy);
    }
    if let Err(error) = check_group(group) {
        problems.add(format!("handler `{name}`: {error}"), "a group's name is like `\"alpha-panda.trading-engine.signals\"`");
    }
}

/// What a handler and the earlier ones of its group cannot share.
pub(super) fn clashes(group: &str, others: &[HandlerParts], handler: &HandlerParts, problems: &mut Problems) {
    for other in others {
        if let Some(topic) = handler.topics.iter().find(|topic| other.topics.contains(topic)) {
            let text = format!("handlers `{}` and `{}` both read `{topic}` as `{group}`", other.name, handler.name);
            let remedy = format!("a group reads a topic once: give one of them a group of its own, `\"{group}-2\"`");
            problems.add(text, remedy);
        } else if other.name == handler.name && !handler.topics.is_empty() {
            let text = format!("two handlers of `{group}` are called `{}`", handler.name);
            let remedy = "ids of outputs and marks depend on the name: `HandlerSettings::new().name(\"another\")`";
            problems.add(text, remedy);
        }
    }
}
