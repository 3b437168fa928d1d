//! Owns calls of handlers: in which order, how often, after which look-up, and under which epoch (I5, I7, I8, I9, I15, I17, I21).

use super::Checks;
use super::epochs::Process;
use super::outputs::cause_of;
use crate::sim::claims::LEASE;
use crate::sim::network::MemberNo;
use millstream_core::contract::{DedupScope, Epoch, Offset, PartitionId, RecordView, TopicPartition};
use millstream_core::topic::Topic;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{Id, try_id};
use tokio::time::Instant;

/// An output as it was emitted: where to, key and value.
pub(crate) type Output = (Topic, Option<Vec<u8>>, Option<Vec<u8>>);

/// A call of a handler, as it begins.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) process: (MemberNo, u32),
    pub(crate) group: String,
    pub(crate) handler: Arc<str>,
    pub(crate) place: TopicPartition,
    pub(crate) offset: Offset,
    pub(crate) epoch: Epoch,
    pub(crate) attempt: u32,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) id: u128,
}

/// A look-up: the task that made it, and when it began.
type LookUp = (Option<Id>, Instant);

#[derive(Debug, Default)]
pub(super) struct Attempts {
    running: BTreeMap<u64, Call>,
    /// How often a record was called for in an epoch.
    calls: BTreeMap<(Process, Epoch, PartitionId, Offset), u32>,
    /// The last offset called for, of each key of an epoch.
    last: BTreeMap<(Process, Epoch, Vec<u8>), Offset>,
    /// When the last look-up of an id began that a worker of this process has an answer of. A worker is a task: of twins in two
    /// partitions of a process each has its own.
    looked_up: BTreeMap<(Process, String, u128), Vec<LookUp>>,
    begin: Option<Instant>,
    /// When each member's handlers were called last.
    last_call: BTreeMap<MemberNo, Duration>,
    /// When the store has forgotten everything: marks of before say nothing, nor do claims for as long as one lasts.
    forgotten: Option<Instant>,
    /// Records that failed for good: no more calls.
    over: BTreeSet<(Process, Epoch, PartitionId, Offset)>,
    /// The record that failed last, of each key of an epoch: it holds the key until it is settled.
    holding: BTreeMap<(Process, Epoch, Vec<u8>), (Offset, u128)>,
}

impl Checks {
    pub(crate) fn begin(&mut self, now: Instant) {
        self.attempts.begin = Some(now);
    }

    /// The store has forgotten its marks and claims (F105).
    pub(crate) fn forgotten(&mut self, now: Instant) {
        self.attempts.forgotten = Some(now);
    }

    pub(super) fn now(&self, now: Instant) -> Duration {
        self.attempts.begin.map_or(Duration::ZERO, |begin| now.duration_since(begin))
    }

    /// A look-up that began at `began` is answered.
    pub(crate) fn looked_up(&mut self, member: MemberNo, incarnation: u32, scope: &str, keys: &[u128], began: Instant) {
        for key in keys {
            let asked = self.attempts.looked_up.entry(((member, incarnation), scope.to_owned(), *key)).or_default();
            asked.retain(|(by, _)| *by != try_id());
            asked.push((try_id(), began));
        }
    }

    pub(crate) fn called(&mut self, number: u64, call: Call, at: Duration) {
        let Call { process, epoch, offset, .. } = call;
        self.attempts.last_call.insert(process.0, at);
        if self.is_in_doubt(process.0) {
            let text = format!("{}@{offset} was called for before the group has answered after a pause", call.place);
            self.violated("I16", at, text);
        }
        if let Some(since) = self.ends_since(process, epoch, at) {
            let text = format!("{}@{offset} was called for {:?} after it was to be given up", call.place, at - since);
            self.violated("I21", at, text);
        }
        match self.epochs.open.get(&(process, epoch)) {
            None => {
                let text = format!("{} was called for {}@{offset} under {epoch}, which is not open", call.handler, call.place);
                self.violated("I17", at, text);
            }
            Some(open) if open.place != call.place && !open.place.topic.as_str().contains(".retry.") => {
                let text = format!("{epoch} is of {} of group {}, not of {}", open.place, open.group, call.place);
                self.violated("I17", at, text);
            }
            Some(_) => {}
        }
        let beside = self.attempts.running.values().find(|other| {
            // Told by what is read: a copy in a retry topic is called for as its original.
            let reads = |epoch| self.epochs.reads.get(&(process, epoch));
            other.process == process && other.group == call.group && other.epoch != epoch && reads(other.epoch) == reads(epoch)
        });
        if let Some(other) = beside {
            let text = format!("{} is worked on under {} and {epoch} at once", call.place, other.epoch);
            self.violated("I17", at, text);
        }
        // Copies of one record in a retry topic are deliveries of their own.
        let deliveries = match self.epochs.open.get(&(process, epoch)) {
            Some(open) if open.place != call.place => self.copies.count(&open.place, &call.place, offset).max(1),
            _ => 1,
        };
        let calls = self.attempts.calls.entry((process, epoch, call.place.partition, offset)).or_default();
        *calls += 1;
        if *calls > self.rules.most_calls.saturating_mul(deliveries) {
            let text = format!("{}@{offset} was called for {calls} times, attempt {}", call.place, call.attempt);
            self.violated("I5", at, text);
        }
        if self.rules.ordered
            && let Some(key) = &call.key
        {
            let last = self.attempts.last.entry((process, epoch, key.clone())).or_insert(offset);
            let before = std::mem::replace(last, offset.max(*last));
            if offset < before {
                let text = format!("{}@{offset} was called for after {before} of the same key", call.place);
                self.violated("I8", at, text);
            }
        }
        self.held(&call, at);
        self.known(&call, at);
        self.attempts.running.insert(number, call);
    }

    /// Whether a record was caused by an event that no running attempt of the process has: it was sent for nobody.
    pub(super) fn is_nobodys(&self, process: Process, view: RecordView<'_>) -> bool {
        let headers = view.headers();
        let handed_on = headers.find("__dlq.errors.topic").is_some() || headers.find("millstream-retry-group").is_some();
        let Some(cause) = cause_of(view.value()).filter(|_| !handed_on && !self.rules.keeps_tables) else { return false };
        !self.attempts.running.values().any(|call| call.process == process && call.id == cause.as_u128())
    }

    pub(crate) fn has_called_since(&self, member: MemberNo, since: Duration) -> bool {
        self.attempts.last_call.get(&member).is_some_and(|at| *at >= since)
    }

    /// Another epoch of a partition under which a call runs.
    pub(super) fn works_on(&self, process: Process, group: &str, place: &TopicPartition, epoch: Epoch) -> Option<Epoch> {
        let of = |call: &&Call| call.process == process && call.group == group && call.place == *place && call.epoch != epoch;
        self.attempts.running.values().find(of).map(|call| call.epoch)
    }

    /// How many calls of a process run.
    pub(crate) fn running(&self, member: MemberNo) -> usize {
        self.attempts.running.values().filter(|call| call.process.0 == member).count()
    }

    /// A key is held by a record that failed, until that is settled (I8); and who failed for good is not called again (I5).
    fn held(&mut self, call: &Call, at: Duration) {
        if self.attempts.over.contains(&(call.process, call.epoch, call.place.partition, call.offset)) {
            self.violated("I5", at, format!("{}@{} was called for again after it had failed for good", call.place, call.offset));
        }
        let twin = self.attempts.running.values().find(|other| {
            (other.process, other.epoch, other.id) == (call.process, call.epoch, call.id) && other.handler == call.handler
        });
        if let Some(twin) = twin {
            let text = format!("{}@{} and {}, twins by their id, run at once", call.place, call.offset, twin.offset);
            self.violated("I7", at, text);
        }
        // A record's next owner takes its claim over at once (D10), so it may run beside one that does not know that it was
        // replaced; and a claim that the store has forgotten stays its owner's for as long as it knows no better.
        let forgotten = self.attempts.forgotten.is_some_and(|when| at < self.now(when) + LEASE);
        let claims = self.rules.claims && !forgotten;
        let elsewhere = self.attempts.running.values().filter(|_| claims).find(|other| {
            (other.id, &other.handler, &other.place.topic) == (call.id, &call.handler, &call.place.topic)
                && (other.place.partition, other.offset) != (call.place.partition, call.offset)
        });
        if let Some(other) = elsewhere {
            let text =
                format!("{}@{} and {}@{} have one id, and run at once", call.place, call.offset, other.place, other.offset);
            self.violated("I7", at, text);
        }
        let Some(key) = call.key.clone().filter(|_| self.rules.ordered) else { return };
        let holder = self.attempts.holding.get(&(call.process, call.epoch, key.clone())).copied();
        let Some((holder, id)) = holder.filter(|(holder, _)| *holder < call.offset) else { return };
        let of = (call.group.clone(), call.place.clone());
        if self.is_settled_as(&of, holder, Some(id)) {
            self.attempts.holding.remove(&(call.process, call.epoch, key));
        } else {
            let text = format!("{}@{} was called for while {holder}, which failed, holds its key", call.place, call.offset);
            self.violated("I8", at, text);
        }
    }

    /// A record whose id was marked before the look-up that let it start must not start (I7).
    fn known(&mut self, call: &Call, at: Duration) {
        let namespace = call.place.topic.namespace();
        let namespace = namespace.as_ref().map_or("-", |namespace| namespace.as_str());
        let scope = DedupScope::new(namespace, &call.group, self.rules.run, &call.handler, call.place.topic.logical_name());
        let key = (call.process, scope.as_str().to_owned(), call.id);
        let Some(asked) = self.attempts.looked_up.get(&key) else {
            let asked = (call.process, key.1.clone(), 0)..=(call.process, key.1.clone(), u128::MAX);
            let asks = self.attempts.looked_up.range(asked).next().is_some();
            let mark = self.settled.marks(call.id).iter().find(|(of, _, when)| asks && *of == key.1 && self.is_kept(*when));
            if let Some((_, mark, _)) = mark {
                let text =
                    format!("{}@{} was called for and not looked up: its id was marked by {}", call.place, call.offset, mark.at);
                self.violated("I7", at, text);
            }
            return;
        };
        let Some((_, began)) = asked.iter().find(|(by, _)| *by == try_id()) else { return };
        if self.is_one_of_many(call) {
            // For which of them that look-up was nobody can tell.
            return;
        }
        let known = self.settled.marks(call.id).iter().find(|(of, mark, when)| {
            let here = (mark.at.partition, mark.at.offset) == (call.place.partition, call.offset);
            when < began && self.is_kept(*when) && *of == key.1 && !(here && self.rules.keeps_tables)
        });
        if let Some((_, mark, when)) = known {
            let when = self.now(*when).as_secs_f64();
            let text = format!(
                "{} was called for {}@{}, whose id was marked by {} at {when:.3} s, before the look-up",
                call.handler, call.place, call.offset, mark.at
            );
            self.violated("I7", at, text);
        }
    }

    /// Whether the store still has what it was told then.
    fn is_kept(&self, told: Instant) -> bool {
        self.attempts.forgotten.is_none_or(|forgotten| told > forgotten)
    }

    /// Whether a twin of the record was delivered behind it in its epoch, or, where copies are read, any other twin.
    fn is_one_of_many(&self, call: &Call) -> bool {
        let Some(open) = self.epochs.open.get(&(call.process, call.epoch)) else { return false };
        let from = if open.place == call.place { call.offset + 1 } else { 0 };
        // Also one that is settled: its id is known while others of it wait, by a copy's mark, and it need not wait for them.
        let twins = open.ids.range((call.id, from)..=(call.id, Offset::MAX)).count();
        twins > usize::from(open.place != call.place)
    }

    /// A call has ended with an `Ok` and these outputs.
    pub(crate) fn succeeded(&mut self, number: u64, outputs: &[Output], at: Duration) {
        let Some(call) = self.attempts.running.remove(&number) else { return };
        if let Some(key) = &call.key {
            // At `Ok` its key goes on: its outputs keep their order behind it.
            self.attempts.holding.retain(|(process, epoch, held), (offset, _)| {
                (process, epoch, held, *offset) != (&call.process, &call.epoch, key, call.offset)
            });
        }
        let mut prints = Vec::with_capacity(outputs.len());
        for (topic, key, value) in outputs {
            let from = call.place.topic.namespace();
            if from.is_some() && topic.namespace() != from {
                self.violated("I9", at, format!("{} emitted into {topic} out of {}", call.handler, call.place));
            }
            match self.outputs.emitted(topic, key.as_deref(), value.as_deref()) {
                Ok(print) => prints.push(print),
                Err(text) => self.violated("I15", at, text),
            }
        }
        for print in &prints {
            let epochs = self.epochs.emitted.entry((call.process, *print)).or_default();
            if !epochs.contains(&call.epoch) {
                epochs.push(call.epoch);
            }
        }
        if self.removed.is_old(&call.place.topic, call.epoch) {
            let old = self.removed.answered.entry((call.group, call.place)).or_default();
            return old.entry(call.offset).or_default().push(prints);
        }
        self.settled.answered(&call.group, &call.place, call.offset, prints);
    }

    /// A call has failed, maybe for good.
    pub(crate) fn failed(&mut self, number: u64, for_good: bool) {
        let Some(call) = self.attempts.running.remove(&number) else { return };
        if for_good {
            let of = self.epochs.open.get(&(call.process, call.epoch));
            if of.is_some_and(|open| open.place == call.place) {
                self.attempts.over.insert((call.process, call.epoch, call.place.partition, call.offset));
            }
        }
        if let Some(key) = call.key {
            self.attempts.holding.insert((call.process, call.epoch, key), (call.offset, call.id));
        }
    }

    /// A call was put off, or dropped.
    pub(crate) fn left(&mut self, number: u64) {
        self.attempts.running.remove(&number);
    }

    /// What ran in a process is gone with it.
    pub(crate) fn died(&mut self, process: (MemberNo, u32)) {
        self.attempts.running.retain(|_, call| call.process != process);
        self.epochs.died(process);
    }

    pub(crate) fn call(&self, number: u64) -> Option<&Call> {
        self.attempts.running.get(&number)
    }
}

#[cfg(test)]
mod tests;
