//! Owns the builder with the seed's verbs. Nothing is checked and nothing is started until `build()`.

use super::topics::IntoTopics;
use super::validate::validate;
use crate::contract::{AnyDeduplicator, AnyTransport, Assigned, Deduplicator, Error, Protocol, Transport};
use crate::handler::{BatchHandler, Handler, TableOf, Wants};
use crate::layer::{AnyLayer, Layer, Watcher, watcher};
use crate::process::entropy;
use crate::service::hook as hooked;
use crate::service::{
    BatchSettings, Calls, ErrorHandling, HandlerSettings, Hooks, PartitionHook, ProducerSettings, Reporter, Reporting, Restored,
    Revoked, ServiceParts, Shutdown, SpanHook, StartAt, StreamService, make_batch_runner, make_runner,
};
use crate::topic::{Topic, TopicError};
use std::sync::Arc;
use std::time::Duration;

/// A handler as it was added.
pub(crate) struct Added {
    pub(crate) topics: Vec<Result<Topic, TopicError>>,
    pub(crate) group: String,
    pub(crate) settings: HandlerSettings,
    pub(crate) calls: Calls,
    /// How many batches a batch handler takes.
    pub(crate) batches: usize,
    /// Whether layers were given before a batch handler, which has none.
    pub(crate) layered_batch: bool,
    pub(crate) outputs: usize,
    pub(crate) emits: bool,
    /// The table whose entry it takes, and how many.
    pub(crate) table: (Option<TableOf>, usize),
    pub(crate) hooks: Hooks,
    pub(crate) wants: Wants,
}

/// What was said of a service.
pub(crate) type Said = ServiceParts<Vec<Added>>;

/// Says what a service is: its name, its transport, what it keeps, and its handlers.
///
/// Only the state is in the type, because that pays: a handler that wants `&Engine` does not compile before the engine is
/// given. Everything else is a value, checked by [`build`](Self::build).
///
/// ```
/// use millstream_core::builder::StreamServiceBuilder;
/// # use millstream_core::contract::*;
/// # fn service(transport: impl Transport) -> Result<(), Error> {
/// let service = StreamServiceBuilder::new("hello", transport)
///     .add_consumer_handler("market.ticks", "hello.ticks", async || println!("a tick"))
///     .build()?;
/// # drop(service);
/// # Ok(())
/// # }
/// ```
#[must_use = "a builder does nothing until `build()`"]
pub struct StreamServiceBuilder<S = ()> {
    said: Said,
    state: Arc<S>,
    layers: Vec<AnyLayer>,
    /// Who looks at each attempt from outside, in a simulation.
    watcher: Option<Arc<dyn Watcher>>,
    hooks: Hooks,
}

impl StreamServiceBuilder<()> {
    /// A service called `name` on `transport`. The name is the `source` of its events and the client id of its members.
    pub fn new(name: &str, transport: impl Transport) -> Self {
        let said = ServiceParts {
            name: name.to_owned(),
            transport: AnyTransport::new(transport),
            handlers: Vec::new(),
            produces: false,
            producer: ProducerSettings::default(),
            deduplicator: None,
            errors: ErrorHandling::default(),
            metrics: false,
            hook: None,
            reporters: Vec::new(),
            problems: Vec::new(),
            shutdown: Shutdown::default(),
            start_at: StartAt::default(),
            protocol: Protocol::default(),
            run: 0,
            // Tells one process from another.
            incarnation: entropy(),
            commit_every: Duration::from_millis(100),
            max_batch: 512,
            session_timeout: Duration::from_secs(45),
            revoke_budget: Duration::from_secs(30),
        };
        StreamServiceBuilder { said, state: Arc::new(()), layers: Vec::new(), watcher: watcher(), hooks: Hooks::default() }
    }
}

impl<S: Send + Sync + 'static> StreamServiceBuilder<S> {
    /// Gives the handlers that follow a state, which they take as `&T` (or `&self`).
    pub fn with_state<T: Send + Sync + 'static>(self, state: T) -> StreamServiceBuilder<T> {
        self.with_shared_state(Arc::new(state))
    }

    /// As [`with_state`](Self::with_state), for a state that others share.
    pub fn with_shared_state<T: Send + Sync + 'static>(self, state: Arc<T>) -> StreamServiceBuilder<T> {
        StreamServiceBuilder { said: self.said, state, layers: self.layers, watcher: self.watcher, hooks: Hooks::default() }
    }

    /// Drops records whose id is done: *exact inside an epoch; across epochs and members no start whose check began after
    /// the mark was applied and unexpired; concurrent twins in different partitions only with claims; effects before a mark
    /// may repeat (crash, pause, zombie, timeout, store outage), their outputs keep their ids.*
    pub fn with_deduplicator(mut self, deduplicator: impl Deduplicator) -> Self {
        self.said.deduplicator = Some(AnyDeduplicator::new(deduplicator));
        self
    }

    /// Says what follows failures. Without it the defaults hold: four attempts, then `{topic}.dlq`.
    pub fn with_error_handling(mut self, errors: ErrorHandling) -> Self {
        self.said.errors = errors;
        self
    }

    /// Counts what happens, through the `metrics` facade: install a recorder before the service runs. Nothing is counted and
    /// no clock is read for it without this.
    ///
    /// `messaging_process_duration_seconds` has one value an attempt, or a call of a batch handler. Records that are done in one run without waiting are
    /// measured together, and each counts with the run's mean: the histogram's count and sum are exact, and what it hides is
    /// how attempts differ within a run of microseconds. An attempt that waits is measured from the turn in which it began.
    /// Labels are the service, the transport, groups, topics and partitions, never a key or an id. Gauges of a partition are
    /// 0 when it has left this member.
    pub fn with_metrics(mut self) -> Self {
        self.said.metrics = true;
        self
    }

    /// Tells `reporter` how the service fares, every so often (a second at least) and once at the end, so that others can see
    /// it. It is told beside the work: its delays and failures hold nothing up.
    pub fn report_every(mut self, every: Duration, reporter: impl Reporter) -> Self {
        self.said.reporters.push(Reporting::new(every, reporter));
        self
    }

    /// Remembers what is wrong with something the builder was given, for `build()` to say with the rest. For extensions of the
    /// builder, whose methods can then be chained like its own.
    pub fn with_problem(mut self, problem: Error) -> Self {
        self.said.problems.push(problem);
        self
    }

    /// Ties spans to the traces of other services; see [`SpanHook`]. Without one, outputs still carry their input's trace.
    pub fn with_span_hook(mut self, hook: impl SpanHook) -> Self {
        self.said.hook = Some(Arc::new(hook));
        self
    }

    /// Lets handlers send outputs, and gives the service a [`Publisher`](crate::service::Publisher) for root events.
    pub fn add_producer(self) -> Self {
        self.add_producer_with(ProducerSettings::default())
    }

    /// As [`add_producer`](Self::add_producer), with settings: how events lie in their records.
    pub fn add_producer_with(mut self, settings: ProducerSettings) -> Self {
        self.said.produces = true;
        self.said.producer = settings;
        self
    }

    /// Says how the service ends.
    pub fn with_shutdown(mut self, shutdown: Shutdown) -> Self {
        self.said.shutdown = shutdown;
        self
    }

    /// Says where a group starts that never had a commit.
    pub fn start_at(mut self, start_at: StartAt) -> Self {
        self.said.start_at = start_at;
        self
    }

    /// Says how the groups hand partitions over.
    pub fn rebalance_protocol(mut self, protocol: Protocol) -> Self {
        self.said.protocol = protocol;
        self
    }

    /// Says how long a silent member keeps its partitions, and how long it has to finish what is revoked. 45 s and 30 s by
    /// default. `build()` refuses a session that the transport does not take, and a budget of ten sessions or five minutes.
    pub fn membership(mut self, session_timeout: Duration, revoke_budget: Duration) -> Self {
        self.said.session_timeout = session_timeout;
        self.said.revoke_budget = revoke_budget;
        self
    }

    /// Says how often offsets are committed at most. 100 ms by default, an hour at most.
    pub fn commit_every(mut self, every: Duration) -> Self {
        self.said.commit_every = every;
        self
    }

    /// Says how many records a batch has at most. 512 by default; `build()` refuses none.
    pub fn max_batch(mut self, records: usize) -> Self {
        self.said.max_batch = records;
        self
    }

    /// The number of a reprocessing run: it enters ids and marks, so that everything is done anew. 0 by default.
    pub fn reprocessing_run(mut self, run: u32) -> Self {
        self.said.run = run;
        self
    }

    /// Replaces the process's random number, from which jitter and crash notes come, so that a test repeats exactly.
    pub fn seed(mut self, seed: u64) -> Self {
        self.said.incarnation = seed;
        self
    }

    /// Puts a layer around the handlers that follow, outside their own: inside those given before.
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers.push(AnyLayer::new(layer));
        self
    }

    /// Runs `hook` over the state when a partition of the handlers that follow is assigned, before it starts: for state that
    /// is no [table](crate::handler::TableEntry). It says what it has restored, and so where the partition starts.
    ///
    /// It has as long as a table has ([`TableSettings::restore_within`](crate::service::TableSettings)) and runs after it; a
    /// failure that may pass is tried again until then, and one that will not, or the deadline, ends the service. If the
    /// partition is taken away meanwhile it is dropped where it waits. Another state has hooks of its own.
    ///
    /// ```
    /// # use millstream_core::{builder::StreamServiceBuilder, contract::{Assigned, Transport}};
    /// # use millstream_core::handler::HandlerError;
    /// # use millstream_core::service::{Restored, Revoked};
    /// struct Portfolio;
    ///
    /// impl Portfolio {
    ///     async fn restore(&self, now: Assigned) -> Result<Restored, HandlerError> {
    ///         // Read what was saved of `now.partition` …
    ///         Ok(Restored::through(41))
    ///     }
    ///
    ///     async fn save(&self, gone: Revoked) -> Result<(), HandlerError> {
    ///         // … and save it.
    ///         Ok(())
    ///     }
    /// }
    /// # fn service(transport: impl Transport) {
    /// let builder = StreamServiceBuilder::new("portfolio", transport)
    ///     .with_state(Portfolio)
    ///     .on_assigned(Portfolio::restore)
    ///     .on_revoked(Portfolio::save);
    /// # drop(builder);
    /// # }
    /// ```
    pub fn on_assigned(mut self, hook: impl for<'s> PartitionHook<'s, S, Assigned, Restored>) -> Self {
        self.hooks.assigned = Some(hooked(hook, self.state.clone()));
        self
    }

    /// Runs `hook` over the state when a partition of the handlers that follow is given up in order, after its last commit and
    /// before the next owner can have it.
    ///
    /// It has what is left of the revocation's or the shutdown's time, and is dropped where it waits when that is over. What it
    /// answers is logged: the partition goes in any case. It does not run for a partition that was lost, which is
    /// another's already.
    pub fn on_revoked(mut self, hook: impl for<'s> PartitionHook<'s, S, Revoked, ()>) -> Self {
        self.hooks.revoked = Some(hooked(hook, self.state.clone()));
        self
    }

    /// Adds a handler for topics, read as a member of `group`.
    pub fn add_consumer_handler<Args: 'static>(
        self,
        topics: impl IntoTopics,
        group: &str,
        handler: impl Handler<Args, S>,
    ) -> Self {
        self.add_consumer_handler_with(topics, group, handler, HandlerSettings::default())
    }

    /// Adds a handler with settings of its own.
    pub fn add_consumer_handler_with<Args: 'static, H: Handler<Args, S>>(
        mut self,
        topics: impl IntoTopics,
        group: &str,
        handler: H,
        settings: HandlerSettings,
    ) -> Self {
        let layers = self.layers.iter().chain(&settings.layers).cloned().collect();
        self.said.handlers.push(Added {
            topics: topics.into_topics(),
            group: group.to_owned(),
            settings,
            calls: Calls::Each(make_runner(handler, self.state.clone(), layers, self.watcher.clone())),
            batches: 0,
            layered_batch: false,
            outputs: H::OUTPUTS,
            emits: H::EMITS,
            table: H::TABLE,
            hooks: self.hooks.clone(),
            wants: H::WANTS,
        });
        self
    }

    /// Adds a batch handler for topics, read as a member of `group`: it is called with many records of a partition at once
    /// and answers record by record ([`Batch`](crate::handler::Batch), [`Outcomes`](crate::handler::Outcomes)).
    ///
    /// 1. **Each record settles by itself.** One that failed is tried again, with its key held, in whatever batch comes then;
    ///    its neighbours are not. What it emitted is dropped, theirs goes out.
    /// 2. **A call that fails as a whole is sorted out.** A panic, a time-out or an `Err` of a call with several records says
    ///    not which of them is at fault: it counts no attempt, and its records come again one by one, of which each then has
    ///    its attempts. So a record has at most one call more than it may have attempts, and no neighbour of a bad record
    ///    becomes a dead letter. After a time-out or a transient `Err` they wait out a backoff first.
    /// 3. **Order is that of single handlers**: calls for a key follow offset order, since a batch has no key twice.
    /// 4. Deduplication, retries, dead letters, breaker, drain and rebalance are those of single handlers. While the breaker
    ///    is open its probe is a call with one record; after an unclean end the first records come one by one.
    /// 5. It has no layers: `build()` refuses those given before it.
    ///
    /// ```
    /// # use millstream_core::builder::StreamServiceBuilder;
    /// # use millstream_core::contract::*;
    /// # use millstream_core::handler::{Batch, Outcomes};
    /// # #[derive(serde::Deserialize)] struct Tick;
    /// async fn store(ticks: Batch<Tick>) -> Result<(), std::io::Error> {
    ///     // … one request for all of them
    ///     Ok(())
    /// }
    ///
    /// # fn service(transport: impl Transport) -> Result<(), Error> {
    /// let service = StreamServiceBuilder::new("store", transport)
    ///     .add_batch_handler("market.ticks", "store.ticks", store)
    ///     .build()?;
    /// # drop(service);
    /// # Ok(())
    /// # }
    /// ```
    pub fn add_batch_handler<Args: 'static>(
        self,
        topics: impl IntoTopics,
        group: &str,
        handler: impl BatchHandler<Args, S>,
    ) -> Self {
        self.add_batch_handler_with(topics, group, handler, BatchSettings::default())
    }

    /// Adds a batch handler with settings of its own.
    pub fn add_batch_handler_with<Args: 'static, H: BatchHandler<Args, S>>(
        mut self,
        topics: impl IntoTopics,
        group: &str,
        handler: H,
        settings: BatchSettings,
    ) -> Self {
        self.said.handlers.push(Added {
            topics: topics.into_topics(),
            group: group.to_owned(),
            settings: settings.handler,
            calls: Calls::Batch(settings.policy, make_batch_runner(handler, self.state.clone())),
            batches: H::BATCHES,
            layered_batch: !self.layers.is_empty(),
            outputs: H::OUTPUTS,
            emits: H::OUTPUTS > 0,
            table: (None, 0),
            hooks: self.hooks.clone(),
            wants: H::WANTS,
        });
        self
    }

    /// Checks everything that can be checked without a connection and makes the service.
    ///
    /// # Errors
    /// *All* problems at once, each with its remedy, as one error of kind [`Configuration`](crate::contract::ErrorKind).
    pub fn build(self) -> Result<StreamService, Error> {
        validate(self.said).map(StreamService::new)
    }
}
