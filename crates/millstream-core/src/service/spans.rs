//! Owns the spans: `process`, `send`, `poll` and `commit`, with the names and fields of OpenTelemetry's messaging conventions
//! 1.44. Leaves recording them to a subscriber.
//!
//! A span's name in `tracing` is fixed, so the conventions' `{operation} {topic}` stands in `otel.name`. Each kind has a
//! target of its own, `millstream::process` and so on, by which a filter turns it off. A kind that no subscriber wants costs
//! one load: for `process`, whose alternative is the fast path, one a run of records.

use super::plan::Plan;
use super::quote;
use super::span_hook::SpanHook;
use crate::contract::{Applied, Committed, Error, Produce, Receipt, RecordBatch, RecordView, TopicPartition};
use crate::engine::Failure;
use crate::envelope::{EventKey, Head, Metadata, TraceContext, Traced};
use crate::handler::{BatchRecord, HandlerError};
use crate::topic::Topic;
use std::sync::Arc;
use tracing::field::{Empty, display};
use tracing::{Level, Span};

/// Records of one request that its span is linked to. 128: OpenTelemetry's own limit.
const MOST_LINKS: usize = 128;

/// What all spans of a service share.
#[derive(Clone)]
pub(crate) struct Tracing {
    /// The transport's name.
    pub(crate) system: &'static str,
    /// The service's name.
    pub(crate) client: Arc<str>,
    pub(crate) hook: Option<Arc<dyn SpanHook>>,
}

/// The span of one attempt.
#[derive(Clone)]
pub(crate) struct Attempt {
    pub(crate) span: Span,
    /// What its outputs carry, if the span is recorded elsewhere.
    pub(crate) context: Option<TraceContext>,
}

/// Whether somebody wants `process` spans. A filter that asks by the span's name alone is not heard here.
#[inline]
pub(crate) fn wants_process() -> bool {
    tracing::span_enabled!(target: "millstream::process", Level::INFO)
}

/// A `process` span of a partition, with the fields of its kind: names are fixed where a span is made.
macro_rules! process_span {
    ($plan:expr, $partition:expr, $($own:tt)*) => {{
        let topic = $partition.topic.as_str();
        tracing::info_span!(
            target: "millstream::process",
            parent: None,
            "process",
            otel.name = format_args!("process {topic}"),
            otel.kind = "consumer",
            otel.status_code = Empty,
            messaging.system = $plan.tracing.system,
            messaging.operation.name = "process",
            "messaging.operation.type" = "process",
            messaging.destination.name = topic,
            messaging.destination.partition.id = %$partition.partition,
            messaging.consumer.group.name = $plan.group,
            messaging.client.id = $plan.service,
            "error.type" = Empty,
            trace_id = Empty,
            millstream.handler = $plan.handler,
            $($own)*
        )
    }};
}

impl Attempt {
    /// The span of an attempt at a record; `None` if nobody wants it.
    pub(crate) fn begin(
        plan: &Plan,
        partition: &TopicPartition,
        record: RecordView<'_>,
        head: Option<&Head>,
        key: u128,
        attempt: u32,
    ) -> Option<Attempt> {
        let span = process_span!(
            plan,
            partition,
            messaging.kafka.offset = i64::try_from(record.offset()).unwrap_or(i64::MAX),
            messaging.message.id = Empty,
            messaging.message.conversation_id = Empty,
            millstream.attempt = attempt
        );
        if span.is_disabled() {
            return None;
        }
        match head.map(|head| Metadata::of(head, record)) {
            Some(metadata) => {
                span.record("messaging.message.id", quote(&metadata.id()));
                span.record("messaging.message.conversation_id", quote(&metadata.correlation_id()));
            }
            None => {
                span.record("messaging.message.id", display(EventKey::from_u128(key).as_event_id()));
            }
        }
        let parent = Traced::of(record.headers()).parent;
        let hook = plan.tracing.hook.as_deref();
        if let (Some(hook), Some(parent)) = (hook, parent) {
            hook.connect(&span, parent, true);
        }
        let context = hook.and_then(|hook| hook.context(&span));
        if let Some(trace) = context.or(parent) {
            span.record("trace_id", display(format_args!("{:032x}", trace.trace_id())));
        }
        Some(Attempt { span, context })
    }

    /// The span of one call with many records, linked to each; `None` if nobody wants it.
    pub(crate) fn begin_call(plan: &Plan, partition: &TopicPartition, records: &[BatchRecord]) -> Option<Attempt> {
        let span = process_span!(plan, partition, messaging.batch.message_count = records.len());
        if span.is_disabled() {
            return None;
        }
        let hook = plan.tracing.hook.as_deref();
        let mut parents = records.iter().filter_map(|one| Traced::of(one.record.view().headers()).parent);
        if let Some(hook) = hook {
            parents.by_ref().take(MOST_LINKS).for_each(|parent| hook.connect(&span, parent, records.len() == 1));
        }
        let context = hook.and_then(|hook| hook.context(&span));
        if let Some(trace) = context {
            span.record("trace_id", display(format_args!("{:032x}", trace.trace_id())));
        }
        Some(Attempt { span, context })
    }

    /// The attempt failed.
    pub(crate) fn failed(&self, error: &HandlerError) {
        self.ended(match (error.error_type(), error.failure()) {
            ("", Failure::Transient) => "transient",
            ("", Failure::Permanent) => "permanent",
            ("", Failure::Poison) => "poison",
            ("", Failure::Panic) => "panic",
            ("", Failure::TimedOut) => "timeout",
            (named, _) => named,
        });
    }

    /// The attempt ended without an answer, or with a bad one.
    pub(crate) fn ended(&self, why: &str) {
        failed(&self.span, why);
    }
}

fn failed(span: &Span, why: &str) {
    span.record("error.type", why);
    span.record("otel.status_code", "ERROR");
}

impl Tracing {
    /// The span of a request to write records.
    pub(crate) fn send(&self, produce: &Produce) -> Span {
        let topic = only(produce.places().iter().map(|place| &place.topic));
        let span = tracing::info_span!(
            target: "millstream::send",
            parent: None,
            "send",
            otel.name = name("send", topic),
            otel.kind = "producer",
            otel.status_code = Empty,
            messaging.system = self.system,
            messaging.operation.name = "send",
            "messaging.operation.type" = "send",
            messaging.destination.name = topic.map(Topic::as_str),
            messaging.client.id = &*self.client,
            messaging.batch.message_count = produce.len(),
            "error.type" = Empty,
        );
        if !span.is_disabled()
            && let Some(hook) = &self.hook
        {
            let sent = produce.iter().take(MOST_LINKS);
            for context in sent.filter_map(|(_, record)| TraceContext::of(record.headers())) {
                hook.connect(&span, context, produce.len() == 1);
            }
        }
        span
    }

    /// A request to write records was answered.
    pub(crate) fn sent(span: &Span, answers: &[Result<Receipt, Error>]) {
        if !span.is_disabled()
            && let Some(error) = answers.iter().find_map(|answer| answer.as_ref().err())
        {
            failed(span, &format!("{:?}", error.kind()));
        }
    }

    /// The span in which a batch that came is taken in.
    pub(crate) fn poll(&self, group: &str, batch: &RecordBatch) -> Span {
        let TopicPartition { topic, partition, .. } = &batch.partition;
        tracing::info_span!(
            target: "millstream::poll",
            parent: None,
            "poll",
            otel.name = name("poll", Some(topic)),
            otel.kind = "client",
            messaging.system = self.system,
            messaging.operation.name = "poll",
            "messaging.operation.type" = "receive",
            messaging.destination.name = topic.as_str(),
            messaging.destination.partition.id = %partition,
            messaging.consumer.group.name = group,
            messaging.client.id = &*self.client,
            messaging.batch.message_count = batch.len(),
        )
    }

    /// The span of a commit, from its submission to its outcome.
    pub(crate) fn commit<'a>(&self, group: &str, topics: impl Iterator<Item = &'a Topic>) -> Span {
        let topic = only(topics);
        tracing::info_span!(
            target: "millstream::commit",
            parent: None,
            "commit",
            otel.name = name("commit", topic),
            otel.kind = "client",
            otel.status_code = Empty,
            messaging.system = self.system,
            messaging.operation.name = "commit",
            "messaging.operation.type" = "settle",
            messaging.destination.name = topic.map(Topic::as_str),
            messaging.consumer.group.name = group,
            messaging.client.id = &*self.client,
            "error.type" = Empty,
        )
    }

    /// A commit's outcome came.
    pub(crate) fn committed(span: &Span, committed: &Committed) {
        let worst = committed.results.iter().find_map(|(_, _, applied)| match applied {
            Applied::Applied => None,
            Applied::NotApplied(_) => Some("not-applied"),
            Applied::Unknown => Some("unknown"),
        });
        if let Some(why) = worst {
            failed(span, why);
        }
    }
}

/// A span's name: the operation and its topic, if it has one only.
fn name(operation: &str, topic: Option<&Topic>) -> String {
    topic.map_or_else(|| operation.to_owned(), |topic| format!("{operation} {topic}"))
}

/// The topic that all have in common.
fn only<'a>(mut topics: impl Iterator<Item = &'a Topic>) -> Option<&'a Topic> {
    let first = topics.next()?;
    topics.all(|topic| topic == first).then_some(first)
}
