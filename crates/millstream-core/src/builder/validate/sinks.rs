//! Owns the checks of where dead letters go: that they arrive, and that they do not come back.

use super::problems::Problems;
use crate::contract::{Durability, ErrorSink};
use crate::service::{ErrorHandling, HandlerParts, letter_topic};
use crate::topic::check_group;

/// A sink of the user's must keep what it accepts.
pub(super) fn durability(errors: &ErrorHandling, problems: &mut Problems) {
    if let Some(sink) = &errors.sink
        && sink.durability() != Durability::Durable
        && errors.loss_allowed.is_none()
    {
        let remedy = "use a durable sink (by default the dead-letter topic), or say `ErrorHandling::allow_loss(\"why\")`";
        problems.add("the error sink may lose what it accepted", remedy);
    }
}

/// Each topic has a dead-letter topic in its namespace, and a handler of dead letters must not feed itself.
pub(super) fn topics(group: &str, handler: &HandlerParts, errors: &ErrorHandling, problems: &mut Problems) {
    if !errors.writes_topics() {
        return;
    }
    let name = &handler.name;
    for topic in &handler.topics {
        if topic.is_dlq() {
            let text = format!("handler `{name}` reads the dead-letter topic `{topic}`, and its own dead letters would feed it");
            problems.add(text, "give `ErrorHandling` a sink of its own for the service that reads dead letters");
        } else if let Err(error) = letter_topic(topic, group, &errors.dead_letters)
            && check_group(group).is_ok()
        {
            let text = format!("handler `{name}`: {}", error.context());
            problems.add(text, "name one in its namespace, `DeadLetterTopic::named(|topic, group| …)`, or keep `{topic}.dlq`");
        }
    }
}
