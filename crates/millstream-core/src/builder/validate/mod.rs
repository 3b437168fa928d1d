//! The checks of `build()`: all problems at once, each with its remedy. No connection is made here:
//! what only a cluster knows is looked up by `run` (`service/survey`).
//!
//! | file | noun |
//! | --- | --- |
//! | `service` | what is said of the whole |
//! | `transport` | what the transport can do |
//! | `topics` | names, and who reads what as whom |
//! | `handler` | what is said of one handler |
//! | `tables` | what is said of the state a handler keeps |
//! | `batch` | what is said of a batch handler beside |
//! | `retries` | how failing records are tried again |
//! | `dedup` | how long ids are remembered |
//! | `sinks` | where dead letters go |
//! | `retry_topics` | where they cannot work |

mod batch;
mod dedup;
mod handler;
mod retries;
mod retry_topics;
mod service;
mod sinks;
mod tables;
mod topics;
mod transport;

use super::stream_service_builder::{Added, Said};
use crate::contract::{Error, Operation, Transport};
use crate::service::{Calls, GroupParts, HandlerParts, Problems, ServiceParts};
use crate::topic::Topic;

/// The service's parts, or all that is wrong.
pub(crate) fn validate(mut said: Said) -> Result<ServiceParts, Error> {
    let mut problems = Problems::default();
    said.errors.compose();
    service::service(&said, &mut problems);
    transport::transport(&said, &mut problems);
    retry_topics::service(&said, &mut problems);
    for retry in std::iter::once(&said.errors.retry).chain(said.errors.rules.retries()) {
        retries::retry("error handling", retry, &mut problems);
    }
    retries::breaker(&said.errors.breaker, &mut problems);
    sinks::durability(&said.errors, &mut problems);
    let (said, handlers) = said.with_handlers(());
    let (mut groups, mut tables): (Vec<GroupParts>, _) = (Vec::new(), tables::Tables::default());
    for (number, added) in handlers.into_iter().enumerate() {
        let group = added.group.clone();
        let handler = handler(number + 1, added, &said, &mut tables, &mut problems);
        match groups.iter_mut().find(|others| others.group == group) {
            Some(others) => {
                topics::clashes(&group, &others.handlers, &handler, &mut problems);
                others.handlers.push(handler);
            }
            None => groups.push(GroupParts { group, handlers: vec![handler] }),
        }
    }
    sinks::loops(&groups, &said.errors, &mut problems);
    problems.into_error(&said.name, Operation::Build)?;
    Ok(said.with_handlers(groups).0)
}

/// The parts of the `nth` handler.
fn handler(
    nth: usize,
    mut added: Added,
    said: &ServiceParts<()>,
    tables: &mut tables::Tables,
    all: &mut Problems,
) -> HandlerParts {
    let problems = &mut Problems::default();
    let topics = topics::topics(nth, std::mem::take(&mut added.topics), problems);
    let given = added.settings.name.as_deref();
    let name = given.map_or_else(|| joined(nth, &topics), str::to_owned);
    topics::names(nth, &name, given, &added.group, problems);
    handler::handler(&name, &topics, &added, said, problems);
    batch::batch(&name, &added, problems);
    for own in added.settings.retry.iter().chain(added.settings.rules.retries()) {
        retries::retry(&format!("handler `{name}`"), own, problems);
    }
    let assignment = said.transport.capabilities().assignment;
    let tables = tables.of(&name, &added, &topics, said.produces, &assignment, problems);
    let Added { settings, calls, emits, table: (table, _), hooks, .. } = added;
    // Entries go out too.
    let emits = emits || table.is_some();
    let handler = HandlerParts { name, topics, emits, settings, calls, table, tables, hooks };
    retry_topics::handler(&handler, &said.errors, problems);
    dedup::retention(said, &handler, problems);
    all.append(std::mem::take(problems), matches!(handler.calls, Calls::Batch(..)));
    handler
}

/// A handler's name, if it was given none; without topics its number, which is only to be read.
fn joined(nth: usize, topics: &[Topic]) -> String {
    match topics {
        [] => nth.to_string(),
        topics => topics.iter().map(Topic::as_str).collect::<Vec<_>>().join("+"),
    }
}
