//! Owns which records are settled, told from the outside: a handler's `Ok` whose outputs are in the log, a dead letter or a
//! retry copy in the log, or a mark of the same id. At the moment a commit is written everything below it must be (I2).

use super::Checks;
use super::outputs::id_of;
use super::removed::Answers;
use crate::sim::network::MemberNo;
use crate::sim::world::World;
use millstream_core::contract::{Headers, Mark, Offset, RecordView, TopicPartition};
use millstream_core::envelope::EventKey;
use millstream_core::topic::Topic;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::time::Instant;

/// A partition as a group sees it.
pub(super) type Of = (String, TopicPartition);

#[derive(Debug, Default)]
pub(super) struct Settled {
    /// Prints of the outputs of each `Ok` of a record's handler.
    answered: BTreeMap<Of, Answers>,
    /// Dead letters and copies that were accepted.
    handed_on: BTreeMap<Of, BTreeSet<Offset>>,
    /// Marks by id: the scope, where the record lay, and when it was marked.
    marks: BTreeMap<u128, Vec<(String, Mark, Instant)>>,
    /// Below this everything was found settled.
    proven: BTreeMap<Of, Offset>,
    /// A commit moved back to where it was: the highest, and when it must have been asserted again.
    back: BTreeMap<Of, (Offset, Duration)>,
}

/// What headers begin with that the framework makes, in place of those that are there.
const MADE: [&str; 3] = ["__dlq.errors.", "millstream-dlq-", "millstream-retry-"];

/// Bytes of the headers of a dead letter that say what happened, at most.
const FAILURE_BYTES: usize = 8 << 10;

/// Whether the headers of a failure are bounded, and there once each.
fn bounded(headers: Headers<'_>) -> Result<(), String> {
    let mut names = BTreeSet::new();
    let mut bytes = 0;
    for (name, value) in headers.filter(|(name, _)| MADE[..2].iter().any(|made| name.starts_with(made))) {
        bytes += name.len() + value.map_or(0, <[u8]>::len);
        if !names.insert(name) {
            return Err(format!("has the header {name} twice"));
        }
    }
    if bytes > FAILURE_BYTES { Err(format!("has {bytes} bytes of headers that say what failed")) } else { Ok(()) }
}

/// How long a commit that an older one has overtaken may stay back (I3): two commit intervals, a request that is given up, and
/// as much again for a rebalance meanwhile.
const ASSERTED_WITHIN: Duration = Duration::from_secs(60);

impl Settled {
    /// Takes a record that is a dead letter or a copy as such; `Err` if it is not faithful.
    pub(super) fn letter(
        &mut self,
        world: &World,
        place: &TopicPartition,
        _offset: Offset,
        view: RecordView<'_>,
    ) -> Result<(), (&'static str, String)> {
        let headers = view.headers();
        let number = |name: &str| headers.text(name).and_then(|text| text.parse::<u64>().ok());
        let dead = headers.text("__dlq.errors.topic").is_some();
        let (group, topic, partition, offset) = if dead {
            (
                headers.text("__dlq.errors.group"),
                headers.text("__dlq.errors.topic").and_then(|topic| topic.parse().ok()),
                number("__dlq.errors.partition"),
                number("__dlq.errors.offset"),
            )
        } else {
            let topic = place.topic.as_str().rsplit_once(".retry.").and_then(|(topic, _)| topic.parse().ok());
            let name = |name: &str| format!("millstream-retry-{name}");
            (headers.text(&name("group")), topic, number(&name("partition")), number(&name("offset")))
        };
        let (Some(group), Some(topic), Some(partition), Some(offset)) = (group, topic, partition, offset) else { return Ok(()) };
        let from = TopicPartition::new(topic, u32::try_from(partition).unwrap_or(u32::MAX));
        if dead && from.topic.namespace() != place.topic.namespace() {
            return Err(("I9", format!("the dead letter of {from}@{offset} is in {place}, another namespace")));
        }
        if dead && from.topic == place.topic {
            return Err(("I6", format!("the dead letter of {from}@{offset} is in its own topic")));
        }
        let original = world.memory.read(&from.topic, from.partition, offset, 1);
        if let Some(original) = original.first().map(|batch| batch.view(0)).filter(|found| found.offset() == offset) {
            let same = original.key() == view.key() && original.value() == view.value();
            let mut own = original.headers().filter(|(name, _)| !MADE.iter().any(|made| name.starts_with(made)));
            let kept = own.all(|(name, value)| headers.clone().any(|(n, v)| n == name && v == value));
            if !same || !kept {
                return Err(("I6", format!("the dead letter or copy of {from}@{offset} is not the record it was")));
            }
        }
        if dead && let Err(text) = bounded(headers) {
            return Err(("I6", format!("the dead letter of {from}@{offset} {text}")));
        }
        self.handed_on.entry((group.to_owned(), from)).or_default().insert(offset);
        Ok(())
    }

    /// A topic is gone; answers what was answered of its records.
    pub(super) fn forget(&mut self, topic: &Topic) -> BTreeMap<Of, Answers> {
        self.handed_on.retain(|of, _| of.1.topic != *topic);
        self.proven.retain(|of, _| of.1.topic != *topic);
        self.back.retain(|of, _| of.1.topic != *topic);
        self.answered.extract_if(.., |of, _| of.1.topic == *topic).collect()
    }

    /// What was found settled for a group is to be looked at again.
    pub(super) fn doubt(&mut self, group: &str) {
        self.proven.retain(|of, _| of.0 != group);
    }

    pub(super) fn answered(&mut self, group: &str, place: &TopicPartition, offset: Offset, prints: Vec<u128>) {
        let of = (group.to_owned(), place.clone());
        self.answered.entry(of).or_default().entry(offset).or_default().push(prints);
    }

    pub(super) fn marks(&self, key: u128) -> &[(String, Mark, Instant)] {
        self.marks.get(&key).map_or(&[], Vec::as_slice)
    }
}

/// The group and the topic of a deduplication scope: `namespace:group@run:handler:topic`.
fn is_of(scope: &str, group: &str, topic: &str) -> bool {
    let mut parts = scope.split(':');
    let of = parts.nth(1).and_then(|part| part.split('@').next()) == Some(group);
    of && parts.nth(1) == Some(topic)
}

impl Checks {
    /// Whether a record's handler has answered `Ok` and all it emitted then is in the log.
    pub(super) fn is_completed(&self, of: &Of, offset: Offset) -> bool {
        let answers = self.settled.answered.get(of).and_then(|offsets| offsets.get(&offset));
        answers.is_some_and(|answers| answers.iter().any(|prints| self.outputs.are_landed(prints)))
    }

    fn is_handed_on_or_completed(&self, of: &Of, offset: Offset) -> bool {
        self.is_completed(of, offset)
            || self.settled.handed_on.get(of).is_some_and(|offsets| offsets.contains(&offset))
            || self.letters.has(of, offset)
    }

    /// Whether a record is settled.
    pub(crate) fn is_settled(&self, of: &Of, view: RecordView<'_>) -> bool {
        // A tombstone is settled by the policy for tombstones, which is counted.
        view.value().is_none() || self.is_settled_as(of, view.offset(), id_of(view.value()).map(EventKey::as_u128))
    }

    /// As [`is_settled`](Self::is_settled), of a record with this id.
    pub(super) fn is_settled_as(&self, of: &Of, offset: Offset, id: Option<u128>) -> bool {
        if let Some(copy) = self.copies.at(&of.1, offset) {
            return self.is_copy_settled(copy, &of.0, id);
        }
        self.is_handed_on_or_completed(of, offset) || self.is_known_elsewhere(of, offset, id)
    }

    /// Whether the id was marked by another record.
    pub(super) fn is_known_elsewhere(&self, of: &Of, offset: Offset, id: Option<u128>) -> bool {
        let logical = of.1.topic.logical_name();
        id.is_some_and(|id| {
            let marks = self.settled.marks(id);
            marks.iter().any(|(scope, mark, _)| {
                is_of(scope, &of.0, logical) && (mark.at.partition, mark.at.offset) != (of.1.partition, offset)
            })
        })
    }

    /// A mark was made: its record must be completed (I1).
    pub(crate) fn marked(&mut self, scope: &str, mark: Mark, now: Instant) {
        self.settled.marks.entry(mark.key).or_default().push((scope.to_owned(), mark, now));
        let of = self.settled.answered.keys().find(|(group, place)| {
            place.partition == mark.at.partition && is_of(scope, group, place.topic.logical_name()) && scope_fits(scope, place)
        });
        let completed = of.is_some_and(|of| self.is_completed(of, mark.at.offset));
        // Of a topic that is gone: what was answered then.
        let gone = self.removed.answered.iter().any(|((group, place), offsets)| {
            place.partition == mark.at.partition
                && is_of(scope, group, place.topic.logical_name())
                && scope_fits(scope, place)
                && offsets.contains_key(&mark.at.offset)
        });
        let completed = completed || gone;
        let spaced = self.settled.answered.keys().any(|(group, place)| {
            place.topic.namespace().is_some() && is_of(scope, group, place.topic.logical_name()) && scope.starts_with("-:")
        });
        let at = self.now(now);
        if spaced {
            self.violated("I9", at, format!("an id of a namespace was marked in {scope}, which has none"));
        } else if !completed {
            self.violated("I1", at, format!("an id was marked by {} in {scope} before its record was done", mark.at));
        }
    }

    /// A commit was written.
    #[expect(clippy::too_many_arguments, reason = "what a commit is")]
    pub(crate) fn committed(
        &mut self,
        world: &World,
        group: &str,
        place: &TopicPartition,
        to: Offset,
        before: Option<Offset>,
        holds: bool,
        from: MemberNo,
        at: Duration,
    ) {
        let of: Of = (group.to_owned(), place.clone());
        if !holds {
            let text = format!("member {from} committed {place} to {to} for {group}, and does not hold it");
            self.violated("I3", at, text);
        }
        if before.is_some_and(|before| before > to) {
            let highest = before.unwrap_or(0);
            let entry = self.settled.back.entry(of.clone()).or_insert((highest, at + ASSERTED_WITHIN));
            entry.0 = entry.0.max(highest);
        } else if self.settled.back.get(&of).is_some_and(|(highest, _)| to >= *highest) {
            self.settled.back.remove(&of);
        }
        self.skips_nothing(&of, to, at);
        let mut next = self.settled.proven.get(&of).copied().unwrap_or(0);
        if to <= next {
            return;
        }
        let mut open = None;
        'all: for batch in world.memory.read(&place.topic, place.partition, next, usize::try_from(to - next).unwrap_or(0)) {
            for view in batch.iter().take_while(|view| view.offset() < to) {
                if !self.is_settled(&of, view) {
                    open = Some(view.offset());
                    break 'all;
                }
                next = view.offset() + 1;
            }
        }
        match open {
            None => {
                self.settled.proven.insert(of, to);
            }
            Some(offset) => {
                self.settled.proven.insert(of, next);
                self.violated("I2", at, format!("{group} committed {place} to {to}, and {offset} is not settled"));
            }
        }
    }

    /// Commits that went back and were not asserted again in time (I3).
    pub(crate) fn look_back(&mut self, at: Duration) {
        let late: Vec<_> =
            self.settled.back.iter().filter(|(_, (_, by))| *by < at).map(|(of, back)| (of.clone(), *back)).collect();
        for (of, (highest, _)) in late {
            self.settled.back.remove(&of);
            let text = format!("the commit of {} for {} went back below {highest} and was not asserted again", of.0, of.1);
            self.violated("I3", at, text);
        }
    }
}

/// Whether the scope's namespace is the topic's.
fn scope_fits(scope: &str, place: &TopicPartition) -> bool {
    let namespace = place.topic.namespace();
    scope.split(':').next() == Some(namespace.as_ref().map_or("-", |namespace| namespace.as_str()))
}
