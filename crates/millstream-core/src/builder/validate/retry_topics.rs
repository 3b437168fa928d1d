//! Owns the checks of retry topics: where they cannot work, and what they would break.

use crate::builder::stream_service_builder::Said;
use crate::contract::{Support, Transport};
use crate::engine::{Followers, LanePolicy};
use crate::service::Problems;
use crate::service::{ErrorHandling, HandlerParts, MOST_RETRY_TOPICS, retry_topics};

/// What is said of them for the whole service.
pub(super) fn service(said: &Said, problems: &mut Problems) {
    let delays = &said.errors.retry_topics;
    if delays.is_empty() {
        return;
    }
    if let Support::No(why) = said.transport.capabilities().headers {
        let name = said.transport.capabilities().name;
        let text = format!("retry topics need headers, which the transport `{name}` does not keep: {why}");
        problems.add(text, "leave `ErrorHandling::retry_topics` out, and give `ErrorHandling::retry` more attempts");
    }
    if delays.len() > MOST_RETRY_TOPICS {
        let text = format!("{} retry topics are declared, and {MOST_RETRY_TOPICS} are the most", delays.len());
        problems.add(text, "declare fewer and longer delays: `ErrorHandling::retry_topics([secs(10), minutes(5), hours(1)])`");
    }
    for (number, _) in (1..).zip(delays).filter(|(_, delay)| delay.is_zero()) {
        let text = format!("retry topic {number} has no delay, so that failing records would go round at once");
        problems
            .add(text, "give each of `ErrorHandling::retry_topics` some time; without waiting, `Retry::attempts` does the same");
    }
}

/// What one handler cannot have beside them.
pub(super) fn handler(handler: &HandlerParts, errors: &ErrorHandling, problems: &mut Problems) {
    if errors.retry_topics.is_empty() {
        return;
    }
    let name = &handler.name;
    for topic in &handler.topics {
        if topic.is_dlq() {
            let text = format!("handler `{name}` reads the dead-letter topic `{topic}`, which has no retry topics");
            problems.add(text, "read dead letters in a service without `ErrorHandling::retry_topics`");
        } else if topic.logical() != *topic {
            let text = format!("handler `{name}` reads `{topic}`, a retry topic, which the service reads itself");
            problems.add(text, "name the topic that it retries, and nothing else");
        } else if let Err(error) = retry_topics(topic, &errors.retry_topics) {
            problems.add(format!("handler `{name}`: {error}"), error.fault().remedy());
        }
    }
    if handler.table.is_some() {
        let text = format!("handler `{name}` keeps a table, of which a record that comes later than those behind it is no part");
        problems.add(text, "leave `ErrorHandling::retry_topics` out for the service that keeps the table");
    }
    if handler.settings.followers.unwrap_or(errors.followers) == Followers::Park {
        let text = format!("handler `{name}` parks what follows a dead letter, but retry topics let it go on before that");
        problems.add(text, "leave `ErrorHandling::retry_topics` out, or let followers go on: `Followers::Continue`");
    }
    if handler.settings.lanes == LanePolicy::ByPartition {
        let text = format!("handler `{name}` wants a partition's order, which retry topics give up");
        problems.add(text, "leave `ErrorHandling::retry_topics` out, or take `LanePolicy::ByKey` or `LanePolicy::Unordered`");
    }
}
