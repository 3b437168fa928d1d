//! Owns the fast deduplicator: scopes, their locks, the clock. Leaves what a scope remembers to `generations`.

use crate::generations::Generations;
use crate::limits::{Limits, Second};
use crate::mix::Mix;
use millstream_core::clock::Clock;
use millstream_core::contract::{DedupScope, Deduplicator, Error, ErrorKind, Mark, Marked, Operation, Scope, Seen};
use std::collections::BTreeMap;
use std::fmt;
use std::iter::Sum;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::Duration;

/// Remembers the newest ids of each scope in this process: a two-generation rotating hash set.
///
/// What it makes of the contract's clauses:
///
/// - **D3, D4** First writers win under the scope's lock; threads that mark one id at once get exactly one `First`.
/// - **D5, D8** *Each scope has a cap of its own*, [`Limits::ids`], so that a busy handler or namespace never pushes
///   out another's marks. When half of the cap is new since the last turn, the older half goes at once, so at least the
///   newest half is always remembered. Memory is at most scopes × ids × [44.6 bytes](Self::bytes), and a program has as many
///   scopes as handlers × topics. What is pushed out alive is counted by [`evicted`](Self::evicted).
/// - **D6** Its store is the process's memory, so it can always tell; only a panic while a lock was held would make it
///   fail, with [`ErrorKind::Internal`].
/// - **D7** A mark lives for the time to live by the core's [`Clock`] and answers nothing from two seconds after it on.
///   Time during which the machine was suspended does not count: marks then live longer, never shorter.
///
/// One call takes its scope's lock once, whatever the number of ids: shared for a check, exclusive for a mark. Nothing is
/// allocated once the tables have grown. Growing moves a table, which takes milliseconds at hundreds of thousands of ids and
/// happens 17 times to each of the two on the way to the default cap. A fresh id that is checked and marked costs about
/// 180 instructions (`cargo xtask bench quick`, scenario `dedup-window`).
///
/// Clones share one memory, so a clone kept aside can be asked how it fares.
///
/// ```
/// # use millstream_core::contract::{DedupScope, Deduplicator, Fingerprint, Mark, Seen};
/// # use millstream_moka::{Limits, WindowDeduplicator};
/// # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
/// let done = WindowDeduplicator::new(Limits::new().with_ids(100_000));
/// let scope = DedupScope::new("paper", "risk", 0, "check", "orders");
/// done.complete(&scope, &[Mark::new(42, 0, 7, Fingerprint(1))], &mut Vec::new()).await?;
///
/// let mut answers = Vec::new();
/// done.check(&scope, &[41, 42], &mut answers).await?;
/// assert_eq!(answers[0], Seen::Fresh);
/// assert!(matches!(answers[1], Seen::Done { at, .. } if at.offset == 7));
/// # Ok::<(), millstream_core::contract::Error>(())
/// # })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Cancel safety
/// No method waits: each is done at its first poll, and a future dropped before that has done nothing.
#[derive(Clone)]
pub struct WindowDeduplicator(Arc<Inner>);

struct Inner {
    limits: Limits,
    clock: Clock,
    mix: Mix,
    scopes: RwLock<BTreeMap<u128, RwLock<Generations>>>,
}

impl WindowDeduplicator {
    /// An empty one with a clock of its own.
    pub fn new(limits: Limits) -> Self {
        Self::with_clock(limits, Clock::new())
    }

    /// An empty one whose marks age by `clock`.
    pub fn with_clock(limits: Limits, clock: Clock) -> Self {
        let (mix, scopes) = (Mix::secret(), RwLock::new(BTreeMap::new()));
        WindowDeduplicator(Arc::new(Inner { limits, clock, mix, scopes }))
    }

    /// How many living marks the caps have pushed out, over all scopes. If it rises, duplicates that come again later
    /// than that are handled again: raise [`Limits::ids`].
    pub fn evicted(&self) -> u64 {
        self.sum(Generations::evicted)
    }

    /// How many ids are held over all scopes, expired ones that were not cleared yet among them.
    pub fn held(&self) -> usize {
        self.sum(Generations::held)
    }

    /// The bytes of all tables and filters: 44.6 for each id of a full window (40 of the entry and its place in a chain, 2.3 of
    /// its bucket, and 2.3 of the filter), and up to twice as many while tables are growing or just turned.
    pub fn bytes(&self) -> usize {
        self.sum(Generations::bytes)
    }

    fn sum<N: Sum>(&self, of: impl Fn(&Generations) -> N) -> N {
        let scopes = self.0.scopes.read().unwrap_or_else(PoisonError::into_inner);
        scopes.values().map(|one| of(&one.read().unwrap_or_else(PoisonError::into_inner))).sum()
    }
}

impl Inner {
    // Read under the lock, so that seconds rise in the order in which marks are made.
    fn now(&self) -> Second {
        Second::of(self.clock.now())
    }

    /// Opens the scope's room if it is new.
    fn open(&self, scope: &DedupScope) -> Result<(), Error> {
        let fresh = || RwLock::new(Generations::new(self.limits.ids(), self.limits.lifetime(), self.mix));
        write(&self.scopes, Operation::Complete)?.entry(scope.digest()).or_insert_with(fresh);
        Ok(())
    }
}

impl Deduplicator for WindowDeduplicator {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        let scopes = read(&self.0.scopes, Operation::Check)?;
        match scopes.get(&scope.digest()) {
            Some(one) => read(one, Operation::Check)?.check(keys, self.0.now(), answers),
            None => answers.resize(answers.len() + keys.len(), Seen::Fresh),
        }
        Ok(())
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        let mut scopes = read(&self.0.scopes, Operation::Complete)?;
        if !scopes.contains_key(&scope.digest()) {
            drop(scopes);
            self.0.open(scope)?;
            scopes = read(&self.0.scopes, Operation::Complete)?;
        }
        let one = scopes.get(&scope.digest()).expect("a scope once opened stays open");
        write(one, Operation::Complete)?.complete(marks, self.0.now(), met);
        Ok(())
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        let scopes = read(&self.0.scopes, Operation::Complete)?;
        if let Some(one) = scopes.get(&scope.digest()) {
            write(one, Operation::Complete)?.forget(keys);
        }
        Ok(())
    }

    fn scope(&self) -> Scope {
        Scope::Process
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.0.limits.ttl())
    }
}

impl Default for WindowDeduplicator {
    fn default() -> Self {
        Self::new(Limits::new())
    }
}

impl fmt::Debug for WindowDeduplicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (limits, held, evicted) = (self.0.limits, self.held(), self.evicted());
        f.debug_struct("WindowDeduplicator").field("limits", &limits).field("held", &held).field("evicted", &evicted).finish()
    }
}

fn read<T>(lock: &RwLock<T>, operation: Operation) -> Result<RwLockReadGuard<'_, T>, Error> {
    lock.read().map_err(|_| torn(operation))
}

fn write<T>(lock: &RwLock<T>, operation: Operation) -> Result<RwLockWriteGuard<'_, T>, Error> {
    lock.write().map_err(|_| torn(operation))
}

fn torn(operation: Operation) -> Error {
    Error::new(ErrorKind::Internal, operation, "a thread panicked while it changed this memory, which cannot be trusted since")
}
