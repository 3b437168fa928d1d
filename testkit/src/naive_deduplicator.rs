//! Owns the deduplicator's contract in its plainest form: an ordered map, a lock, one rule per line. Leaves speed to the
//! backends, whose property tests compare themselves with it.

use millstream_core::clock::{Clock, MonoTime};
use millstream_core::contract::{DedupScope, Deduplicator, Error, ErrorKind, Mark, Marked, Operation, Position, Scope, Seen};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// One way to break the contract, for showing that a suite or a service notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Flaw {
    /// Answers come in reverse order (breaks D1).
    AnswersReversed,
    /// A check marks what it was asked about (breaks D1, the classic F40).
    CheckMarks,
    /// A check prolongs a mark's life (breaks D1).
    CheckProlongs,
    /// Where and what the first record was is not kept (breaks D2).
    PositionLost,
    /// The last writer wins (breaks D3).
    LastWriterWins,
    /// A repeated mark is taken for a first one (breaks D4).
    RepeatIsFirst,
    /// One memory for all scopes (breaks D5, F47).
    ScopeBlind,
    /// A store that cannot be reached answers "fresh" (breaks D6).
    OutageIsFresh,
    /// A store that cannot be reached answers "done" (breaks D6; B12, it loses records).
    OutageIsDone,
    /// Marks never expire (breaks D7).
    NeverExpires,
    /// Marks expire a tenth early (breaks D7).
    ExpiresEarly,
    /// Ids whose own UUIDv7 time is old are taken for expired (breaks D7, F46).
    ExpiresByKey,
    /// Says that marks live longer than they do (breaks D7).
    PromisesMore,
    /// There is no cap (breaks D8, F48).
    Unbounded,
    /// What the cap pushes out is not counted (breaks D8).
    EvictsSilently,
    /// The newest id is pushed out (breaks D8).
    EvictsNewest,
    /// `forget` does nothing (breaks D9).
    NeverForgets,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    mark: Mark,
    made: MonoTime,
    number: u64,
}

#[derive(Debug, Default)]
struct Memory {
    entries: BTreeMap<(u128, u128), Entry>,
    marks: u64,
    evicted: u64,
}

/// A deduplicator that is right and slow: the model to compare a fast one with, and a part for users' own tests.
///
/// A mark lives exactly as long as its time to live, the last instant included. The cap holds for each scope and pushes
/// out the oldest mark, expired ones first. Made for tests: a mark costs a walk over all of them.
#[derive(Debug)]
pub struct NaiveDeduplicator {
    ids: usize,
    ttl: Duration,
    clock: Clock,
    flaw: Option<Flaw>,
    reachable: bool,
    memory: Mutex<Memory>,
}

impl NaiveDeduplicator {
    /// Empty, for at most `ids` ids per scope that live for `ttl` of `clock`.
    pub fn new(ids: usize, ttl: Duration, clock: Clock) -> Self {
        NaiveDeduplicator { ids, ttl, clock, flaw: None, reachable: true, memory: Mutex::default() }
    }

    /// The same with one rule broken.
    #[must_use]
    pub fn with_flaw(mut self, flaw: Flaw) -> Self {
        self.flaw = Some(flaw);
        self
    }

    /// The same as if its store could not be reached: every call fails with [`ErrorKind::Unavailable`].
    #[must_use]
    pub fn unreachable(mut self) -> Self {
        self.reachable = false;
        self
    }

    /// How many ids the cap has pushed out.
    pub fn evicted(&self) -> u64 {
        self.memory().evicted
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reach(&self, operation: Operation) -> Result<(), Error> {
        let pretends = self.has(Flaw::OutageIsFresh) || self.has(Flaw::OutageIsDone);
        if self.reachable || pretends {
            return Ok(());
        }
        Err(Error::new(ErrorKind::Unavailable, operation, "the store was made unreachable"))
    }

    fn scope_of(&self, scope: &DedupScope) -> u128 {
        if self.has(Flaw::ScopeBlind) { 0 } else { scope.digest() }
    }

    fn is_live(&self, entry: &Entry) -> bool {
        let ttl = if self.has(Flaw::ExpiresEarly) { self.ttl * 9 / 10 } else { self.ttl };
        let born_long_ago = entry.mark.key >> 80 < 1_000_000 && entry.mark.key > u128::from(u64::MAX);
        let by_key = self.has(Flaw::ExpiresByKey) && born_long_ago;
        self.has(Flaw::NeverExpires) || (!by_key && self.clock.now().since(entry.made) <= ttl)
    }

    fn seen(&self, entry: &Entry) -> Seen {
        match self.flaw {
            Some(Flaw::PositionLost) => Seen::Done { at: Position::default(), fingerprint: entry.mark.fingerprint },
            _ => Seen::Done { at: entry.mark.at, fingerprint: entry.mark.fingerprint },
        }
    }

    fn mark(&self, memory: &mut Memory, scope: u128, mark: Mark) -> Marked {
        let known = memory.entries.get(&(scope, mark.key)).copied().filter(|entry| self.is_live(entry));
        if let Some(entry) = known {
            if self.has(Flaw::LastWriterWins) {
                memory.entries.insert((scope, mark.key), Entry { mark, ..entry });
            }
            return if self.has(Flaw::RepeatIsFirst) { Marked::First } else { Marked::Known };
        }
        memory.marks += 1;
        memory.entries.insert((scope, mark.key), Entry { mark, made: self.clock.now(), number: memory.marks });
        self.keep_to_the_cap(memory, scope);
        Marked::First
    }

    fn keep_to_the_cap(&self, memory: &mut Memory, scope: u128) {
        let held: Vec<Entry> = memory.entries.range((scope, 0)..=(scope, u128::MAX)).map(|(_, entry)| *entry).collect();
        if held.len() <= self.ids || self.has(Flaw::Unbounded) {
            return;
        }
        let newest = self.has(Flaw::EvictsNewest);
        let age = |entry: &&Entry| (self.is_live(entry), if newest { u64::MAX - entry.number } else { entry.number });
        let Some(out) = held.iter().min_by_key(age) else { return };
        memory.entries.remove(&(scope, out.mark.key));
        if self.is_live(out) && !self.has(Flaw::EvictsSilently) {
            memory.evicted += 1;
        }
    }
}

impl Deduplicator for NaiveDeduplicator {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.reach(Operation::Check)?;
        let mut memory = self.memory();
        let (scope, before) = (self.scope_of(scope), answers.len());
        for &key in keys {
            let known = memory.entries.get_mut(&(scope, key)).filter(|entry| self.is_live(entry));
            answers.push(match &known {
                Some(entry) => self.seen(entry),
                None if self.has(Flaw::OutageIsDone) && !self.reachable => {
                    Seen::Done { at: Position::default(), fingerprint: Default::default() }
                }
                None => Seen::Fresh,
            });
            match known {
                Some(entry) if self.has(Flaw::CheckProlongs) => entry.made = self.clock.now(),
                None if self.has(Flaw::CheckMarks) => {
                    self.mark(&mut memory, scope, Mark::new(key, 0, 0, Default::default()));
                }
                _ => {}
            }
        }
        if self.has(Flaw::AnswersReversed) {
            answers[before..].reverse();
        }
        Ok(())
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        self.reach(Operation::Complete)?;
        let mut memory = self.memory();
        met.extend(marks.iter().map(|&mark| self.mark(&mut memory, self.scope_of(scope), mark)));
        Ok(())
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        self.reach(Operation::Complete)?;
        if self.has(Flaw::NeverForgets) {
            return Ok(());
        }
        let mut memory = self.memory();
        for &key in keys {
            memory.entries.remove(&(self.scope_of(scope), key));
        }
        Ok(())
    }

    fn scope(&self) -> Scope {
        Scope::Process
    }

    fn retention(&self) -> Option<Duration> {
        Some(if self.has(Flaw::PromisesMore) { self.ttl * 2 } else { self.ttl })
    }
}
