//! Owns the contract's deduplicator over one Redis. Leaves keys and values to `keys`, the connection to `link`, and who works
//! on what to `claims`.

use crate::claims::Claims;
use crate::keys;
use crate::link::Link;
use crate::near::Near;
use ::redis::{Cmd, Value, cmd};
use millstream_core::clock::Clock;
use millstream_core::contract::{DedupScope, Deduplicator, Error, ErrorKind, Mark, Marked, Operation, Position, Scope, Seen};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The most ids that travel in one pipeline: a Redis serves others in between, and each pipeline has a deadline of its own.
const MOST: usize = 1_024;

/// How long a mark lives: a week, as long as logs are usually kept, so that what can come again is known.
const TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// How much the near cache holds, and how long: repeats mostly come within seconds, and an id forgotten through another
/// process still counts as done here for that long.
const NEAR: (usize, Duration) = (16_384, Duration::from_secs(10));

/// What a lease must outlast: a look-up counts for 30 s, and an attempt is given as long.
const SHORTEST_LEASE: Duration = Duration::from_secs(60);

/// Remembers done ids in Redis, for all processes that use it.
///
/// What it makes of the contract's clauses:
///
/// - **D1** One `MGET` a batch (in a cluster one `GET` a key, together).
/// - **D3, D4** One pipelined `SET … NX PX` a mark: the first writer wins, and a mark sent again changes nothing, its time to
///   live included. A pipeline that failed somewhere is an error with [unknown](millstream_core::contract::Applied) effect.
/// - **D6** It fails closed: while Redis is away, hung, loading, full or a replica, every call is an error within
///   its deadlines, and the service waits, not ready, and goes on by itself. [`fail_open`](Self::fail_open) is the counted
///   exception.
/// - **D7** Redis counts the time to live, in milliseconds by its own clock.
/// - **D8** The cap is the server's `maxmemory`. With `noeviction` a full Redis refuses marks, and services wait; any other
///   policy makes it lose marks, and is warned of at the first connection. The server counts what it evicts (`evicted_keys`).
///
/// A mark costs about 225 bytes of the server's memory (see the README). A Redis that restarts empty, or fails over
/// to a replica that lags, has forgotten marks: duplicates are handled again, nothing is lost.
///
/// In front lies a near cache: marks that this process has made in the last seconds, which the store has taken. It is asked
/// first and holds positives only, never longer than the store does. A reprocessing run has scopes of its own, so it never
/// meets it, nor does the replay of a dead letter, which was never marked. After [`forget`](Deduplicator::forget) in *another*
/// process the id may count as done here for [ten seconds](Self::near_cache).
///
/// ```no_run
/// # use millstream_core::contract::{DedupScope, Deduplicator, Fingerprint, Mark, Seen};
/// # use millstream_redis::Redis;
/// # async fn run() -> Result<(), millstream_core::contract::Error> {
/// let done = Redis::open("redis://localhost:6379")?.deduplicator();
/// let scope = DedupScope::new("paper", "risk", 0, "check", "paper.orders");
/// done.complete(&scope, &[Mark::new(42, 0, 7, Fingerprint(1))], &mut Vec::new()).await?;
///
/// let mut answers = Vec::new();
/// done.check(&scope, &[41, 42], &mut answers).await?;
/// assert_eq!(answers[0], Seen::Fresh);
/// # Ok(())
/// # }
/// ```
///
/// # Cancel safety
/// As the contract's: a dropped `check` has done nothing, a dropped `complete` or `forget` may have.
#[derive(Clone)]
pub struct RedisDeduplicator {
    link: Arc<Link>,
    ttl: Duration,
    near: Arc<Near>,
    near_limits: (usize, Duration),
    claims: Option<Arc<Claims>>,
    clock: Clock,
    fails_open: bool,
    opened: Arc<AtomicU64>,
}

impl RedisDeduplicator {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        RedisDeduplicator {
            link,
            ttl: TTL,
            near: Arc::new(Near::new(NEAR.0, NEAR.1)),
            near_limits: NEAR,
            claims: None,
            clock: Clock::new(),
            fails_open: false,
            opened: Arc::default(),
        }
    }

    /// How long a mark lives. 7 days by default; at least a millisecond. `build()` refuses less than a record may be tried.
    #[must_use]
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = ttl.max(Duration::from_millis(1));
        let (ids, life) = self.near_limits;
        self.near_cache(ids, life)
    }

    /// How many ids the near cache holds, and for how long, but never longer than the time to live. 16,384 ids (about 2 MiB)
    /// and ten seconds by default; 0 ids switch it off.
    #[must_use]
    pub fn near_cache(mut self, ids: usize, life: Duration) -> Self {
        self.near_limits = (ids, life);
        self.near = Arc::new(Near::new(ids, life.min(self.ttl)));
        self
    }

    /// Counts the near cache's seconds by `clock`.
    #[must_use]
    pub fn clock(mut self, clock: Clock) -> Self {
        self.clock = clock;
        self
    }

    /// Lets one record of an id be worked on at a time, also where its twins lie in other partitions: a look-up claims what it
    /// finds fresh, for `lease`, and others wait until it is done, given back, or the lease has ended. Costs a second round trip
    /// for each batch with something fresh. All members of a group should claim.
    ///
    /// `lease` must outlast a look-up's 30 s and an attempt together (and is raised to 60 s): it is renewed by each look-up, and a start follows
    /// a look-up of at most 30 s ago. With the default timeout of 30 s, 80 s are right: what a crash leaves claimed is free for the
    /// same place at once, and for twins elsewhere after that.
    #[must_use]
    pub fn claiming(mut self, lease: Duration) -> Self {
        self.claims = Some(Arc::new(Claims::new(lease.max(SHORTEST_LEASE))));
        self
    }

    /// Takes ids for fresh while Redis cannot tell, and marks for made: **duplicates are handled again during an outage**, and
    /// what is done during it is not known later. For services to which being late is worse than doing twice. What passes so is
    /// counted ([`opened`](Self::opened)) and logged.
    #[must_use]
    pub fn fail_open(mut self) -> Self {
        self.fails_open = true;
        self
    }

    /// How many ids were taken for fresh, and marks for made, without Redis: always 0 unless it [fails open](Self::fail_open).
    #[must_use]
    pub fn opened(&self) -> u64 {
        self.opened.load(Ordering::Relaxed)
    }

    async fn ask(&self, scope: &DedupScope, keys: &[u128]) -> Result<Vec<Seen>, Error> {
        let prefix = keys::of_scope(scope);
        let mut answers = Vec::with_capacity(keys.len());
        for some in keys.chunks(MOST) {
            let names = some.iter().map(|key| keys::of_id(&prefix, *key));
            let values = if self.link.is_cluster() {
                self.link.call(names.map(|name| with_key("GET", &name)).collect(), Operation::Check).await?
            } else {
                let mut all = cmd("MGET");
                names.for_each(|name| {
                    all.arg(name);
                });
                match self.link.call(vec![all], Operation::Check).await?.pop() {
                    Some(Value::Array(values)) => values,
                    _ => return Err(unreadable(Operation::Check)),
                }
            };
            if values.len() != some.len() {
                return Err(unreadable(Operation::Check));
            }
            for value in &values {
                answers.push(seen(value)?);
            }
        }
        Ok(answers)
    }

    async fn mark(&self, scope: &DedupScope, marks: &[Mark]) -> Result<Vec<Marked>, Error> {
        let prefix = keys::of_scope(scope);
        let mut met = Vec::with_capacity(marks.len());
        for some in marks.chunks(MOST) {
            let sent = self.clock.now_with_suspend();
            let answers = self.link.call(some.iter().map(|mark| self.set(&prefix, mark)).collect(), Operation::Complete).await?;
            if answers.len() != some.len() {
                return Err(unreadable(Operation::Complete));
            }
            let first = |value: &Value| matches!(value, Value::Okay);
            let firsts = some.iter().zip(&answers).filter(|(_, value)| first(value)).map(|(mark, _)| mark);
            self.near.add(scope, firsts, sent);
            met.extend(answers.iter().map(|value| if first(value) { Marked::First } else { Marked::Known }));
        }
        Ok(met)
    }

    fn set(&self, prefix: &str, mark: &Mark) -> Cmd {
        let mut set = with_key("SET", &keys::of_id(prefix, mark.key));
        let millis = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX).clamp(1, keys::MOST_MILLIS);
        set.arg(&keys::mark(mark)[..]).arg("NX").arg("PX").arg(millis);
        set
    }

    /// What stands for an answer that Redis did not give, if it may.
    fn without<T>(&self, error: Error, count: usize, instead: T) -> Result<Vec<T>, Error>
    where
        T: Clone,
    {
        if !self.fails_open {
            return Err(error);
        }
        self.opened.fetch_add(count as u64, Ordering::Relaxed);
        tracing::warn!(redis = %self.link.address(), ids = count, error = %error, "going on without deduplication");
        Ok(vec![instead; count])
    }
}

fn with_key(name: &str, key: &str) -> Cmd {
    let mut command = cmd(name);
    command.arg(key);
    command
}

fn seen(value: &Value) -> Result<Seen, Error> {
    match value {
        Value::Nil => Ok(Seen::Fresh),
        Value::BulkString(bytes) => match keys::read(bytes) {
            Some((at, fingerprint)) => Ok(Seen::Done { at, fingerprint }),
            None => Err(unreadable(Operation::Check)),
        },
        _ => Err(unreadable(Operation::Check)),
    }
}

fn unreadable(operation: Operation) -> Error {
    let text = "redis holds something else under the key of a mark: does another program use these keys, or a newer version?";
    Error::new(ErrorKind::Invalid, operation, text)
}

impl Deduplicator for RedisDeduplicator {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        let near = self.near.look_up(scope, keys, self.clock.now_with_suspend());
        let far: Vec<u128> = keys.iter().zip(&near).filter(|(_, near)| near.is_none()).map(|(key, _)| *key).collect();
        let found = if far.is_empty() { Ok(Vec::new()) } else { self.ask(scope, &far).await };
        let mut found = found.or_else(|error| self.without(error, far.len(), Seen::Fresh))?.into_iter();
        answers.extend(near.into_iter().filter_map(|near| near.or_else(|| found.next())));
        Ok(())
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        if marks.is_empty() {
            return Ok(());
        }
        let answers = self.mark(scope, marks).await;
        if let Some(claims) = &self.claims {
            claims.done(scope, marks.iter().map(|mark| mark.key));
        }
        met.extend(answers.or_else(|error| self.without(error, marks.len(), Marked::First))?);
        Ok(())
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        let prefix = keys::of_scope(scope);
        // Before as well as after: a mark made meanwhile must not stay behind in front of an id that is fresh.
        self.near.forget(scope, keys);
        for some in keys.chunks(MOST) {
            let commands = some.iter().map(|key| with_key("DEL", &keys::of_id(&prefix, *key))).collect();
            self.link.call(commands, Operation::Complete).await?;
        }
        self.near.forget(scope, keys);
        Ok(())
    }

    fn claims(&self) -> bool {
        self.claims.is_some()
    }

    async fn claim(&self, scope: &DedupScope, records: &[(u128, Position)], answers: &mut Vec<Seen>) -> Result<(), Error> {
        let first = answers.len();
        let keys: Vec<u128> = records.iter().map(|(key, _)| *key).collect();
        self.check(scope, &keys, answers).await?;
        let Some(claims) = &self.claims else { return Ok(()) };
        let fresh = |(index, seen): (usize, &Seen)| (*seen == Seen::Fresh).then_some(index);
        let open: Vec<usize> = answers[first..].iter().enumerate().filter_map(fresh).collect();
        let wanted: Vec<(u128, Position)> = open.iter().map(|index| records[*index]).collect();
        if wanted.is_empty() {
            return Ok(());
        }
        // Whoever has marked an id since it was looked up still holds its claim, so nothing done is taken for free here.
        let taken = match claims.take(&self.link, scope, &wanted).await {
            Err(error) => self.without(error, wanted.len(), true)?,
            Ok(taken) => taken,
        };
        for (index, _) in open.iter().zip(taken).filter(|(_, taken)| !taken) {
            answers[first + index] = Seen::Claimed;
        }
        Ok(())
    }

    fn release(&self, scope: &DedupScope, records: &[(u128, Position)]) {
        if let Some(claims) = &self.claims {
            claims.release(scope, records);
        }
    }

    fn scope(&self) -> Scope {
        Scope::Shared
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.ttl)
    }
}

impl fmt::Debug for RedisDeduplicator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (redis, opened) = (format_args!("{}", self.link.address()).to_string(), self.opened());
        f.debug_struct("RedisDeduplicator").field("redis", &redis).field("ttl", &self.ttl).field("opened", &opened).finish()
    }
}
