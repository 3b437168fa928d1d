//! Owns what a service is made of: as it was said, and validated.

use super::error_handling::ErrorHandling;
use super::hooks::Hooks;
use super::intake::StartAt;
use super::plan::Calls;
use super::producer_settings::ProducerSettings;
use super::reporter::Reporting;
use super::retry_topics::retry_topics;
use super::settings::HandlerSettings;
use super::shutdown::Shutdown;
use super::span_hook::SpanHook;
use crate::contract::{AnyDeduplicator, AnyTransport, Error, Protocol};
use crate::handler::TableOf;
use crate::topic::Topic;
use std::sync::Arc;
use std::time::Duration;

/// One handler, validated.
pub(crate) struct HandlerParts {
    pub(crate) name: String,
    pub(crate) topics: Vec<Topic>,
    pub(crate) settings: HandlerSettings,
    pub(crate) calls: Calls,
    pub(crate) emits: bool,
    pub(crate) table: Option<TableOf>,
    /// The table's topic for each of its topics; empty if it keeps none.
    pub(crate) tables: Vec<Topic>,
    pub(crate) hooks: Hooks,
}

impl HandlerParts {
    /// The topics it reads, each with its place among the retry topics: the topic itself, then its retry topics.
    pub(crate) fn reads(&self, delays: &[Duration]) -> Vec<(Topic, u32)> {
        let with_retries = |topic: &Topic| {
            let retries = retry_topics(topic, delays).expect("`build()` has checked the names");
            std::iter::once(topic.clone()).chain(retries).zip(0..).collect::<Vec<_>>()
        };
        self.topics.iter().flat_map(with_retries).collect()
    }
}

/// One group with its handlers.
pub(crate) struct GroupParts {
    pub(crate) group: String,
    pub(crate) handlers: Vec<HandlerParts>,
}

/// A service, but for what `handlers` it has: as they were added, or validated, by group.
pub(crate) struct ServiceParts<H = Vec<GroupParts>> {
    pub(crate) name: String,
    pub(crate) transport: AnyTransport,
    pub(crate) handlers: H,
    pub(crate) produces: bool,
    pub(crate) producer: ProducerSettings,
    pub(crate) deduplicator: Option<AnyDeduplicator>,
    pub(crate) errors: ErrorHandling,
    pub(crate) metrics: bool,
    pub(crate) hook: Option<Arc<dyn SpanHook>>,
    pub(crate) reporters: Vec<Reporting>,
    /// What was wrong with what it was given, before `build()`.
    pub(crate) problems: Vec<Error>,
    pub(crate) shutdown: Shutdown,
    pub(crate) start_at: StartAt,
    pub(crate) protocol: Protocol,
    pub(crate) run: u32,
    pub(crate) incarnation: u64,
    pub(crate) commit_every: Duration,
    pub(crate) max_batch: usize,
    pub(crate) session_timeout: Duration,
    pub(crate) revoke_budget: Duration,
}

impl<H> ServiceParts<H> {
    /// The same with other handlers.
    pub(crate) fn with_handlers<Other>(self, handlers: Other) -> (ServiceParts<Other>, H) {
        let parts = ServiceParts {
            handlers,
            name: self.name,
            transport: self.transport,
            produces: self.produces,
            producer: self.producer,
            deduplicator: self.deduplicator,
            errors: self.errors,
            metrics: self.metrics,
            hook: self.hook,
            reporters: self.reporters,
            problems: self.problems,
            shutdown: self.shutdown,
            start_at: self.start_at,
            protocol: self.protocol,
            run: self.run,
            incarnation: self.incarnation,
            commit_every: self.commit_every,
            max_batch: self.max_batch,
            session_timeout: self.session_timeout,
            revoke_budget: self.revoke_budget,
        };
        (parts, self.handlers)
    }
}
