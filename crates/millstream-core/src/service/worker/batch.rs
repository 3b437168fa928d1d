//! Owns the gathering of records for a batch handler: what may start joins the batch to come, until it is full or has
//! waited long enough. Leaves the calls to `batch_calls`, and who may start to the engine.
//!
//! A gathered record is *running* for the engine: it holds its key and its id, so that no other record with one of them is
//! in the same batch. Two records of a key in one call could not be answered honestly: if the first failed and the second
//! was done, the second would have been handled before the first (I8).

use super::Worker;
use super::check::Current;
use super::dispatch::lane_of;
use crate::clock::MonoTime;
use crate::contract::Offset;
use crate::engine::Arrival;
use crate::service::batch_call::BatchRunner;
use crate::service::batch_settings::BatchPolicy;
use crate::service::cell::Control;
use std::collections::{BTreeMap, VecDeque};

/// A record that awaits its call.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gathered {
    pub(super) offset: Offset,
    pub(super) attempt: u32,
    size: usize,
}

/// The batches of one worker.
pub(super) struct Batching {
    pub(super) policy: BatchPolicy,
    pub(super) runner: Option<Box<dyn BatchRunner>>,
    /// The batch to come.
    pub(super) gathered: Vec<Gathered>,
    bytes: usize,
    /// When its first record joined it.
    since: MonoTime,
    /// Whether the next record would be too much for it.
    closed: bool,
    /// Records of calls that failed as a whole, each of which comes alone.
    pub(super) alone: VecDeque<Gathered>,
    /// The records of each call that is pending, by its slot.
    pub(super) calls: BTreeMap<usize, Vec<Offset>>,
}

impl Batching {
    pub(super) fn new(policy: BatchPolicy) -> Self {
        Batching {
            policy,
            runner: None,
            gathered: Vec::new(),
            bytes: 0,
            since: MonoTime::ZERO,
            closed: false,
            alone: VecDeque::new(),
            calls: BTreeMap::new(),
        }
    }

    /// Whether another record may be looked at.
    fn has_room(&self) -> bool {
        !self.closed && self.gathered.len() < self.policy.records && self.alone.len() < self.policy.records
    }

    /// Whether a record of `size` bytes may join; if not, the batch is closed.
    fn takes(&mut self, size: usize) -> bool {
        self.closed |= !self.gathered.is_empty() && self.bytes.saturating_add(size) > self.policy.bytes;
        !self.closed
    }

    fn join(&mut self, offset: Offset, attempt: u32, size: usize, now: MonoTime) {
        if self.gathered.is_empty() {
            self.since = now;
        }
        self.bytes = self.bytes.saturating_add(size);
        self.gathered.push(Gathered { offset, attempt, size });
    }

    /// When the batch to come goes though it is not full; `None` if nothing waits.
    pub(super) fn due(&self) -> Option<MonoTime> {
        (!self.gathered.is_empty()).then(|| self.since.after(self.policy.linger))
    }

    /// Whether the batch to come goes now.
    pub(super) fn is_due(&self, now: MonoTime) -> bool {
        let full = self.closed || self.gathered.len() >= self.policy.records || self.bytes >= self.policy.bytes;
        self.due().is_some_and(|due| full || due <= now)
    }

    /// Takes its record with the lowest offset.
    ///
    /// # Panics
    /// If nothing waits.
    pub(super) fn take_first(&mut self) -> Gathered {
        let first = self.gathered.iter().enumerate().min_by_key(|(_, record)| record.offset);
        let (place, _) = first.expect("asked only if a batch is due");
        let first = self.gathered.swap_remove(place);
        (self.bytes, self.closed) = (self.bytes.saturating_sub(first.size), false);
        first
    }

    /// Forgets what is not to be kept.
    pub(super) fn retain(&mut self, keep: &mut impl FnMut(&Gathered) -> bool) {
        let before = self.gathered.len();
        self.gathered.retain(&mut *keep);
        self.alone.retain(keep);
        if self.gathered.len() < before {
            self.bytes = self.gathered.iter().map(|record| record.size).sum();
            self.closed = false;
        }
    }

    /// Takes the batch to come, in the order of offsets: records that are tried again may have joined it after others.
    pub(super) fn take(&mut self) -> Vec<Gathered> {
        (self.bytes, self.closed) = (0, false);
        let mut taken = std::mem::take(&mut self.gathered);
        taken.sort_unstable_by_key(|record| record.offset);
        taken
    }
}

impl Worker {
    /// Gathers what may start and calls the handler with it, at most `budget` records; answers how many it touched.
    pub(super) fn dispatch_batches(&mut self, now: MonoTime, budget: usize) -> usize {
        let mut touched = 0;
        loop {
            while touched < budget && self.has_room() && self.engine_has_due(now) && self.may_gather() {
                let Some((offset, attempt)) = self.engine.next_runnable(now) else { break };
                if !self.gather_again(offset, attempt, now) {
                    break;
                }
                touched += 1;
            }
            if let Some(mut current) = self.checks.take_checked() {
                if self.plan.deduplicator.is_some() && !self.is_fresh(current.checked, now) {
                    self.checks.current = Some(current);
                } else {
                    let len = current.batch.len();
                    while touched < budget && current.cursor < len && self.has_room() && self.may_gather() {
                        if !self.gather(&mut current, now) {
                            break;
                        }
                        touched += 1;
                    }
                    match current.cursor < len {
                        true => self.checks.current = Some(current),
                        false => self.checks.recycle(current),
                    }
                }
            }
            // A call that is over makes room for the next, from records that are here already.
            if !self.call(now) || touched >= budget {
                return touched;
            }
            touched += 1;
        }
    }

    fn has_room(&self) -> bool {
        self.batching.as_ref().is_some_and(|batching| batching.has_room())
    }

    /// Whether records may be gathered: what [`may_start`](Self::may_start) asks, but for a free slot.
    pub(super) fn may_gather(&self) -> bool {
        self.cell.state() == Control::Run && !self.cell.is_suspect() && self.has_outlet()
    }

    /// One record arrives; answers whether the next may follow.
    fn gather(&mut self, current: &mut Current, now: MonoTime) -> bool {
        let index = current.cursor;
        if let Some(next) = self.needs_no_start(current, now) {
            return next;
        }
        let record = current.batch.view(index);
        let (offset, size, id) = (record.offset(), record.size(), current.prepared.keys[index]);
        let Some(batching) = &mut self.batching else { return false };
        if !batching.takes(size) {
            return false;
        }
        current.cursor += 1;
        let batch = &current.batch;
        if self.engine.arrive(offset, id, |engine| lane_of(engine, batch, index)) == Arrival::Wait {
            self.quarantine.put_back(offset);
            let checked = Some(current.checked);
            self.hold(current, index, checked.filter(|_| self.engine.owns(offset, id)));
            return true;
        }
        batching.join(offset, 1, size, now);
        let lane = lane_of(&self.engine, batch, index);
        self.engine.parked(offset, id, lane);
        self.hold(current, index, Some(current.checked));
        true
    }

    /// A held record's turn has come; answers whether the next may follow.
    fn gather_again(&mut self, offset: Offset, attempt: u32, now: MonoTime) -> bool {
        if let Some(next) = self.needs_no_restart(offset, now) {
            return next;
        }
        let (Some(batching), Some(payload)) = (&mut self.batching, self.payloads.get(&offset)) else { return false };
        let size = payload.batch.view(payload.index).size();
        if payload.alone {
            batching.alone.push_back(Gathered { offset, attempt, size });
            return true;
        }
        if !batching.takes(size) {
            self.engine.not_started(offset);
            return false;
        }
        batching.join(offset, attempt, size, now);
        true
    }

    /// Forgets what was gathered: nothing of it has started.
    pub(super) fn abandon_gathered(&mut self) {
        let Some(batching) = &mut self.batching else { return };
        let gathered = batching.take();
        for Gathered { offset, .. } in gathered.into_iter().chain(batching.alone.drain(..)) {
            self.payloads.remove(&offset);
        }
    }
}
