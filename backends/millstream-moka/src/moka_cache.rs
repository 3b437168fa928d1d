//! Owns the deduplicator over a moka cache. Leaves eviction order and concurrency to moka, and keeps time itself.

use crate::limits::{Lifetime, Limits, Second};
use millstream_core::clock::Clock;
use millstream_core::contract::{DedupScope, Deduplicator, Error, Fingerprint, Mark, Marked, Position, Scope, Seen};
use moka::notification::RemovalCause;
use moka::ops::compute::{CompResult, Op};
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Remembers ids of all scopes in one moka cache, and pushes out the least recently used.
///
/// To be taken instead of a [`WindowDeduplicator`](crate::WindowDeduplicator) where many scopes are to share *one* cap, a
/// busy one taking what quiet ones leave, and where ids that keep coming should stay however full it is. The price, with both
/// at a cap of 114,688 ids and measured in one run: a fresh id costs 80 times the instructions and about 100 times the time it
/// costs in a window, 15 allocations instead of none, and about 7 times the memory. `cargo xtask bench quick
/// --scenario dedup-window,dedup-moka` measures it again.
///
/// What it makes of the contract's clauses:
///
/// - **D3, D4** First writers win by moka's computation per key.
/// - **D8** [`Limits::ids`] caps all scopes together, so one scope may push out another's marks. moka does its housekeeping
///   every few hundred marks, so it may hold that many more for a moment. What is pushed out alive is counted by
///   [`evicted`](Self::evicted).
/// - **D7** A mark lives for the time to live by the core's [`Clock`], and answers nothing from two seconds after it on.
///   moka's own expiry only frees the memory later.
///
/// Clones share one memory.
///
/// # Cancel safety
/// No method waits: each is done at its first poll, and a future dropped before that has done nothing.
#[derive(Clone)]
pub struct MokaDeduplicator {
    cache: Cache<(u128, u128), Entry>,
    limits: Limits,
    lifetime: Lifetime,
    clock: Clock,
    evicted: Arc<AtomicU64>,
}

#[derive(Clone, Copy)]
struct Entry {
    at: Position,
    fingerprint: Fingerprint,
    until: Second,
}

/// How much longer moka keeps an entry than the mark lives: the contract's lateness of two seconds, rounded up generously.
const MARGIN: Duration = Duration::from_mins(1);

/// moka refuses to be built with more than a thousand years.
const LONGEST: Duration = Duration::from_hours(24 * 365 * 900);

impl MokaDeduplicator {
    /// An empty one with a clock of its own.
    pub fn new(limits: Limits) -> Self {
        Self::with_clock(limits, Clock::new())
    }

    /// An empty one whose marks age by `clock`.
    pub fn with_clock(limits: Limits, clock: Clock) -> Self {
        let evicted = Arc::new(AtomicU64::new(0));
        let (counted, ages) = (evicted.clone(), clock.clone());
        let cache = Cache::builder()
            .max_capacity(limits.ids() as u64)
            // The default, TinyLFU, refuses a new id in favour of one that was asked for more often; a mark must stay.
            .eviction_policy(EvictionPolicy::lru())
            .time_to_live(limits.ttl().min(LONGEST).saturating_add(MARGIN))
            .eviction_listener(move |_, entry: Entry, cause| {
                if cause == RemovalCause::Size && entry.until >= Second::of(ages.now()) {
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            })
            .build();
        MokaDeduplicator { cache, limits, lifetime: limits.lifetime(), clock, evicted }
    }

    /// How many living marks the cap has pushed out. Does moka's pending housekeeping first, so it is exact and not free.
    pub fn evicted(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.evicted.load(Ordering::Relaxed)
    }

    /// How many ids are held over all scopes, expired ones that were not cleared yet among them. Does the housekeeping too.
    pub fn held(&self) -> u64 {
        self.cache.run_pending_tasks();
        self.cache.entry_count()
    }
}

impl Deduplicator for MokaDeduplicator {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        let now = Second::of(self.clock.now());
        answers.extend(keys.iter().map(|&key| match self.cache.get(&(scope.digest(), key)) {
            Some(Entry { at, fingerprint, until }) if until >= now => Seen::Done { at, fingerprint },
            _ => Seen::Fresh,
        }));
        Ok(())
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        let now = Second::of(self.clock.now());
        met.extend(marks.iter().map(|&Mark { key, at, fingerprint, .. }| {
            let first = Entry { at, fingerprint, until: self.lifetime.until(now) };
            let entry = self.cache.entry((scope.digest(), key)).and_compute_with(|known| match known {
                Some(known) if known.value().until >= now => Op::Nop,
                _ => Op::Put(first),
            });
            match entry {
                CompResult::Inserted(_) | CompResult::ReplacedWith(_) => Marked::First,
                _ => Marked::Known,
            }
        }));
        Ok(())
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        for &key in keys {
            self.cache.invalidate(&(scope.digest(), key));
        }
        Ok(())
    }

    fn scope(&self) -> Scope {
        Scope::Process
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.limits.ttl())
    }
}

impl Default for MokaDeduplicator {
    fn default() -> Self {
        Self::new(Limits::new())
    }
}

impl fmt::Debug for MokaDeduplicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MokaDeduplicator").field("limits", &self.limits).field("held", &self.cache.entry_count()).finish()
    }
}
