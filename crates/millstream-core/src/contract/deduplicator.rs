//! Owns the trait that remembers which events are done. Leaves twins inside a worker and the order check → handle → mark
//! to the service.

use super::{Error, Offset, PartitionId, Position};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// For whom an id is done: `{namespace}:{group}@{run}:{handler}:{logical topic}`. Parts are escaped, so no two scopes read
/// the same (F47).
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct DedupScope {
    text: Arc<str>,
    digest: u128,
}

impl DedupScope {
    /// The scope of one handler's view of one topic. `namespace` is `-` for shared topics.
    pub fn new(namespace: &str, group: &str, run: u32, handler: &str, topic: &str) -> Self {
        let part = |s: &str| s.replace('%', "%25").replace(':', "%3A").replace('@', "%40");
        let text = format!("{}:{}@{run}:{}:{}", part(namespace), part(group), part(handler), part(topic));
        let digest = xxhash_rust::xxh3::xxh3_128(text.as_bytes());
        DedupScope { text: text.into(), digest }
    }

    /// The scope in words, as a shared store's keys begin.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The scope in 128 bits, for stores that keep hashes.
    pub fn digest(&self) -> u128 {
        self.digest
    }
}

impl fmt::Debug for DedupScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// A short hash of a record's value: two records with one id and different fingerprints are a conflict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub u32);

/// An id that is done, where its record lay, and what it looked like.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Mark {
    /// The event's key: a UUID's 128 bits, or 128 bits of a hash of any other id.
    pub key: u128,
    /// Where the record lay.
    pub at: Position,
    /// What it looked like.
    pub fingerprint: Fingerprint,
}

impl Mark {
    /// `key` is done by the record at `offset` of `partition`.
    pub fn new(key: u128, partition: PartitionId, offset: Offset, fingerprint: Fingerprint) -> Self {
        Mark { key, at: Position { partition, offset }, fingerprint }
    }
}

/// What a deduplicator knows of an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Seen {
    /// Nothing: it may start.
    Fresh,
    /// It is done. At the same position this is a redelivery, at another a duplicate.
    Done {
        /// Where the record that did it lay.
        at: Position,
        /// What that record looked like.
        fingerprint: Fingerprint,
    },
    /// Another owner works on it. Costs no attempt and never settles.
    Claimed,
}

/// What a mark met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Marked {
    /// It is the first.
    First,
    /// Another came first and stays: the first writer wins.
    Known,
}

/// Who shares a deduplicator's memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// This process only: marks end with it.
    Process,
    /// All processes that use the same store.
    Shared,
}

/// Remembers which events are done.
///
/// The promise, with any deduplicator: *exact inside an epoch; across epochs and members no start whose check began after
/// the mark was applied and unexpired; concurrent twins in different partitions only with claims; effects before a mark
/// may repeat (crash, pause, zombie, timeout, store outage), their outputs keep their ids.*
///
/// 1. **D1** `check` answers once per key, in order. A check changes nothing.
///    *Checked by* `a_check_answers_once_per_key_in_order_and_changes_nothing`.
/// 2. **D2** After `complete` answered `Ok`, a `check` that begins later answers `Done` with the first mark's position and
///    fingerprint, until the mark expires or is forgotten or evicted.
///    *Checked by* `after_complete_a_check_answers_where_and_what_the_first_mark_was`.
/// 3. **D3** The first writer wins: a later mark of the same key changes nothing.
///    *Checked by* `the_first_writer_wins`.
/// 4. **D4** Marking the same again is safe: `complete` may be repeated after an unknown answer.
///    *Checked by* `marking_the_same_again_is_safe`.
/// 5. **D5** Scopes are strangers: a mark in one is never seen in another.
///    *Checked by* `scopes_are_strangers`.
/// 6. **D6** An error is never an answer: if the store cannot tell, `check` fails as a whole (F43).
///    *Checked by* `an_error_is_never_an_answer`.
/// 7. **D7** Expiry is measured by the store's clock from the mark, never from the event's own time (F46). A
///    mark lives at least as long as [`retention`](Self::retention) says.
///    *Checked by* `a_mark_expires_by_the_stores_clock`.
/// 8. **D8** Memory is bounded by a cap; what the cap pushes out is counted (F48). Losing a mark makes a duplicate, never a
///    loss.
///    *Checked by* `the_cap_bounds_and_counts_what_it_pushes_out`.
/// 9. **D9** After `forget` the key is fresh.
///    *Checked by* `a_forgotten_key_is_fresh`.
/// 10. **D10** Where it [claims](Self::claims), `claim` answers `Fresh` for one place at a time, and `Claimed` for all others
///     until that one's mark, release, or the end of its lease. A claim renews that of the same place, and takes it over at
///     once: its next owner need not wait. It is given back by whoever took it last, for its place, and by nobody else. A mark
///     outweighs any claim.
///     *Checked by* `a_claim_lets_one_place_at_a_time_work_on_an_id`, `a_claim_is_given_back_only_by_its_last_owner`,
///     `a_claim_ends_with_its_lease`.
///
/// # Cancel safety
/// Dropping `check`'s future loses nothing. Dropping `complete`'s or `forget`'s leaves the effect unknown; repeat it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a deduplicator",
    note = "a deduplicator is `WindowDeduplicator::default()`, `MokaDeduplicator::default()`, a store's client, or your own `impl Deduplicator`; did you forget the `?`"
)]
pub trait Deduplicator: Send + Sync + 'static {
    /// What is known of each key; appends one answer per key to `answers`.
    ///
    /// # Errors
    /// If the store cannot tell; `answers` is then to be ignored.
    fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>)
    -> impl Future<Output = Result<(), Error>> + Send;

    /// Marks ids as done; all or an error whose effect is not applied or unknown. Appends to `met` what each met.
    ///
    /// # Errors
    /// If some may be unmarked.
    fn complete(
        &self,
        scope: &DedupScope,
        marks: &[Mark],
        met: &mut Vec<Marked>,
    ) -> impl Future<Output = Result<(), Error>> + Send;

    /// Makes ids fresh again: an operator's act.
    ///
    /// # Errors
    /// If some may still be marked.
    fn forget(&self, scope: &DedupScope, keys: &[u128]) -> impl Future<Output = Result<(), Error>> + Send;

    /// Whether it lets one at a time work on an id. Default: no; the service then asks [`check`](Self::check) only.
    fn claims(&self) -> bool {
        false
    }

    /// As [`check`](Self::check), for records that lie at these places: what it finds fresh it claims for them. Default:
    /// claims nothing.
    ///
    /// # Errors
    /// As `check`'s. Some may be claimed then: for the same places, which may claim again, and until their lease ends.
    fn claim(
        &self,
        scope: &DedupScope,
        records: &[(u128, Position)],
        answers: &mut Vec<Seen>,
    ) -> impl Future<Output = Result<(), Error>> + Send {
        async move {
            let keys: Vec<u128> = records.iter().map(|(key, _)| *key).collect();
            self.check(scope, &keys, answers).await
        }
    }

    /// Gives back what was claimed here for records at these places, which will not be marked: with the next call, so nothing
    /// is waited for; if there is none, leases end. What has no claim gives none back, though another record may have one for
    /// its id. Default: nothing to give back.
    fn release(&self, scope: &DedupScope, records: &[(u128, Position)]) {
        let _ = (scope, records);
    }

    /// Who shares its memory.
    fn scope(&self) -> Scope;

    /// How long a mark lives at least, unless a cap pushes it out; `None`, the default, if nobody can tell. `build()` refuses
    /// what is shorter than a record may be tried: what was done behind such a record comes again after a crash.
    fn retention(&self) -> Option<Duration> {
        None
    }
}
