//! Owns one epoch's worker: the engine's own values, driven by the same calls in the same order as the service's worker
//! does. What the service does with futures, sinks and stores is said in plain values here; each method names the file
//! of `service/worker/` that it follows.

mod ends;
mod starts;

use super::member::Cx;
use super::search::Violation;
use super::truth::Offsets;
use super::world::World;
use millstream_core::clock::MonoTime;
use millstream_core::contract::Offset;
use millstream_core::engine::{Backoff, Drain, Note, Partition, PartitionPolicy, Quarantine, Retry};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What a worker is to do (`cell.rs`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(in crate::model) enum Control {
    /// Work.
    Run,
    /// Start nothing; finish, flush, and end by this point.
    Drain(MonoTime),
    /// Drop everything.
    Stop,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Outcome {
    /// The handler returned Ok.
    Ok,
    /// It failed in a way that may pass.
    Transient,
    /// It failed for good.
    Permanent,
}

/// What becomes of a call that marks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MarkFate {
    /// It is applied and answered.
    Applied,
    /// It is applied and its answer is lost.
    AnswerLost,
    /// It is lost.
    Lost,
}

/// What the worker and its intake share (`cell.rs`): latest-wins values, nothing queued.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::model) struct Cell {
    /// What to do.
    pub(in crate::model) control: Control,
    /// The committable offset, as published.
    pub(in crate::model) watermark: Offset,
    /// The span, as published.
    pub(in crate::model) span: u64,
    /// Records freed so far.
    pub(in crate::model) freed: u64,
    /// Whether something became committable since it was last looked at.
    pub(in crate::model) dirty: bool,
    /// A note to be committed before the record at this offset may start.
    pub(in crate::model) note: Option<(Offset, Note)>,
    /// The record whose note is committed.
    pub(in crate::model) noted: Option<Offset>,
    /// The committable offset at the end, if it ended in order, and the clean note: the worker has ended.
    pub(in crate::model) report: Option<(Option<Offset>, Note)>,
}

/// What this worker has really done, kept beside it to judge it by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Shadow {
    /// Handler calls of each record in this delivery.
    calls: Vec<u8>,
    /// Records that failed for good.
    hopeless: Offsets,
    /// Records admitted and not settled; and everything below this is admitted or does not exist.
    open: Offsets,
    next: Offset,
    /// Records admitted whose key may go on.
    through: Offsets,
    admitted: Offsets,
    /// Outputs of the last attempt that are not acknowledged.
    unacknowledged: Vec<u8>,
}

impl Shadow {
    fn admit(&mut self, offset: Offset, next: Offset) {
        if !self.admitted.has(offset) {
            self.open.add(offset);
            self.admitted.add(offset);
        }
        self.next = self.next.max(next);
    }

    fn call(&mut self, world: &World, offset: Offset) -> u8 {
        let Some(index) = world.index_of(offset) else { return 0 };
        self.calls[index] += 1;
        self.calls[index]
    }

    fn settle(&mut self, offset: Offset) {
        self.open.remove(offset);
        self.through.add(offset);
    }
}

/// One worker.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(in crate::model) struct Worker {
    pub(in crate::model) cell: Cell,
    engine: Partition,
    quarantine: Quarantine,
    drain: Option<Drain>,
    /// Batches that were not taken in: each a record and the batch's `next`.
    queue: VecDeque<(Offset, Offset)>,
    advance: Option<Offset>,
    /// The batch taken in, until it is dispatched; and once it was looked up, whether its id was done before.
    current: Option<Offset>,
    seen: Option<bool>,
    /// Held records that are to be looked up again.
    again: Vec<Offset>,
    /// Ids marked while a batch awaited its look-up.
    marked: Vec<(u128, Offset)>,
    /// Held records, and whether their last look-up still counts.
    payloads: BTreeMap<Offset, bool>,
    running: Offsets,
    /// Whether the intake has heard of its end.
    pub(in crate::model) gone: bool,
    timer: Option<MonoTime>,
    /// Records that are done, and outputs they are owed an answer for.
    owed: BTreeMap<Offset, u8>,
    confirmed: Vec<Offset>,
    marking: Option<Vec<Offset>>,
    mark_failures: u32,
    mark_not_before: Option<MonoTime>,
    letters: Offsets,
    sending: Offsets,
    letter_failures: u32,
    letters_not_before: Option<MonoTime>,
    shadow: Shadow,
}

impl Worker {
    /// A worker that starts at `at`.
    pub(in crate::model) fn new(world: &World, at: Offset, quarantine: Quarantine) -> Self {
        let mut policy = PartitionPolicy::new(world.dedup);
        policy.lanes = world.lanes;
        policy.followers = world.followers;
        let delay = Backoff::new(Duration::from_millis(100), Duration::from_millis(100)).without_jitter();
        policy.retry = Retry::default().attempts(world.max_attempts);
        policy.retry.backoff = delay;
        let cell =
            Cell { control: Control::Run, watermark: at, span: 0, freed: 0, dirty: false, note: None, noted: None, report: None };
        let shadow = Shadow {
            calls: vec![0; world.log.len()],
            hopeless: Offsets::default(),
            open: Offsets::default(),
            next: at,
            through: Offsets::default(),
            admitted: Offsets::default(),
            unacknowledged: vec![0; world.log.len()],
        };
        Worker {
            cell,
            engine: Partition::new(at, policy),
            quarantine,
            drain: None,
            queue: VecDeque::new(),
            advance: None,
            current: None,
            seen: None,
            again: Vec::new(),
            marked: Vec::new(),
            payloads: BTreeMap::new(),
            running: Offsets::default(),
            gone: false,
            timer: None,
            owed: BTreeMap::new(),
            confirmed: Vec::new(),
            marking: None,
            mark_failures: 0,
            mark_not_before: None,
            letters: Offsets::default(),
            sending: Offsets::default(),
            letter_failures: 0,
            letters_not_before: None,
            shadow,
        }
    }

    /// What of its promises does not hold at this moment: the watermark (I4).
    pub(in crate::model) fn broken(&self) -> Option<Violation> {
        let (watermark, should) = (self.engine.ledger().watermark(), self.shadow.open.first().unwrap_or(self.shadow.next));
        let what = || format!("the watermark is {watermark} and should be {should}, the lowest unsettled or next to read");
        (watermark != should).then(|| Violation::new("I4", what()))
    }

    // ---- what is said to it, each followed by a turn

    /// Puts a batch of one record into the inbox.
    pub(in crate::model) fn push(&mut self, offset: Offset, next: Offset) {
        self.queue.push_back((offset, next));
    }

    /// Everything below `next` is delivered or does not exist.
    pub(in crate::model) fn advance(&mut self, next: Offset) {
        self.advance = Some(next);
    }

    /// Batches that were not taken yet.
    pub(in crate::model) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// Whether it neither ended nor was told to drop everything.
    pub(in crate::model) fn works(&self) -> bool {
        self.cell.report.is_none() && self.cell.control != Control::Stop
    }

    /// Attempts that are pending.
    pub(in crate::model) fn running(&self) -> Offsets {
        self.running
    }

    /// Records with an output that is not acknowledged.
    pub(in crate::model) fn owing<'a>(&'a self, world: &'a World) -> impl Iterator<Item = Offset> + 'a {
        let owing = world.log.iter().zip(&self.shadow.unacknowledged).filter(|(_, left)| **left > 0);
        owing.map(|(entry, _)| entry.offset)
    }

    /// Whether the deduplicator is asked something.
    pub(in crate::model) fn asks(&self, world: &World) -> bool {
        world.dedup && (!self.again.is_empty() || self.current.is_some() && self.seen.is_none())
    }

    /// Whether a mark is under way.
    pub(in crate::model) fn marks(&self) -> bool {
        self.marking.is_some()
    }

    /// Whether letters are under way.
    pub(in crate::model) fn sends_letters(&self) -> bool {
        !self.sending.is_empty()
    }

    // ---- `turn.rs`

    /// One turn: look at control, take what is there, do it, publish what changed.
    pub(in crate::model) fn turn(&mut self, cx: &mut Cx<'_>) {
        if !self.works() {
            return;
        }
        loop {
            if let Control::Drain(until) = self.cell.control {
                self.begin_drain(until, cx.now);
            }
            let mut moved = self.take_inbox();
            moved |= self.check(cx);
            if self.drain.is_none() {
                moved |= self.dispatch(cx);
            }
            moved |= self.mark(cx);
            moved |= self.send_letters(cx.now);
            if self.leave(cx) {
                return;
            }
            if !moved {
                break;
            }
        }
        self.publish();
        self.timer = self.due(cx.now);
    }

    fn take_inbox(&mut self) -> bool {
        if self.drain.is_some() {
            self.queue.clear();
            self.advance = None;
            return false;
        }
        if self.queue.is_empty()
            && let Some(next) = self.advance.take()
        {
            self.engine.advance(next);
            self.shadow.next = self.shadow.next.max(next);
            return true;
        }
        false
    }

    fn publish(&mut self) {
        let ledger = self.engine.ledger();
        let (watermark, cell) = (ledger.watermark(), &mut self.cell);
        cell.span = ledger.span();
        cell.dirty |= watermark != cell.watermark;
        cell.watermark = watermark;
    }

    /// When its timer fires; `None` if it has nothing to wait for.
    pub(in crate::model) fn timer(&self) -> Option<MonoTime> {
        self.timer.filter(|_| self.works())
    }

    /// When to look again if nothing happens, as seen at the end of a turn.
    fn due(&self, now: MonoTime) -> Option<MonoTime> {
        let drain = self.drain.as_ref().map(|drain| drain.deadline_of(drain.phase(now)));
        let backoff = self.engine.next_due().filter(|_| self.drain.is_none());
        let mark = self.mark_not_before.filter(|_| self.marking.is_none() && !self.confirmed.is_empty());
        let letters = self.letters_not_before.filter(|_| self.sending.is_empty() && !self.letters.is_empty());
        [drain, backoff, mark, letters].into_iter().flatten().filter(|at| *at > now).min()
    }
}
