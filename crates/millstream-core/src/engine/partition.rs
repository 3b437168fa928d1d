//! Owns one partition's whole state under one epoch: which records are open, which run, wait, back off, are put off, or
//! await their dead letter, and what may start next.
//!
//! A healthy record costs the ledger a bit and nothing else here: only what leaves the fast path (parked, failed, waiting
//! behind a busy key, a twin) is *held*. Leaves payloads, handlers and all waiting to the service's worker.

use super::{Arrival, Attempts, Followers, Held, Judged, LaneKey, LanePolicy, Lanes, Ledger, PartitionPolicy, Stage};
use super::{Standstill, Twins, Verdict};
use crate::clock::MonoTime;
use crate::contract::{DeadLetterReason, Offset};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// One partition under one epoch.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Partition {
    policy: PartitionPolicy,
    ledger: Ledger,
    lanes: Lanes,
    twins: Twins,
    held: BTreeMap<Offset, Held>,
    runnable: BTreeSet<Offset>,
    backoffs: BTreeSet<(MonoTime, Offset)>,
    /// What stops the running time of failing records.
    pub standstill: Standstill,
}

impl Partition {
    /// A partition that starts at `at`.
    pub fn new(at: Offset, policy: PartitionPolicy) -> Self {
        Partition {
            policy,
            ledger: Ledger::new(at),
            lanes: Lanes::new(),
            twins: Twins::new(),
            held: BTreeMap::new(),
            runnable: BTreeSet::new(),
            backoffs: BTreeSet::new(),
            standstill: Standstill::new(),
        }
    }

    /// What is settled, and the watermark.
    #[inline]
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Takes a delivered record into the ledger; `false` if it was delivered before.
    #[inline]
    pub fn admit(&mut self, offset: Offset) -> bool {
        self.ledger.admit(offset)
    }

    /// Takes a delivered run without gaps into the ledger.
    #[inline]
    pub fn admit_run(&mut self, run: Range<Offset>) -> u64 {
        self.ledger.admit_run(run)
    }

    /// Everything below `next` is delivered or does not exist.
    #[inline]
    pub fn advance(&mut self, next: Offset) {
        self.ledger.advance(next);
    }

    /// Whether no record is held and nothing waits: every arrival may start, but for twins.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        self.held.is_empty()
    }

    /// The lane of a record with this hash of its key.
    #[inline]
    pub fn lane(&self, key_hash: impl FnOnce() -> Option<u64>) -> Option<LaneKey> {
        match self.policy.lanes {
            LanePolicy::ByKey => key_hash().map(LaneKey),
            LanePolicy::ByPartition => Some(LaneKey::PARTITION),
            LanePolicy::Unordered => None,
        }
    }

    /// A record arrives while nothing is held: whether it may start. If not, let it [`arrive`](Self::arrive).
    #[inline]
    pub fn arrive_quietly(&mut self, offset: Offset, id: u128) -> bool {
        debug_assert!(self.held.is_empty(), "asked only while nothing is held");
        !self.policy.twins || self.twins.claim(id, offset)
    }

    /// A record arrives, in offset order. `lane` is asked for only if some key is busy.
    #[inline]
    pub fn arrive(&mut self, offset: Offset, id: u128, lane: impl FnOnce(&Self) -> Option<LaneKey>) -> Arrival {
        if self.held.is_empty() {
            if !self.policy.twins || self.twins.claim(id, offset) {
                return Arrival::Start;
            }
            let lane = lane(self);
            return self.wait(offset, id, lane, false);
        }
        let lane = lane(self);
        // Also for a record that waits for its key: from here on nobody else becomes done under its id unseen.
        let owns = !self.policy.twins || self.twins.claim(id, offset);
        if owns && !lane.is_some_and(|key| self.lanes.is_locked(key)) {
            return Arrival::Start;
        }
        self.wait(offset, id, lane, owns)
    }

    /// Gives a record its place behind those before it, with its key and with its id: who goes on is the first of both.
    /// Both orders are that of offsets, so that no two wait for each other.
    #[cold]
    fn wait(&mut self, offset: Offset, id: u128, lane: Option<LaneKey>, owns: bool) -> Arrival {
        if !owns {
            self.twins.wait(id, offset);
        }
        let mut stage = Stage::Twin;
        if let Some(key) = lane
            && !self.lanes.lock(key, offset)
        {
            self.lanes.wait(key, offset);
            stage = Stage::Waiting;
        }
        self.held.insert(offset, Held { lane, id, attempts: None, stage });
        Arrival::Wait
    }

    /// Whether the record at `offset` is the one of its id that may start. What was looked up for one that is not says
    /// nothing by the time it may.
    pub fn owns(&self, offset: Offset, id: u128) -> bool {
        !self.policy.twins || self.twins.holder(id) == Some(offset)
    }

    /// An attempt of a record on the fast path went pending: its key is busy now.
    pub fn parked(&mut self, offset: Offset, id: u128, lane: Option<LaneKey>) {
        if let Some(key) = lane {
            self.lanes.lock(key, offset);
        }
        self.held.insert(offset, Held { lane, id, attempts: None, stage: Stage::Running });
    }

    /// What may start now, lowest offset first: a record whose turn came, or whose backoff or deferral ended; with the number
    /// of the attempt.
    pub fn next_runnable(&mut self, now: MonoTime) -> Option<(Offset, u32)> {
        while let Some(&(at, offset)) = self.backoffs.first() {
            if at > now {
                break;
            }
            self.backoffs.pop_first();
            self.stage(offset, Stage::Runnable);
            self.runnable.insert(offset);
        }
        while let Some(offset) = self.runnable.pop_first() {
            self.starts(offset, now);
            let Some(held) = self.held.get(&offset).copied() else { continue };
            debug_assert!(self.owns(offset, held.id), "only who has its id goes on");
            self.stage(offset, Stage::Running);
            return Some((offset, held.attempts.map_or(0, |attempts| attempts.made()) + 1));
        }
        None
    }

    /// What [`next_runnable`](Self::next_runnable) gave starts only now: it has waited for what was not its failing.
    pub fn starts(&mut self, offset: Offset, now: MonoTime) {
        if let Some(attempts) = self.held.get_mut(&offset).and_then(|held| held.attempts.as_mut()) {
            attempts.starts(now, &self.standstill);
        }
    }

    /// Puts back what [`next_runnable`](Self::next_runnable) gave and could not be started.
    pub fn not_started(&mut self, offset: Offset) {
        self.stage(offset, Stage::Runnable);
        self.runnable.insert(offset);
    }

    /// Whether something could start, now or at a known time.
    pub fn has_runnable(&self) -> bool {
        !self.runnable.is_empty()
    }

    /// When the next backoff or deferral ends.
    pub fn next_due(&self) -> Option<MonoTime> {
        self.backoffs.first().map(|&(at, _)| at)
    }

    /// The attempt of a held record succeeded: its key is free, its outputs keep order behind it (§7).
    pub fn succeeded(&mut self, offset: Offset) {
        if let Some(held) = self.held.remove(&offset) {
            self.unlock(offset, held.lane);
        }
    }

    /// An attempt failed. The record keeps its key until it succeeds or its dead letter is accepted.
    pub fn failed<'p>(
        &mut self,
        offset: Offset,
        id: u128,
        lane: Option<LaneKey>,
        failure: impl Into<Judged<'p>>,
        now: MonoTime,
        entropy: u64,
    ) -> Verdict {
        if !self.held.contains_key(&offset) {
            self.parked(offset, id, lane);
        }
        let (policy, standstill) = (&self.policy.retry, &self.standstill);
        let Some(held) = self.held.get_mut(&offset) else { return Verdict::GiveUp(DeadLetterReason::Exhausted) };
        let attempts = held.attempts.get_or_insert_with(|| Attempts::new(now, standstill));
        let verdict = attempts.failed(failure, policy, standstill, now, entropy);
        match verdict {
            Verdict::Retry { at } => {
                held.stage = Stage::Backoff(at);
                self.backoffs.insert((at, offset));
                planted!(B17: let lane = held.lane.take(); self.unlock(offset, lane));
            }
            Verdict::GiveUp(reason) => {
                held.stage = Stage::Letter(reason);
                planted!(B62: let lane = held.lane.take(); self.unlock(offset, lane));
            }
        }
        verdict
    }

    /// An attempt put its record off until `at`. Not a failure: it counts none, and the time until then is not part of that
    /// of failing. The record keeps its key and its id; the next attempt has the number that this one had.
    pub fn deferred(&mut self, offset: Offset, id: u128, lane: Option<LaneKey>, at: MonoTime, now: MonoTime) {
        if !self.held.contains_key(&offset) {
            self.parked(offset, id, lane);
        }
        if let Some(held) = self.held.get_mut(&offset) {
            held.stage = Stage::Deferred(at);
            if let Some(attempts) = &mut held.attempts {
                attempts.deferred(now, &self.standstill);
            }
            self.backoffs.insert((at, offset));
        }
    }

    /// A call that probed an open breaker failed. It was made to learn about the dependency, not about the record, and
    /// attempts stand still while the breaker is open (F110): so it counts none. The record keeps its key and waits for
    /// [`probe_again`](Self::probe_again): one that always fails would else be every probe, and nothing would ever close the breaker (I20).
    pub fn probe_failed(&mut self, offset: Offset, id: u128, lane: Option<LaneKey>) {
        if !self.held.contains_key(&offset) {
            self.parked(offset, id, lane);
        }
        self.stage(offset, Stage::Probed);
    }

    /// Those that failed as probes may start again: nobody else is left to probe with, or the breaker has closed. Answers
    /// whether there are any.
    pub fn probe_again(&mut self) -> bool {
        let mut any = false;
        for (&offset, held) in self.held.iter_mut().filter(|(_, held)| held.stage == Stage::Probed) {
            held.stage = Stage::Runnable;
            self.runnable.insert(offset);
            any = true;
        }
        any
    }

    /// A record becomes a dead letter without an attempt of its own: poison, a refused output, a crash, a conflict.
    pub fn condemned(&mut self, offset: Offset, id: u128, lane: Option<LaneKey>, reason: DeadLetterReason) {
        match self.held.get_mut(&offset) {
            Some(held) => held.stage = Stage::Letter(reason),
            None => {
                self.parked(offset, id, lane);
                self.stage(offset, Stage::Letter(reason));
            }
        }
    }

    /// An output of a record that had succeeded was refused for good. Its key went on and stays free.
    pub fn refused(&mut self, offset: Offset, id: u128) {
        let stage = Stage::Letter(DeadLetterReason::OutputRefused);
        self.held.insert(offset, Held { lane: None, id, attempts: None, stage });
    }

    /// A record's dead letter is accepted: it is settled and its key free. Answers which followers are parked behind it.
    pub fn letter_accepted(&mut self, offset: Offset) -> Vec<Offset> {
        let Some(held) = self.held.remove(&offset) else { return Vec::new() };
        self.ledger.settle(offset..offset + 1);
        let mut parked = Vec::new();
        if let Some(key) = held.lane
            && self.policy.followers == Followers::Park
            && self.lanes.holder(key) == Some(offset)
        {
            parked = self.lanes.take_waiting(key);
            for &follower in &parked {
                self.stage(follower, Stage::Letter(DeadLetterReason::Predecessor));
            }
        }
        self.unlock(offset, held.lane);
        self.release_twins(held.id, offset);
        parked
    }

    /// Records are settled. Answers how many of the run were open.
    #[inline]
    pub fn settle(&mut self, run: Range<Offset>) -> u64 {
        self.ledger.settle(run)
    }

    /// A held record settles without an attempt: its id was done before.
    pub fn settled_before(&mut self, offset: Offset) -> u64 {
        self.runnable.remove(&offset);
        if let Some(held) = self.held.remove(&offset) {
            self.unlock(offset, held.lane);
            self.release_twins(held.id, offset);
        }
        self.ledger.settle(offset..offset + 1)
    }

    /// The mark of a record is applied: those with its id may be looked up again.
    #[inline]
    pub fn marked(&mut self, id: u128, offset: Offset) {
        if self.policy.twins {
            self.release_twins(id, offset);
        }
    }

    /// As [`marked`](Self::marked) for `count` records that may be all there are: then it costs next to nothing, and is
    /// answered with `true`.
    #[inline]
    pub fn marked_all(&mut self, count: usize) -> bool {
        !self.policy.twins || self.twins.release_all(count)
    }

    /// The held record at `offset`.
    pub fn held(&self, offset: Offset) -> Option<&Held> {
        self.held.get(&offset)
    }

    /// How many records are held.
    pub fn held_count(&self) -> usize {
        self.held.len()
    }

    /// Held records that were not started and are to be forgotten: the drain abandons waits, backoffs and
    /// deferrals.
    pub fn abandon_waiting(&mut self) -> Vec<Offset> {
        let waits = |held: &Held| !matches!(held.stage, Stage::Running | Stage::Letter(_));
        let abandoned: Vec<Offset> = self.held.iter().filter(|(_, held)| waits(held)).map(|(&offset, _)| offset).collect();
        for offset in &abandoned {
            if let Some(held) = self.held.remove(offset) {
                self.twins.release(held.id, *offset);
            }
        }
        self.runnable.clear();
        self.backoffs.clear();
        self.lanes = Lanes::new();
        abandoned
    }

    fn release_twins(&mut self, id: u128, offset: Offset) {
        // If its key is busy, it has its id when its turn comes.
        if let Some(twin) = self.twins.release(id, offset)
            && self.held.get(&twin).is_some_and(|held| held.stage == Stage::Twin)
        {
            self.stage(twin, Stage::Runnable);
            self.runnable.insert(twin);
        }
    }

    fn unlock(&mut self, offset: Offset, lane: Option<LaneKey>) {
        if let Some(key) = lane
            && let Some(next) = self.lanes.unlock(key, offset)
            && let Some(held) = self.held.get(&next)
        {
            if self.owns(next, held.id) {
                self.stage(next, Stage::Runnable);
                self.runnable.insert(next);
            } else {
                // It keeps its key while it waits: what comes behind it must not start before it (I8).
                self.stage(next, Stage::Twin);
            }
        }
    }

    fn stage(&mut self, offset: Offset, stage: Stage) {
        if let Some(held) = self.held.get_mut(&offset) {
            held.stage = stage;
        }
    }
}

#[cfg(test)]
mod tests;
