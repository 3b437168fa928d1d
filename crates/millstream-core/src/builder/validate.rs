//! Owns the checks of `build()`: all problems at once, each with its remedy. No connection is made here.

use super::stream_service_builder::{Added, Said};
use super::tables::Tables;
use crate::contract::{Durability, Error, ErrorKind, ErrorSink, Operation, Support};
use crate::envelope::ContentMode;
use crate::service::{GroupParts, HandlerParts, HandlerSettings, IdSource, ServiceParts, letter_topic};
use crate::topic::{Topic, check_group};
use std::collections::BTreeMap;
use std::time::Duration;

/// Problems found so far.
#[derive(Default)]
pub(super) struct Problems(Vec<String>);

impl Problems {
    pub(super) fn add(&mut self, problem: impl Into<String>, remedy: &str) {
        self.0.push(format!("{}\n     remedy: {remedy}", problem.into()));
    }
}

/// The service's parts, or all that is wrong.
pub(crate) fn validate(said: Said) -> Result<ServiceParts, Error> {
    let mut problems = Problems::default();
    if said.name.trim().is_empty() {
        problems.add("the service has no name", "give `StreamServiceBuilder::new` the name under which its events are known");
    } else if said.name.len() > 255 {
        problems.add("the service's name is longer than 255 bytes", "shorten it: it stands in every event it publishes");
    }
    if said.handlers.is_empty() {
        problems.add("the service has no handler", "add one with `add_consumer_handler(topics, group, handler)`");
    }
    if said.shutdown.within.is_zero() {
        problems.add("the shutdown has no time", "give `Shutdown::within` some seconds: nothing could be finished in none");
    }
    if said.revoke_budget >= said.session_timeout * 10 {
        let text = format!("a revocation may take {:?}, ten sessions of {:?}", said.revoke_budget, said.session_timeout);
        problems.add(text, "shorten the budget, or lengthen the session");
    }
    transport(&said, &mut problems);
    let mut groups: BTreeMap<String, Vec<HandlerParts>> = BTreeMap::new();
    let mut order = Vec::new();
    let mut tables = Tables::default();
    let (said, handlers) = said.with_handlers(());
    for (number, added) in handlers.into_iter().enumerate() {
        let group = added.group.clone();
        let handler = handler(number, added, &said, &mut tables, &mut problems);
        if !order.contains(&group) {
            order.push(group.clone());
        }
        let others = groups.entry(group.clone()).or_default();
        clashes(&group, others, &handler, &mut problems);
        others.push(handler);
    }
    if let Some(sink) = &said.errors.sink
        && sink.durability() != Durability::Durable
        && said.errors.loss_allowed.is_none()
    {
        let remedy = "use a durable sink (by default the dead-letter topic), or say `ErrorHandling::allow_loss(\"why\")`";
        problems.add("the error sink may lose what it accepted", remedy);
    }
    if !problems.0.is_empty() {
        let count = problems.0.len();
        let list: String = problems.0.iter().enumerate().map(|(n, problem)| format!("\n  {}. {problem}", n + 1)).collect();
        let text = format!("service `{}` has {count} problem{}:{list}", said.name, if count == 1 { "" } else { "s" });
        return Err(Error::new(ErrorKind::Configuration, Operation::Build, text));
    }
    let groups = order.into_iter().filter_map(|group| groups.remove_entry(&group));
    let handlers = groups.map(|(group, handlers)| GroupParts { group, handlers }).collect();
    Ok(said.with_handlers(handlers).0)
}

fn transport(said: &Said, problems: &mut Problems) {
    let can = said.transport.capabilities();
    if let Support::No(why) = can.groups {
        problems.add(format!("the transport `{}` has no consumer groups: {why}", can.name), "use a transport that has them");
    }
    if let Support::No(why) = can.headers
        && said.errors.sink.is_none()
    {
        let text = format!("dead letters need headers, which the transport `{}` does not keep: {why}", can.name);
        problems.add(text, "give `ErrorHandling` a sink of its own");
    }
    if let Support::No(why) = can.headers
        && said.producer.content_mode == ContentMode::CloudEventsBinary
    {
        let text = format!("CloudEvents in binary mode need headers, which the transport `{}` does not keep: {why}", can.name);
        problems.add(text, "choose `ContentMode::CloudEventsStructured`, or the envelope");
    }
}

fn handler(
    number: usize,
    mut added: Added,
    said: &ServiceParts<()>,
    tables: &mut Tables,
    problems: &mut Problems,
) -> HandlerParts {
    let (produces, naming, own_sink) = (said.produces, &said.errors.dead_letters, said.errors.sink.is_some());
    let mut topics: Vec<Topic> = Vec::new();
    let nth = number + 1;
    for topic in std::mem::take(&mut added.topics) {
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
    let names: Vec<&str> = topics.iter().map(Topic::as_str).collect();
    let name = added.settings.name.clone().unwrap_or_else(|| names.join("+"));
    if let Err(error) = check_group(&added.group) {
        problems.add(format!("handler `{name}`: {error}"), error.fault().remedy());
    }
    if added.emits && !produces {
        let (how, remedy) = match added.outputs {
            0 => ("returns outputs", "add `.add_producer()`, or return no `Emit`"),
            _ => ("takes `&mut Outputs`", "add `.add_producer()`, or take the argument out"),
        };
        problems.add(format!("handler `{name}` {how}, but the service has no producer"), remedy);
    }
    if added.outputs > 1 {
        problems.add(format!("handler `{name}` takes `&mut Outputs` {} times", added.outputs), "take it once: it is one list");
    }
    if !own_sink {
        for topic in &topics {
            if topic.is_dlq() || letter_topic(topic, &added.group, naming).is_err() {
                let text =
                    format!("handler `{name}` reads the dead-letter topic `{topic}`, and its own dead letters would feed it");
                problems.add(text, "give `ErrorHandling` a sink of its own for the service that reads dead letters");
            }
        }
    }
    if added.settings.timeout.is_zero() {
        problems.add(
            format!("handler `{name}` has no time for an attempt"),
            "give `HandlerSettings::timeout` some time; 30 s by default",
        );
    }
    if added.settings.timeout >= Duration::from_secs(300) {
        let text = format!("an attempt of handler `{name}` may take {:?}", added.settings.timeout);
        problems.add(
            text,
            "keep it below 5 minutes, Kafka's `max.poll.interval`: nothing of a revoked partition is waited for longer",
        );
    }
    zeros(&name, &added.settings, added.emits, problems);
    if !added.settings.filter.types.is_empty() && added.settings.id_source != IdSource::Envelope {
        let types = added.settings.filter.types.join("`, `");
        let text = format!("handler `{name}` wants only `{types}`, but its identity comes from elsewhere than the envelope");
        problems.add(text, "a record's type is read with its envelope: use `IdSource::Envelope`, or `HandlerSettings::filter`");
    }
    let tables = tables.of(&name, &added, &topics, produces, &said.transport.capabilities().assignment, problems);
    let Added { emits, settings, make_runner, table: (table, _), .. } = added;
    HandlerParts { name, topics, emits: emits || table.is_some(), settings, make_runner, table, tables }
}

/// Numbers that are fields can be set to zero, and nothing would ever move.
fn zeros(name: &str, settings: &HandlerSettings, emits: bool, problems: &mut Problems) {
    let mut zero = |is: bool, what: &str, remedy: &str| {
        if is {
            problems.add(format!("handler `{name}` {what}"), remedy);
        }
    };
    zero(settings.concurrency == 0, "may run no attempt", "give `HandlerSettings::concurrency` at least 1; 256 by default");
    zero(
        settings.in_flight_records == 0,
        "may have no record in flight",
        "give `HandlerSettings::in_flight` at least one record; 4,096 by default",
    );
    zero(
        settings.max_letters == 0,
        "may have no dead letter waiting, and so starts nothing",
        "give `HandlerSettings::max_letters` at least 1; 1,024 by default",
    );
    zero(
        emits && settings.max_outputs == 0,
        "takes `&mut Outputs`, but may emit none",
        "set `HandlerSettings::max_outputs` to at least 1, 1,000 by default; or take the argument out",
    );
}

fn clashes(group: &str, others: &[HandlerParts], handler: &HandlerParts, problems: &mut Problems) {
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
