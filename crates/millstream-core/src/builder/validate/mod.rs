//! The checks of `build()`: all problems at once, each with its remedy. No connection is made here.
//!
//! | file | noun |
//! | --- | --- |
//! | `problems` | what was found, and how it reads |
//! | `service` | what is said of the whole |
//! | `transport` | what the transport can do |
//! | `topics` | names, and who reads what as whom |
//! | `handler` | what is said of one handler |
//! | `tables` | what is said of the state a handler keeps |
//! | `batch` | what is said of a batch handler beside |
//! | `sinks` | where dead letters go |

mod batch;
mod handler;
mod problems;
mod service;
mod sinks;
mod tables;
mod topics;
mod transport;

use super::stream_service_builder::{Added, Said};
use crate::contract::Error;
use crate::service::{GroupParts, HandlerParts, ServiceParts};
use crate::topic::Topic;
use problems::Problems;
use std::collections::BTreeMap;

/// The service's parts, or all that is wrong.
pub(crate) fn validate(mut said: Said) -> Result<ServiceParts, Error> {
    let mut problems = Problems::default();
    said.errors.compose();
    service::service(&said, &mut problems);
    transport::transport(&said, &mut problems);
    let mut groups: BTreeMap<String, Vec<HandlerParts>> = BTreeMap::new();
    let mut order = Vec::new();
    let mut tables = tables::Tables::default();
    let (said, handlers) = said.with_handlers(());
    for (number, mut added) in handlers.into_iter().enumerate() {
        let topics = topics::topics(number + 1, std::mem::take(&mut added.topics), &mut problems);
        let name = added.settings.name.clone().unwrap_or_else(|| joined(&topics));
        topics::group(&name, &added.group, &mut problems);
        handler::handler(&name, &added, said.produces, &mut problems);
        batch::batch(&name, &added, &mut problems);
        let assignment = said.transport.capabilities().assignment;
        let tables = tables.of(&name, &added, &topics, said.produces, &assignment, &mut problems);
        let Added { group, settings, calls, emits, table: (table, _), hooks, .. } = added;
        // Entries go out too.
        let emits = emits || table.is_some();
        let handler = HandlerParts { name, topics, emits, settings, calls, table, tables, hooks };
        sinks::topics(&group, &handler, &said.errors, &mut problems);
        if !order.contains(&group) {
            order.push(group.clone());
        }
        let others = groups.entry(group.clone()).or_default();
        topics::clashes(&group, others, &handler, &mut problems);
        others.push(handler);
    }
    sinks::durability(&said.errors, &mut problems);
    problems.into_error(&said.name)?;
    let groups = order.into_iter().filter_map(|group| groups.remove_entry(&group));
    let handlers = groups.map(|(group, handlers)| GroupParts { group, handlers }).collect();
    Ok(said.with_handlers(handlers).0)
}

/// A handler's name, if it was given none.
fn joined(topics: &[Topic]) -> String {
    topics.iter().map(Topic::as_str).collect::<Vec<_>>().join("+")
}
