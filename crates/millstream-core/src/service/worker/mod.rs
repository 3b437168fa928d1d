//! The worker: owns one partition under one epoch, runs its handlers' futures itself, and settles what they have done.
//!
//! | file | noun |
//! | --- | --- |
//! | `turn` | one turn: look at control, take what is there, do it, publish what changed |
//! | `check` | batches on their way in: prepared and looked up in the deduplicator |
//! | `dispatch` | what may start |
//! | `ended` | what an attempt's end means |
//! | `deferred` | a record that its handler puts off |
//! | `batch` | what a batch handler is to be called with |
//! | `batch_calls` | its calls, and what their end means for each record |
//! | `fast` | runs of fresh records that are done in place |
//! | `filtered` | records the handler does not want |
//! | `care` | one record at a time after a crash |
//! | `slots` | the attempts that are pending, their wakers and deadlines |
//! | `table` | the entry of a table: lent, taken over, written |
//! | `tail` | outputs → marks → settled |
//! | `letters` | dead letters on their way to the sink |
//! | `retried` | copies on their way to a retry topic, and those that came from one |
//! | `sending` | what is handed over until it is taken |
//! | `open` | batches with open records, and what they hold of the window |
//! | `leave` | drain and end |

mod batch;
mod batch_calls;
mod care;
mod check;
mod deferred;
mod dispatch;
mod ended;
mod fast;
mod filtered;
mod leave;
mod letters;
mod open;
mod retried;
mod sending;
mod slots;
mod table;
mod tail;
mod turn;

pub(crate) use table::Table;

use super::account::Counts;
use super::cell::{Ack, Cell};
use super::filter::Filtering;
use super::plan::{Calls, Plan};
use super::prepare::{Prepared, Preparer};
use super::retry_topics::{RetryCopy, RetryPlace};
use super::sink::Sink;
use super::slots::{Ran, Runner};
use crate::clock::MonoTime;
use crate::contract::{DeadLetter, DedupScope, Epoch, Error, ErrorKind, Offset, Operation, RecordBatch, TopicId, TopicPartition};
use crate::engine::{Circuit, Drain, Failure, Note, Partition, PartitionPolicy, Quarantine};
use crate::envelope::Limits;
use crate::handler::{OutputContext, RETRY_HEADERS_ADD};
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

/// A store that never answers is given up after this long, and asked again: its effect is unknown, and asking or marking
/// again is safe (F64, B26). 10 s: far above a store's worst answer, and a third of what an answer counts.
const STORE_DEADLINE: Duration = Duration::from_secs(10);

/// Awaits a call with a deadline.
async fn within<T>(deadline: Duration, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let answer = tokio::time::timeout(deadline, call).await;
    answer.unwrap_or_else(|_| Err(Error::new(ErrorKind::TimedOut, Operation::Check, format!("no answer within {deadline:?}"))))
}

/// The limits of records that carry the headers of a copy beside their own.
fn with_copys_headers(mut limits: Limits) -> Limits {
    limits.headers += RETRY_HEADERS_ADD.0;
    limits.header_bytes += RETRY_HEADERS_ADD.1;
    limits
}

/// How a worker ended.
#[derive(Debug)]
pub(crate) struct WorkerReport {
    pub(crate) epoch: Epoch,
    /// The committable offset at the end; `None` if the epoch was lost.
    pub(crate) watermark: Option<Offset>,
    /// What is to stand beside the last commit: all it started has ended.
    pub(crate) note: Note,
}

/// What a held record needs to be started again.
struct Payload {
    batch: RecordBatch,
    index: usize,
    prepared: Prepared,
    /// When its id was last looked up; `None` if it must be again.
    checked: Option<(u64, MonoTime)>,
    first_failed: u64,
    failure: Option<(String, String)>,
    /// How its last attempt failed.
    failed: Failure,
    /// What may be logged of its failure.
    log_text: String,
    attempts: u32,
    /// Whether it was in a call that failed as a whole: from then on it comes alone.
    alone: bool,
}

/// One partition's worker under one epoch.
pub(crate) struct Worker {
    plan: Arc<Plan>,
    cell: Arc<Cell>,
    partition: TopicPartition,
    engine: Partition,
    breaker: Circuit,
    quarantine: Quarantine,
    table: Option<Box<Table>>,
    /// Records that run again for the state that is kept: that they are done does not keep them out of it.
    replays: Range<Offset>,
    preparer: Preparer,
    filtering: Option<Filtering>,
    context: Arc<OutputContext>,
    runner: Option<Box<dyn Runner>>,
    /// Of a batch handler's worker, in place of the runner.
    batching: Option<Box<batch::Batching>>,
    slots: slots::SlotTable,
    queue: VecDeque<(RecordBatch, u64)>,
    checks: check::Checks,
    payloads: BTreeMap<Offset, Payload>,
    sink: Sink,
    ran: Ran,
    acks: Vec<Ack>,
    tail: tail::Tail,
    letters: sending::Sending<DeadLetter>,
    copies: sending::Sending<RetryCopy>,
    /// The copy of a retry topic that is next, and when its turn comes.
    waits: Option<(Offset, MonoTime)>,
    open: open::OpenBatches,
    counts: Counts,
    drain: Option<Drain>,
    probing: Option<Offset>,
    turn: care::Turn,
    entropy: u64,
    published: (Offset, u64),
    totals: (u64, u64, u64),
}

impl Worker {
    /// A worker that starts at `at`.
    pub(crate) fn new(
        plan: Arc<Plan>,
        cell: Arc<Cell>,
        partition: TopicPartition,
        topic_id: TopicId,
        at: Offset,
        quarantine: Quarantine,
        (table, replays): (Option<Box<Table>>, Range<Offset>),
    ) -> Self {
        let mut policy = PartitionPolicy::new(plan.deduplicator.is_some());
        policy.lanes = plan.settings.lanes;
        policy.retry = plan.retry;
        policy.followers = plan.followers;
        let namespace = partition.topic.namespace();
        let namespace = namespace.as_ref().map_or("-", |namespace| namespace.as_str());
        let scope = DedupScope::new(namespace, &plan.group, plan.run, &plan.handler, partition.topic.logical_name());
        let copied = plan.retries.as_ref().is_some_and(RetryPlace::is_retry);
        let outbox = plan.outbox.clone();
        let publisher = super::outbox_publisher(outbox, cell.clone());
        let context = Arc::new(OutputContext {
            source: plan.service.clone(),
            group: plan.group.clone(),
            handler: plan.handler.clone(),
            scope: crate::envelope::CausalScope::new(plan.run, &plan.group, &plan.handler),
            limits: plan.settings.limits,
            most: plan.settings.max_outputs,
            mode: plan.mode,
            publisher: plan.emits.then_some(publisher),
            copied,
        });
        let preparer = Preparer {
            source: plan.settings.id_source.clone(),
            limits: if copied { with_copys_headers(plan.settings.limits) } else { plan.settings.limits },
            topic_id,
            partition: partition.partition,
            copied,
        };
        let batching = match &plan.calls {
            Calls::Each(_) => None,
            Calls::Batch(policy, _) => Some(Box::new(batch::Batching::new(*policy))),
        };
        let slots = slots::SlotTable::new(plan.settings.concurrency, cell.clone());
        let entropy = plan.incarnation ^ (cell.epoch.0 << 32) ^ u64::from(partition.partition);
        Worker {
            breaker: Circuit::new(plan.breaker),
            engine: Partition::new(at, policy),
            quarantine,
            table,
            replays,
            preparer,
            filtering: None,
            context,
            runner: None,
            batching,
            slots,
            queue: VecDeque::new(),
            checks: check::Checks::new(scope.clone()),
            payloads: BTreeMap::new(),
            sink: Sink::default(),
            ran: Ran::default(),
            acks: Vec::new(),
            tail: tail::Tail::new(scope),
            letters: sending::Sending::default(),
            copies: sending::Sending::default(),
            waits: None,
            open: open::OpenBatches::default(),
            counts: Counts::default(),
            drain: None,
            probing: None,
            turn: care::Turn::default(),
            entropy,
            published: (at, 0),
            totals: (0, 0, 0),
            plan,
            cell,
            partition,
        }
    }

    /// A fresh number for jitter: splitmix64, seeded by incarnation and epoch.
    fn entropy(&mut self) -> u64 {
        self.entropy = self.entropy.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.entropy;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// The place of this worker in health and logs.
    fn place(&self, what: &str) -> String {
        format!("{what} of {} on {}", self.plan.handler, self.partition)
    }
}
