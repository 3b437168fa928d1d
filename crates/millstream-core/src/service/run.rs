//! Owns a service that was built, and its run: all tasks belong to `run` and end with it.

use super::account::Tally;
use super::classify::Rules;
use super::client_meters::{ClientMeters, Watch};
use super::dead_letters::TopicSink;
use super::handle::ServiceHandle;
use super::health::{Board, Life};
use super::hooks::Hooks;
use super::intake::{Intake, IntakeParts};
use super::meters::Meters;
use super::outboxes::Outboxes;
use super::parts::ServiceParts;
use super::plan::Plan;
use super::publisher::Publisher;
use super::quote;
use super::reporter::Reports;
use super::retry_topics::RetryPlace;
use super::shutdown::{Stopper, Told};
use super::signals::Signals;
use super::spans::Tracing;
use super::survey::survey;
use super::table::TablePlan;
use super::topic_writer::TopicWriter;
use super::watchdog::Watchdog;
use crate::clock::{Clock, MonoTime};
use crate::contract::{AnyErrorSink, AnyProducer, ConsumerRequest, Error, ErrorKind, Operation, Transport};
use crate::process::spawn;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::task::JoinSet;

/// How long outboxes may flush at the end, whatever the deadline.
const LAST_FLUSH: Duration = Duration::from_millis(500);

/// A service that was built. Runs once.
pub struct StreamService {
    parts: ServiceParts,
    tallies: Arc<Vec<Tally>>,
    board: Board,
    stopper: Stopper,
    publisher: Option<Publisher>,
    clock: Clock,
}

impl std::fmt::Debug for StreamService {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamService").field("name", &self.parts.name).finish_non_exhaustive()
    }
}

/// Says that a service has ended, also of a run that is dropped: who waits for its end must not wait for ever.
struct EndLife(Board);

impl Drop for EndLife {
    fn drop(&mut self) {
        self.0.life(Life::Ended);
    }
}

/// What ends while a service runs.
enum Ending {
    Intake(Result<(), Error>),
    Outbox(Result<(), Error>),
}

impl StreamService {
    pub(crate) fn new(parts: ServiceParts) -> Self {
        let clock = Clock::new();
        let mut tallies = Vec::new();
        for (group, handler) in parts.handlers.iter().flat_map(|group| group.handlers.iter().map(move |one| (group, one))) {
            for (topic, _) in handler.reads(&parts.errors.retry_topics) {
                let (group, handler) = (group.group.clone(), handler.name.clone());
                tallies.push(Tally { group, handler, topic, counters: Arc::default() });
            }
        }
        let board = Board::new(parts.handlers.len());
        let stopper = Stopper::new(clock.clone(), parts.shutdown);
        let publisher = parts.produces.then(|| {
            // Another stream than that of jitter.
            let seed = parts.incarnation ^ 0x7075_626c_6973_6873;
            Publisher::lazy(&parts.name, parts.transport.clone(), parts.producer, seed, clock.clone())
        });
        StreamService { parts, tallies: Arc::new(tallies), board, stopper, publisher, clock }
    }

    /// The service's name.
    pub fn name(&self) -> &str {
        &self.parts.name
    }

    /// A view of it from outside, valid before, during and after the run.
    pub fn handle(&self) -> ServiceHandle {
        let (board, stopper) = (self.board.clone(), self.stopper.clone());
        ServiceHandle { board, stopper, tallies: self.tallies.clone(), publisher: self.publisher.clone() }
    }

    /// Publishes root events under the service's name; also from [`ServiceHandle::publisher`], once it runs.
    ///
    /// # Errors
    /// If the service has no producer: add `.add_producer()` to its builder.
    pub fn publisher(&self) -> Result<Publisher, Error> {
        self.handle().publisher()
    }

    /// Runs until told to stop ([`ServiceHandle::stop`]) or until something it cannot go on without fails. Nothing
    /// outlives it: every task it started has ended when it returns.
    ///
    /// On a multi-threaded runtime each consumer is polled on a thread of its own, so that a handler that blocks cannot
    /// stop the group's heartbeats; on a current-thread runtime everything runs there, deterministically.
    ///
    /// # Errors
    /// If the transport cannot be reached, a topic is missing or would lose what is put there ([`Configuration`](ErrorKind), all
    /// of them at once), the consumer cannot go on, or a task died.
    ///
    /// # Cancel safety
    /// Dropping it abandons what is in flight; nothing unfinished is settled, and partitions are given up when their
    /// session expires.
    pub async fn run(self) -> Result<(), Error> {
        let _ended = EndLife(self.board.clone());
        if self.parts.reporters.is_empty() {
            return self.run_inner().await;
        }
        let (service, member) = (self.parts.name.clone(), self.parts.incarnation);
        let reports = Reports { service, member, handle: self.handle(), reporters: self.parts.reporters.clone() };
        // Boxed, so that what most services do not use makes no run's future larger.
        reports.beside(Box::pin(self.run_inner())).await
    }

    /// As [`run`](Self::run), and stops on SIGINT or SIGTERM: the first in order, the second at once. A process whose
    /// handlers block past the deadline ends itself with exit code 75 (130 after a second signal), since nothing else can
    /// end it.
    ///
    /// # Errors
    /// As [`run`](Self::run), and [`Interrupted`](ErrorKind::Interrupted) after a second signal.
    pub async fn run_until_signal(self) -> Result<(), Error> {
        let (first, second) = (self.stopper.clone(), self.stopper.clone());
        let signals = Signals::listen(first.within(), move || first.stop_once(), move || second.abandon())?;
        signals.verdict(self.run().await)
    }

    async fn run_inner(self) -> Result<(), Error> {
        crate::layer::panics::install_hook();
        let StreamService { parts, tallies, board, stopper, clock, .. } = self;
        let runtime = Handle::current();
        let threaded = runtime.runtime_flavor() != RuntimeFlavor::CurrentThread;
        let Some(producer) = unless_told(&stopper, parts.transport.producer()).await else { return Ok(()) };
        let producer = producer?;
        let Some(surveyed) = unless_told(&stopper, survey(&parts, &producer)).await else { return Ok(()) };
        surveyed?;
        let sink = error_sink(&parts, &producer);
        let copies = Arc::new(TopicWriter::new(producer.clone()));
        let watchdog = if threaded { Watchdog::start(clock.clone(), board.clone()) } else { Watchdog::default() };
        let tracing =
            Tracing { system: parts.transport.capabilities().name, client: parts.name.as_str().into(), hook: parts.hook.clone() };
        let meters = parts.metrics.then(|| Arc::new(ClientMeters::new(&parts.name, tracing.system, clock.clone())));
        let watch = Watch { tracing: tracing.clone(), meters: meters.clone() };
        let (outboxes, mut new_outboxes) = Outboxes::new(producer.clone(), clock.clone(), board.clone(), watch.clone());
        let turns: Arc<super::turns::Turns> = Arc::default();
        let mut tasks: JoinSet<Ending> = JoinSet::new();
        let mut next = 0;
        let mut running = 0;
        for group in &parts.handlers {
            let mut plans = BTreeMap::new();
            for handler in &group.handlers {
                let delays = &parts.errors.retry_topics;
                let rules = Rules::nearest(&handler.settings.rules, handler.settings.retry.is_some(), &parts.errors.rules);
                let retry = handler.settings.retry.unwrap_or(parts.errors.retry);
                for (topic, stage) in handler.reads(delays) {
                    let place = || RetryPlace::new(stage, delays.clone().into(), copies.clone(), rules.most_attempts(&retry));
                    let number = handler.topics.iter().position(|own| *own == topic);
                    let table = number.and_then(|number| handler.tables.get(number));
                    let table = handler.table.zip(table).map(|(of, table)| TablePlan {
                        of,
                        topic: table.clone(),
                        settings: handler.settings.table,
                        transport: parts.transport.clone(),
                        producer: producer.clone(),
                        watch: watch.clone(),
                    });
                    let counters = tallies[next].counters.clone();
                    next += 1;
                    let plan = Plan {
                        service: parts.name.clone(),
                        group: group.group.clone(),
                        handler: handler.name.clone(),
                        run: parts.run,
                        retry,
                        rules: rules.clone(),
                        retries: (!delays.is_empty()).then(place),
                        followers: handler.settings.followers.unwrap_or(parts.errors.followers),
                        settings: handler.settings.clone(),
                        breaker: parts.errors.breaker,
                        calls: handler.calls.clone(),
                        emits: handler.emits,
                        mode: parts.producer.content_mode,
                        deduplicator: parts.deduplicator.clone(),
                        sink: sink.clone(),
                        outbox: outboxes.of(parts.produces),
                        turns: turns.clone(),
                        counters,
                        meters: parts.metrics.then(|| Meters::new(&parts.name, &group.group, topic.as_str())),
                        tracing: tracing.clone(),
                        board: board.clone(),
                        clock: clock.clone(),
                        incarnation: parts.incarnation,
                        table,
                        hooks: if stage == 0 { handler.hooks.clone() } else { Hooks::default() },
                    };
                    plans.insert(topic, Arc::new(plan));
                }
            }
            let request = ConsumerRequest::new(group.group.clone(), plans.keys().cloned().collect())
                .client_id(parts.name.clone())
                .protocol(parts.protocol)
                .session_timeout(parts.session_timeout)
                .revoke_budget(parts.revoke_budget)
                .max_batch(parts.max_batch);
            let connecting = parts.transport.consumer(request.clone());
            let Some(consumer) = unless_told(&stopper, connecting).await else { break };
            let consumer = consumer?;
            let intake = Intake::new(IntakeParts {
                consumer,
                request,
                plans,
                runtime: runtime.clone(),
                told: stopper.told(),
                clock: clock.clone(),
                board: board.clone(),
                watchdog: watchdog.clone(),
                start_at: parts.start_at,
                incarnation: parts.incarnation,
                commit_every: parts.commit_every,
                watch: watch.clone(),
            });
            running += 1;
            if threaded {
                tasks.spawn(async move { Ending::Intake(on_own_thread(intake).await) });
            } else {
                spawn(&mut tasks, &runtime, async move { Ending::Intake(intake.run().await) });
            }
        }
        board.life(Life::Running);
        let mut told = stopper.told();
        let mut first_error = None;
        let cut = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(cut);
        let mut closing = false;
        while running > 0 || !tasks.is_empty() {
            tokio::select! {
                biased;
                Some(outbox) = new_outboxes.recv() => {
                    spawn(&mut tasks, &runtime, async move { Ending::Outbox(outbox.run(LAST_FLUSH).await) });
                }
                () = told.changed() => {
                    if told.look() != Told::Run {
                        board.life(Life::Stopping);
                    }
                }
                Some(ended) = tasks.join_next() => {
                    let error = match ended {
                        Err(error) if closing && error.is_cancelled() => None,
                        Ok(Ending::Intake(result)) => { running -= 1; result.err() }
                        Ok(Ending::Outbox(result)) => result.err().filter(|_| !planted!(B34)),
                        Err(error) => {
                            // Which one died is not known: nothing can be trusted to go on.
                            running = 0;
                            tasks.abort_all();
                            Some(Error::new(ErrorKind::Internal, Operation::Run, "a task of the service died").with_source(error))
                        }
                    };
                    if let Some(error) = error {
                        tracing::error!(service = %parts.name, error = quote(&error.to_string()), "stopping because of an error");
                        first_error.get_or_insert(error);
                        stopper.stop_once();
                    }
                    if running == 0 && !std::mem::replace(&mut closing, true) {
                        outboxes.close();
                        cut.as_mut().reset(clock.instant(stopper.deadline().max(clock.now().after(LAST_FLUSH))));
                    }
                }
                () = cut.as_mut(), if closing => {
                    // A client that does not answer must not keep the process: what it has in flight is its own affair.
                    tracing::warn!(service = %parts.name, "outputs were not confirmed within the deadline");
                    tasks.abort_all();
                    cut.as_mut().reset(clock.instant(MonoTime::from_nanos(u64::MAX)));
                }
            }
        }
        first_error.map_or(Ok(()), Err)
    }
}

/// What `connecting` answers, or `None` if the service is told to stop first: a transport that does not answer must not
/// keep it from ending. What answers at once is taken in any case.
async fn unless_told<T>(stopper: &Stopper, connecting: impl Future<Output = T>) -> Option<T> {
    let mut told = stopper.told();
    tokio::select! {
        biased;
        done = connecting => Some(done),
        () = told.until(|told| *told != Told::Run) => None,
    }
}

/// Polls a consumer on a thread of its own; a blocking handler cannot stop the group's heartbeats there.
async fn on_own_thread(intake: Intake) -> Result<(), Error> {
    let (done, result) = tokio::sync::oneshot::channel();
    // Dropped with this future: a run that was dropped leaves no thread behind that goes on.
    let (_alive, gone) = tokio::sync::oneshot::channel::<()>();
    let broken = |text: &'static str| Error::new(ErrorKind::Internal, Operation::Run, text);
    let body = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let outcome = match runtime {
            Ok(runtime) => runtime.block_on(async {
                tokio::select! {
                    biased;
                    _ = gone => Err(Error::new(ErrorKind::Ended, Operation::Run, "the run was dropped")),
                    ended = intake.run() => ended,
                }
            }),
            Err(error) => Err(Error::new(ErrorKind::Internal, Operation::Run, "no runtime for the intake").with_source(error)),
        };
        // The receiver is gone only if `run` was dropped.
        let _ = done.send(outcome);
    };
    #[expect(clippy::disallowed_methods, reason = "only on a multi-threaded runtime, which promises no order")]
    let thread = std::thread::Builder::new().name("millstream-intake".into()).spawn(body);
    let thread = thread.map_err(|error| broken("no thread for the intake").with_source(error))?;
    let outcome = result.await.unwrap_or_else(|_| Err(broken("the intake died")));
    // It has sent its result and is about to end, or has panicked and ended.
    let _ = thread.join();
    outcome
}

/// Where dead letters go.
fn error_sink(parts: &ServiceParts, producer: &AnyProducer) -> AnyErrorSink {
    let topics = || TopicSink::new(producer.clone(), parts.errors.dead_letters.clone());
    if let Some(to_topic) = &parts.errors.to_topic {
        to_topic.bind(topics());
    }
    parts.errors.sink.clone().unwrap_or_else(|| AnyErrorSink::new(topics()))
}
