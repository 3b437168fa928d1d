//! Owns when a consumer commits, and what. Leaves what may be committed to `ledger`, the sending to the intake and the last
//! look at open epochs on the wire to the backend.
//!
//! A mark is dirty until its commit is known to be applied (F17, B09, B31). One commit is outstanding per consumer; the
//! next one takes everything that is dirty. Nothing here ends an epoch: only membership events do (F03, B41).

use super::Backoff;
use crate::clock::MonoTime;
use crate::contract::{Applied, CommitEntry, CommitId, Committed, Epoch, NotApplied, Offset, TopicPartition};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often a consumer commits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct CommitPolicy {
    /// How long a mark may wait for company. 100 ms by default: ten commits a second at most, and at most that much is done
    /// again after a crash (F23).
    pub every: Duration,
    /// Offsets marked, over all partitions, at which a commit goes at once. 10,000 by default: above 100,000 records a
    /// second redelivery is bounded by count instead.
    pub max_dirty: u64,
    /// How long a request whose outcome is unknown may still be applied: after that its offset is asserted once more. 30 s
    /// by default, above the request time-outs of both clients.
    pub request_life: Duration,
    /// Delays after a commit that was not applied, or nobody knows. 100 ms to 2 s without jitter by default: one request
    /// per consumer needs no spreading.
    pub backoff: Backoff,
    /// The longest metadata sent, in bytes; longer texts are left out (F21). 4,096 by default, as Kafka's.
    pub max_metadata: usize,
}

impl CommitPolicy {
    /// Commits after `every`, or at `max_dirty` offsets, whichever comes first.
    pub fn new(every: Duration, max_dirty: u64) -> Self {
        CommitPolicy {
            every,
            max_dirty: max_dirty.max(1),
            request_life: Duration::from_secs(30),
            backoff: Backoff::new(Duration::from_millis(100), Duration::from_secs(2)).without_jitter(),
            max_metadata: 4_096,
        }
    }

    /// The same with another life of requests whose outcome is unknown.
    #[must_use]
    pub fn request_life(mut self, request_life: Duration) -> Self {
        self.request_life = request_life;
        self
    }
}

impl Default for CommitPolicy {
    fn default() -> Self {
        CommitPolicy::new(Duration::from_millis(100), 10_000)
    }
}

/// A commit that was refused for a reason that time may not heal. Its mark stays dirty and is sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CommitTrouble {
    /// The epoch.
    pub epoch: Epoch,
    /// Why it was not applied: fenced or refused.
    pub why: NotApplied,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Session {
    partition: TopicPartition,
    target: Offset,
    metadata: Option<String>,
    /// Rises with every change of target or metadata.
    version: u64,
    /// What the group is known to have: offset and version.
    applied: Option<(Offset, u64)>,
    /// When the dirty mark should go by itself; `None` if clean.
    due: Option<MonoTime>,
    /// Not before this, after a failure.
    not_before: MonoTime,
    tries: u32,
    /// Until when an older request of unknown outcome may still be applied over a newer one (F90).
    doubt: Option<MonoTime>,
}

impl Session {
    /// When it wants to be sent by itself, the assertion after a doubt included.
    fn wants(&self) -> Option<MonoTime> {
        let wanted = [self.due, self.doubt].into_iter().flatten().min()?;
        Some(wanted.max(self.not_before))
    }

    /// Whether it belongs into a commit made now.
    fn goes(&self, now: MonoTime) -> bool {
        let due = self.due.is_some() || self.doubt.is_some_and(|until| until <= now);
        due && self.not_before <= now
    }

    fn again(&mut self, now: MonoTime, policy: &CommitPolicy) {
        self.tries = self.tries.saturating_add(1);
        self.not_before = now.after(policy.backoff.delay(self.tries, 0));
        self.due = Some(self.due.unwrap_or(self.not_before));
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Outstanding {
    id: CommitId,
    at: MonoTime,
    sent: BTreeMap<Epoch, (Offset, u64)>,
}

/// The commits of one consumer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Commits {
    policy: CommitPolicy,
    sessions: BTreeMap<Epoch, Session>,
    outstanding: Option<Outstanding>,
    last_id: u64,
    /// Offsets marked since they were last planned.
    dirty: u64,
    flush: bool,
}

impl Commits {
    /// Of a consumer that owns nothing yet.
    pub fn new(policy: CommitPolicy) -> Self {
        Commits { policy, sessions: BTreeMap::new(), outstanding: None, last_id: 0, dirty: 0, flush: false }
    }

    /// Opens an epoch of `partition` that starts at `at` while the group has `committed`. If these differ the start itself
    /// is committed: a group that starts at the end and crashes before its first record must come back to where it was.
    pub fn open(&mut self, epoch: Epoch, partition: TopicPartition, at: Offset, committed: Option<Offset>, now: MonoTime) {
        let applied = committed.filter(|offset| *offset == at).map(|offset| (offset, 0));
        let due = applied.is_none().then(|| now.after(self.policy.every));
        let session = Session {
            partition,
            target: at,
            metadata: None,
            version: 0,
            applied,
            due,
            not_before: MonoTime::ZERO,
            tries: 0,
            doubt: None,
        };
        self.sessions.insert(epoch, session);
    }

    /// Marks everything below `watermark` as committable, with the text to keep beside it; `None` keeps the text before.
    /// A lower watermark than before counts as the same; marks of an epoch that is not open are dropped (I3).
    pub fn mark(&mut self, epoch: Epoch, watermark: Offset, metadata: Option<String>, now: MonoTime) {
        let Some(session) = self.sessions.get_mut(&epoch) else { return };
        let rise = watermark.saturating_sub(session.target);
        let metadata = metadata.filter(|text| text.len() <= self.policy.max_metadata && session.metadata.as_ref() != Some(text));
        if rise == 0 && metadata.is_none() {
            return;
        }
        session.target += rise;
        session.metadata = metadata.or_else(|| session.metadata.take());
        session.version += 1;
        session.due = Some(session.due.unwrap_or_else(|| now.after(self.policy.every)));
        self.dirty = self.dirty.saturating_add(rise);
    }

    /// Asks that what is dirty goes without waiting for company: a drain does, and a note that must be kept before a start.
    pub fn flush_now(&mut self) {
        self.flush = self.any_dirty();
    }

    /// The next commit, if one should go now: everything dirty of epochs that are open at this moment (B65). `None` while
    /// one is outstanding.
    pub fn plan(&mut self, now: MonoTime) -> Option<(CommitId, Vec<CommitEntry>)> {
        if self.due(now).is_none_or(|due| due > now) {
            return None;
        }
        let mut sent = BTreeMap::new();
        let mut entries = Vec::new();
        for (&epoch, session) in self.sessions.iter_mut().filter(|(_, session)| session.goes(now)) {
            let target = if planted!(B18) { session.target + 1 } else { session.target };
            let mut entry = CommitEntry::new(session.partition.clone(), epoch, target);
            entry.metadata.clone_from(&session.metadata);
            entries.push(entry);
            sent.insert(epoch, (session.target, session.version));
            session.due = None;
        }
        if entries.is_empty() {
            return None;
        }
        self.dirty = 0;
        // Those that wait for their backoff still have to be flushed after it.
        self.flush &= self.any_dirty();
        self.last_id += 1;
        let id = CommitId(self.last_id);
        self.outstanding = Some(Outstanding { id, at: now, sent });
        Some((id, entries))
    }

    /// Takes the outcome of the outstanding commit; that of any other is dropped. Entries without an answer are unknown.
    /// Answers what should be reported.
    pub fn outcome(&mut self, committed: &Committed, now: MonoTime) -> Vec<CommitTrouble> {
        let mut troubles = Vec::new();
        let Some(outstanding) = self.outstanding.take_if(|outstanding| outstanding.id == committed.id) else { return troubles };
        for (epoch, (offset, version)) in outstanding.sent {
            let Some(session) = self.sessions.get_mut(&epoch) else { continue };
            let answer = committed.results.iter().find(|(of, at, _)| (*of, *at) == (epoch, offset));
            match answer.map_or(Applied::Unknown, |(_, _, applied)| *applied) {
                Applied::Applied => {
                    session.applied = Some((offset, version));
                    session.tries = 0;
                    // Only a request made after the doubt's end is certain to be the last.
                    session.doubt = session.doubt.filter(|until| outstanding.at < *until);
                }
                Applied::NotApplied(_) if planted!(B09) => session.applied = Some((offset, version)),
                Applied::NotApplied(why) => {
                    session.again(now, &self.policy);
                    if matches!(why, NotApplied::Fenced | NotApplied::Refused) {
                        troubles.push(CommitTrouble { epoch, why });
                    }
                }
                Applied::Unknown if planted!(B31) => session.applied = Some((offset, version)),
                Applied::Unknown => {
                    session.again(now, &self.policy);
                    session.doubt = Some(now.after(self.policy.request_life)).filter(|_| !planted!(B58));
                }
            }
        }
        troubles
    }

    /// Ends an epoch: nothing of it is planned any more, and an outcome that comes later means nothing (B23, B40).
    pub fn close(&mut self, epoch: Epoch) {
        planted!(B23: return);
        planted!(B40: if self.outstanding.as_ref().is_some_and(|outstanding| outstanding.sent.contains_key(&epoch)) { return });
        self.sessions.remove(&epoch);
        self.flush &= self.any_dirty();
    }

    /// Takes out of a commit that was planned but not yet handed over what has ended since (B65).
    pub fn retain_open(&self, entries: &mut Vec<CommitEntry>) {
        entries.retain(|entry| self.sessions.contains_key(&entry.epoch) || planted!(B65));
    }

    /// Whether the last mark of the epoch and its text are applied and nothing of it is outstanding. True for an epoch that
    /// is not open.
    pub fn is_clean(&self, epoch: Epoch) -> bool {
        let applied = self.sessions.get(&epoch).is_none_or(|s| s.applied.is_some_and(|(_, version)| version == s.version));
        applied && !self.outstanding.as_ref().is_some_and(|outstanding| outstanding.sent.contains_key(&epoch))
    }

    /// The version of the epoch's last mark, to be asked about with [`has_applied`](Self::has_applied).
    pub fn version(&self, epoch: Epoch) -> u64 {
        self.sessions.get(&epoch).map_or(0, |session| session.version)
    }

    /// Whether the mark of this version, or a later one, is applied: unlike [`is_clean`](Self::is_clean) it comes true while
    /// marks go on. True for an epoch that is not open.
    pub fn has_applied(&self, epoch: Epoch, version: u64) -> bool {
        self.sessions.get(&epoch).is_none_or(|session| session.applied.is_some_and(|(_, applied)| applied >= version))
    }

    /// Whether an older request of the epoch may still be applied over its last one; it is asserted again when that cannot
    /// be any more (B58). A drain does not wait for this: the next owner's commit is fenced from it, or repeats it.
    pub fn in_doubt(&self, epoch: Epoch) -> bool {
        self.sessions.get(&epoch).is_some_and(|session| session.doubt.is_some())
    }

    /// The commit whose outcome is awaited.
    pub fn outstanding(&self) -> Option<CommitId> {
        self.outstanding.as_ref().map(|outstanding| outstanding.id)
    }

    /// When [`plan`](Self::plan) will have something to say if nothing happens until then; not before `now`. `None` while a
    /// commit is outstanding, and while all is clean.
    pub fn due(&self, now: MonoTime) -> Option<MonoTime> {
        if self.outstanding.is_some() {
            return None;
        }
        let hurry = self.flush || self.dirty >= self.policy.max_dirty;
        let when = |session: &Session| match session.due {
            Some(_) if hurry => Some(session.not_before),
            _ => session.wants(),
        };
        Some(self.sessions.values().filter_map(when).min()?.max(now))
    }

    fn any_dirty(&self) -> bool {
        self.sessions.values().any(|session| session.due.is_some())
    }

    /// What no owner of the partition can begin below any more. `None` while nothing is applied, and while an older request
    /// may still be applied over the last one.
    pub fn certain(&self, epoch: Epoch) -> Option<Offset> {
        self.committed(epoch).filter(|_| !self.in_doubt(epoch))
    }

    /// What the group is known to have for the epoch.
    pub fn committed(&self, epoch: Epoch) -> Option<Offset> {
        self.sessions.get(&epoch)?.applied.map(|(offset, _)| offset)
    }
}

#[cfg(test)]
mod tests;
