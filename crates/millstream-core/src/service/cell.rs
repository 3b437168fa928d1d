//! Owns what intake and worker of one epoch share: a credit-bounded inbox, and latest-wins cells for everything else.
//!
//! Control never queues behind data (F94): the state of the epoch is an atomic that the worker looks at before each
//! dispatch. The way back (watermark, freed records) is atomics too, so a busy worker costs the intake no wake-up unless
//! it waits for one.

use crate::clock::MonoTime;
use crate::contract::{Epoch, Offset, RecordBatch};
use crate::engine::Note;
use atomic_waker::AtomicWaker;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What an epoch's worker is to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Work.
    Run,
    /// Start nothing; finish, flush, and end by this point.
    Drain(MonoTime),
    /// The epoch is over: drop everything, commit nothing.
    Stop,
}

const RUN: u8 = 0;
const DRAIN: u8 = 1;
const STOP: u8 = 2;

/// Data on its way to the worker.
#[derive(Default)]
struct Inbox {
    batches: VecDeque<(RecordBatch, u64)>,
    advanced: Option<Offset>,
}

/// What became of one hand-over of outputs.
pub(crate) struct Ack {
    /// The worker's name for the tail generation.
    pub(crate) generation: u64,
    /// The tail records that own the outputs answered here, one entry an output.
    pub(crate) owners: Vec<u32>,
    /// Outputs refused for good: index into `owners`, and why.
    pub(crate) refused: Vec<(usize, crate::contract::Error)>,
}

/// Shared by the intake, the worker of one epoch, and the outboxes it hands to.
pub(crate) struct Cell {
    pub(crate) epoch: Epoch,
    control: AtomicU8,
    drain_until: AtomicU64,
    inbox: Mutex<Inbox>,
    acks: Mutex<Vec<Ack>>,
    queued: AtomicU64,
    pub(crate) worker: AtomicWaker,
    intake: Arc<Bell>,
    wanted: AtomicBool,
    dirty: AtomicBool,
    pub(crate) watermark: AtomicU64,
    /// What the group certainly has: no record below it comes again. 0 until it is known.
    pub(crate) committed: AtomicU64,
    pub(crate) span: AtomicU64,
    pub(crate) freed_records: AtomicU64,
    pub(crate) freed_bytes: AtomicU64,
    note: Mutex<Option<(Offset, Note)>>,
    noted: AtomicU64,
    busy_since: AtomicU64,
    /// Outputs that the client has and has not answered.
    with_client: AtomicU64,
    pub(crate) progress: AtomicU64,
    suspect: Arc<Suspect>,
}

/// Wakes an intake. A ring between two looks is not lost: it stays rung until heard.
#[derive(Default)]
pub(crate) struct Bell {
    waker: AtomicWaker,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn ring(&self) {
        self.rung.store(true, Ordering::Release);
        self.waker.wake();
    }

    /// Whether it was rung since the last time; if not, the waker is kept.
    pub(crate) fn heard(&self, waker: &std::task::Waker) -> bool {
        if self.rung.swap(false, Ordering::AcqRel) {
            return true;
        }
        self.waker.register(waker);
        self.rung.swap(false, Ordering::AcqRel)
    }
}

/// Whether the whole process may have been away too long (§8). One for each consumer.
///
/// The intake finds that out in its next turn. Who runs before that looks for itself whether the intake's last turn is too
/// long ago: a process that goes on after a pause wakes its tasks in any order.
#[derive(Default)]
pub(crate) struct Suspect {
    on: AtomicBool,
    generation: AtomicU64,
    /// The intake's last turn, and how long it may be ago, in nanoseconds; 0 before the first.
    last_turn: AtomicU64,
    longest_gap: AtomicU64,
}

impl Suspect {
    /// The intake has its turn.
    pub(crate) fn turned(&self, now: MonoTime, longest_gap: Duration) {
        self.longest_gap.store(u64::try_from(longest_gap.as_nanos()).unwrap_or(u64::MAX), Ordering::Relaxed);
        self.last_turn.store(now.as_nanos(), Ordering::Release);
    }

    /// Looks whether the intake's last turn is too long ago.
    #[inline]
    pub(crate) fn look(&self, now: MonoTime) {
        let last = self.last_turn.load(Ordering::Acquire);
        if last != 0 && now.as_nanos().saturating_sub(last) > self.longest_gap.load(Ordering::Relaxed) && !self.is_on() {
            self.set(true);
        }
    }

    pub(crate) fn set(&self, suspect: bool) {
        if suspect {
            self.generation.fetch_add(1, Ordering::Relaxed);
        }
        self.on.store(suspect, Ordering::Release);
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Acquire)
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that runs under these locks can panic half-way through a change.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cell {
    pub(crate) fn new(epoch: Epoch, at: Offset, intake: Arc<Bell>, suspect: Arc<Suspect>) -> Arc<Self> {
        Arc::new(Cell {
            epoch,
            control: AtomicU8::new(RUN),
            drain_until: AtomicU64::new(0),
            inbox: Mutex::default(),
            acks: Mutex::default(),
            queued: AtomicU64::new(0),
            worker: AtomicWaker::new(),
            intake,
            wanted: AtomicBool::new(false),
            dirty: AtomicBool::new(false),
            watermark: AtomicU64::new(at),
            committed: AtomicU64::new(0),
            span: AtomicU64::new(0),
            freed_records: AtomicU64::new(0),
            freed_bytes: AtomicU64::new(0),
            note: Mutex::default(),
            noted: AtomicU64::new(0),
            busy_since: AtomicU64::new(0),
            with_client: AtomicU64::new(0),
            progress: AtomicU64::new(0),
            suspect,
        })
    }

    // ---- intake's side

    /// Puts a batch of so many bytes into the inbox. Bounded by credit: the consumer yields no more than was asked for (C4).
    pub(crate) fn push(&self, batch: RecordBatch, bytes: u64) {
        let mut inbox = lock(&self.inbox);
        inbox.batches.push_back((batch, bytes));
        self.queued.store(inbox.batches.len() as u64, Ordering::Relaxed);
        drop(inbox);
        self.worker.wake();
    }

    /// Says that everything below `next` is delivered or does not exist.
    pub(crate) fn advance(&self, next: Offset) {
        lock(&self.inbox).advanced = Some(next);
        self.worker.wake();
    }

    /// Batches not taken yet.
    pub(crate) fn queued(&self) -> u64 {
        // Looked at again after asking for news: only a total order keeps that look from coming first.
        self.queued.load(Ordering::SeqCst)
    }

    /// Asks to be woken when the worker takes its inbox or frees records. To be followed by another look: what changed
    /// before is not told again.
    pub(crate) fn ask_for_news(&self) {
        self.wanted.store(true, Ordering::SeqCst);
    }

    /// Changes what the worker is to do. A stop is final; a drain may only be shortened.
    pub(crate) fn control(&self, control: Control) {
        match control {
            Control::Run => {}
            Control::Drain(until) => {
                let before = self.drain_until.load(Ordering::Relaxed);
                if before == 0 || until.as_nanos() < before {
                    self.drain_until.store(until.as_nanos().max(1), Ordering::Relaxed);
                }
                let _ = self.control.compare_exchange(RUN, DRAIN, Ordering::AcqRel, Ordering::Acquire);
            }
            Control::Stop => self.control.store(STOP, Ordering::Release),
        }
        self.worker.wake();
    }

    /// Whether something became committable since [`take_dirty`](Self::take_dirty).
    pub(crate) fn is_dirty(&self) -> bool {
        self.dirty.load(Ordering::Acquire)
    }

    /// Takes the mark that something became committable. Until then the worker does not ring for more.
    pub(crate) fn take_dirty(&self) -> bool {
        self.dirty.swap(false, Ordering::AcqRel)
    }

    /// Takes a note that must be committed before the record at its offset may start.
    pub(crate) fn take_note(&self) -> Option<(Offset, Note)> {
        lock(&self.note).take()
    }

    /// Says that the note for the record at `offset` is committed.
    pub(crate) fn noted(&self, offset: Offset) {
        self.noted.store(offset + 1, Ordering::Release);
        self.worker.wake();
    }

    /// Since when the worker has been inside one turn; `None` while it is parked.
    pub(crate) fn busy_since(&self) -> Option<MonoTime> {
        let since = self.busy_since.load(Ordering::Relaxed);
        (since != 0).then(|| MonoTime::from_nanos(since))
    }

    // ---- worker's side

    /// What to do now.
    #[inline]
    pub(crate) fn state(&self) -> Control {
        match self.control.load(Ordering::Acquire) {
            RUN => Control::Run,
            DRAIN => Control::Drain(MonoTime::from_nanos(self.drain_until.load(Ordering::Relaxed))),
            _ => Control::Stop,
        }
    }

    /// Whether records may start: looked at before each, so that control never waits behind data.
    #[inline]
    pub(crate) fn runs(&self) -> bool {
        self.control.load(Ordering::Acquire) == RUN && !self.suspect.is_on()
    }

    /// Whether anything made under this epoch may still be handed over (I16, §8).
    pub(crate) fn may_hand_over(&self) -> bool {
        self.control.load(Ordering::Acquire) != STOP && !self.suspect.is_on()
    }

    /// As [`may_hand_over`](Self::may_hand_over), for one who may run before the intake does after a pause.
    pub(crate) fn may_hand_over_at(&self, now: MonoTime) -> bool {
        self.suspect.look(now);
        self.may_hand_over() || (planted!(B37) && !self.suspect.is_on())
    }

    /// Whether the epoch is over.
    pub(crate) fn is_over(&self) -> bool {
        self.control.load(Ordering::Acquire) == STOP
    }

    pub(crate) fn suspect(&self) -> &Suspect {
        &self.suspect
    }

    /// Takes all that came into the inbox; wakes the intake if it waits for room.
    pub(crate) fn take(&self, into: &mut VecDeque<(RecordBatch, u64)>) -> Option<Offset> {
        let mut inbox = lock(&self.inbox);
        // Both under one lock: an advance speaks of the batches put in before it, so it never comes out ahead of them.
        let advanced = inbox.advanced.take();
        if inbox.batches.is_empty() {
            return advanced;
        }
        into.append(&mut inbox.batches);
        self.queued.store(0, Ordering::SeqCst);
        drop(inbox);
        self.tell_if_wanted();
        advanced
    }

    /// Tells the intake of freed records or an ended inbox, if it asked.
    pub(crate) fn tell_if_wanted(&self) {
        if self.wanted.load(Ordering::SeqCst) && self.wanted.swap(false, Ordering::AcqRel) {
            self.intake.ring();
        }
    }

    /// Marks the watermark as moved; wakes the intake once per commit interval.
    pub(crate) fn set_dirty(&self) {
        if !self.dirty.swap(true, Ordering::AcqRel) {
            self.intake.ring();
        }
    }

    /// Asks for a note to be committed.
    pub(crate) fn request_note(&self, offset: Offset, note: Note) {
        *lock(&self.note) = Some((offset, note));
        self.intake.ring();
    }

    /// Whether the note for the record at `offset` is committed.
    pub(crate) fn is_noted(&self, offset: Offset) -> bool {
        self.noted.load(Ordering::Acquire) == offset + 1
    }

    /// Marks the beginning (a point) or the end (`None`) of a turn.
    pub(crate) fn busy(&self, since: Option<MonoTime>) {
        self.busy_since.store(since.map_or(0, |at| at.as_nanos().max(1)), Ordering::Relaxed);
    }

    /// Outputs that the client has: whatever becomes of the epoch, they may land.
    pub(crate) fn with_client(&self) -> u64 {
        self.with_client.load(Ordering::Acquire)
    }

    // ---- outbox's side

    /// So many outputs go to the client.
    pub(crate) fn client_takes(&self, outputs: usize) {
        self.with_client.fetch_add(outputs as u64, Ordering::AcqRel);
    }

    /// So many outputs are answered by the client, one way or the other.
    pub(crate) fn client_answers(&self, outputs: usize) {
        self.with_client.fetch_sub(outputs as u64, Ordering::AcqRel);
    }

    /// Answers a hand-over.
    pub(crate) fn answer(&self, ack: Ack) {
        lock(&self.acks).push(ack);
        self.worker.wake();
    }

    /// Takes all answers.
    pub(crate) fn take_acks(&self, into: &mut Vec<Ack>) {
        let mut acks = lock(&self.acks);
        into.append(&mut acks);
    }
}

#[cfg(test)]
mod tests;
