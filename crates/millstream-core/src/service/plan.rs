//! Owns what is fixed for one handler's view of one topic: names, settings, and the parts its workers share.

use super::account::Counters;
use super::batch_call::MakeBatchRunner;
use super::batch_settings::BatchPolicy;
use super::classify::Rules;
use super::health::Board;
use super::hooks::Hooks;
use super::meters::Meters;
use super::outbox::OutboxHandle;
use super::retry_topics::RetryPlace;
use super::settings::HandlerSettings;
use super::slots::MakeRunner;
use super::spans::Tracing;
use super::table::TablePlan;
use super::turns::Turns;
use crate::clock::Clock;
use crate::contract::{AnyDeduplicator, AnyErrorSink, Scope};
use crate::engine::{Breaker, Followers, Retry, WindowPolicy};
use crate::envelope::ContentMode;
use std::sync::Arc;

/// Gives the outbox of a namespace; `None` if the service has no producer.
pub(crate) type OutboxOf = Arc<dyn Fn(Option<&str>) -> Option<OutboxHandle> + Send + Sync>;

/// How a handler is called.
#[derive(Clone)]
pub(crate) enum Calls {
    /// Record by record.
    Each(MakeRunner),
    /// With many records at once.
    Batch(BatchPolicy, MakeBatchRunner),
}

/// What all workers of one handler and topic share.
pub(crate) struct Plan {
    pub(crate) service: String,
    pub(crate) group: String,
    pub(crate) handler: String,
    pub(crate) run: u32,
    pub(crate) settings: HandlerSettings,
    pub(crate) retry: Retry,
    pub(crate) rules: Rules,
    pub(crate) followers: Followers,
    /// Its place among retry topics, if there are any.
    pub(crate) retries: Option<RetryPlace>,
    pub(crate) breaker: Breaker,
    pub(crate) calls: Calls,
    pub(crate) emits: bool,
    pub(crate) mode: ContentMode,
    pub(crate) deduplicator: Option<AnyDeduplicator>,
    pub(crate) sink: AnyErrorSink,
    pub(crate) outbox: OutboxOf,
    pub(crate) turns: Arc<Turns>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) meters: Option<Meters>,
    pub(crate) tracing: Tracing,
    pub(crate) board: Board,
    pub(crate) clock: Clock,
    pub(crate) incarnation: u64,
    /// The table it keeps, if it keeps one.
    pub(crate) table: Option<TablePlan>,
    pub(crate) hooks: Hooks,
}

impl Plan {
    /// The window of one partition: wide with a shared deduplicator, since what comes again after a crash is known there.
    pub(crate) fn window(&self) -> WindowPolicy {
        use crate::contract::Deduplicator;
        let shared = self.deduplicator.as_ref().is_some_and(|dedup| dedup.scope() == Scope::Shared);
        let base = if shared { WindowPolicy::SHARED } else { WindowPolicy::LOCAL };
        base.records(self.settings.in_flight_records).bytes(self.settings.in_flight_bytes)
    }
}
