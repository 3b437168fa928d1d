//! Owns the checks of what is said of one handler: what it takes and returns, its time, its numbers, its identities. Leaves
//! its names to `topics`, its retries to `retries`, its dead letters to `sinks`.

use crate::builder::stream_service_builder::Added;
use crate::contract::{Support, Transport};
use crate::handler::Wants;
use crate::service::Problems;
use crate::service::{Calls, HandlerSettings, IdSource, ServiceParts};
use crate::topic::Topic;
use std::time::Duration;

/// Kafka's `max.poll.interval`.
const LONGEST_ATTEMPT: Duration = Duration::from_secs(300);

pub(super) fn handler(name: &str, topics: &[Topic], added: &Added, said: &ServiceParts<()>, problems: &mut Problems) {
    outputs(name, topics, added, said.produces, problems);
    arguments(name, topics, added, problems);
    timeout(name, added.settings.timeout, problems);
    numbers(name, &added.settings, added.emits, problems);
    limits(name, &added.settings, problems);
    identity(name, &added.settings, said, problems);
}

fn outputs(name: &str, topics: &[Topic], added: &Added, produces: bool, problems: &mut Problems) {
    if !added.emits {
        return;
    }
    let (argument, once) = match added.calls {
        Calls::Each(_) => ("`&mut Outputs`", "async fn on_signal(signal: Event<Signal>, out: &mut Outputs)"),
        Calls::Batch(..) => ("`&mut BatchOutputs`", "async fn on_signals(signals: Batch<Signal>, out: &mut BatchOutputs)"),
    };
    let (how, or) = match added.outputs {
        0 => ("returns outputs".to_owned(), "return no `Emit`"),
        _ => (format!("takes {argument}"), "take the argument out"),
    };
    if !produces {
        let text = format!("handler `{name}` {how}, but the service has no producer");
        problems.add(text, format!("add it before `build()`: `.add_producer()`; or {or}"));
    }
    if added.outputs > 1 {
        let text = format!("handler `{name}` takes {argument} {} times", added.outputs);
        problems.add(text, format!("take it once, it is one list: `{once}`"));
    }
    for topic in topics.iter().filter(|topic| topic.is_group_dlq()) {
        let text = format!("handler `{name}` {how}, but an output of `{topic}` has no address: its name hides its namespace");
        let remedy = "name dead-letter topics after their topics: `ErrorHandling::new().dead_letters(DeadLetterTopic::PerTopic)`";
        problems.add(text, format!("{remedy}; or {or}"));
    }
}

/// What its arguments ask of the topics and of how records are read.
fn arguments(name: &str, topics: &[Topic], added: &Added, problems: &mut Problems) {
    if added.wants.has(Wants::NAMESPACE) {
        for topic in topics.iter().filter(|topic| topic.namespace().is_none()) {
            let text = format!("handler `{name}` takes a `Namespace`, and the shared topic `{topic}` has none");
            problems
                .add(text, "take it where there is one: `namespace: Option<Namespace>`; or read the topic by another handler");
        }
    }
    if added.wants.has(Wants::BARE) && added.settings.id_source == IdSource::Envelope {
        let text = format!("handler `{name}` takes `Json<T>`, a payload without an envelope, but its ids come from envelopes");
        let remedy = "say where they come from: `HandlerSettings::new().id_source(IdSource::Header(\"id\".into()))`, or \
                      `IdSource::Position`; or take `Event<T>`";
        problems.add(text, remedy);
    }
}

fn timeout(name: &str, timeout: Duration, problems: &mut Problems) {
    let usual = "`HandlerSettings::new().timeout(Duration::from_secs(30))`, the default";
    if timeout.is_zero() {
        problems.add(format!("handler `{name}` has no time for an attempt"), format!("give it some: {usual}"));
    }
    if timeout >= LONGEST_ATTEMPT {
        let text = format!(
            "an attempt of handler `{name}` may take {timeout:?}, and Kafka's `max.poll.interval` gives its partition away \
             after 300s"
        );
        problems.add(text, format!("keep it shorter: {usual}"));
    }
}

/// Numbers that are fields can be set to zero, and nothing would ever move.
fn numbers(name: &str, settings: &HandlerSettings, emits: bool, problems: &mut Problems) {
    let mut zero = |is: bool, what: &str, remedy: &str| {
        if is {
            problems.add(format!("handler `{name}` {what}"), format!("allow some: {remedy}, the default"));
        }
    };
    zero(settings.concurrency == 0, "may run no attempt", "`HandlerSettings::new().concurrency(256)`");
    let window = "`HandlerSettings::new().in_flight(4_096, 32 << 20)`";
    zero(settings.in_flight_records == 0, "may have no record in flight", window);
    zero(settings.in_flight_bytes == 0, "may have no byte in flight, so records would come one at a time", window);
    let letters = "`HandlerSettings::new().max_letters(1_024)`";
    zero(settings.max_letters == 0, "may have no dead letter waiting, and so starts nothing", letters);
    let outputs = "`settings.max_outputs = 1_000`";
    zero(emits && settings.max_outputs == 0, "sends outputs, but may send none", outputs);
}

/// Limits under which all that comes is poison.
fn limits(name: &str, settings: &HandlerSettings, problems: &mut Problems) {
    let limits = &settings.limits;
    for (value, what, field) in [
        (limits.value_bytes, "a value of any size", "value_bytes"),
        (limits.depth as usize, "any envelope, which is one object deep", "depth"),
        (limits.key_bytes, "a key of any size", "key_bytes"),
    ] {
        if value == 0 {
            let text = format!("the limits of handler `{name}` make poison of {what}: `{field}` is 0");
            problems.add(text, format!("start from the defaults: `settings.limits.{field} = Limits::DEFAULT.{field}`"));
        }
    }
}

fn identity(name: &str, settings: &HandlerSettings, said: &ServiceParts<()>, problems: &mut Problems) {
    if !settings.filter.types.is_empty() && settings.id_source != IdSource::Envelope {
        let types = settings.filter.types.join("`, `");
        let text = format!("handler `{name}` wants only `{types}`, but its ids come from elsewhere than the envelope");
        let remedy = "a record's type is read with its envelope: `HandlerSettings::new().id_source(IdSource::Envelope)`; or ask \
                      something else: `.filter(|delivery| …)`";
        problems.add(text, remedy);
    }
    let IdSource::Header(header) = &settings.id_source else { return };
    if header.is_empty() {
        let text = format!("handler `{name}` takes its ids from a header without a name");
        problems.add(text, "name it: `HandlerSettings::new().id_source(IdSource::Header(\"id\".into()))`");
    }
    let can = said.transport.capabilities();
    if let Support::No(why) = can.headers {
        let text = format!("handler `{name}` takes its ids from a header, and the transport `{}` keeps none: {why}", can.name);
        problems.add(text, "take them from elsewhere: `HandlerSettings::new().id_source(IdSource::Envelope)`");
    }
}
