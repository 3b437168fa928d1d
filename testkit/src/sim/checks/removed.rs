//! Owns what is in no log any more: records that were deleted before a group had read them, and topics that were created again
//! under their name (I1).

use super::Checks;
use super::outputs::id_of;
use super::settled::Of;
use crate::sim::world::World;
use millstream_core::contract::{Epoch, Offset, TopicPartition};
use millstream_core::envelope::EventKey;
use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::time::Duration;

/// Prints of the outputs of each `Ok`, by offset.
pub(super) type Answers = BTreeMap<Offset, Vec<Vec<u128>>>;

#[derive(Debug, Default)]
pub(super) struct Removed {
    /// Deleted unsettled, by group and place, with their ids: one that was read before may still be found to be done elsewhere.
    lost: BTreeMap<Of, BTreeMap<Offset, Option<u128>>>,
    /// Epochs below this were of the topic that had this name before.
    since: BTreeMap<Topic, Epoch>,
    /// What was answered of those.
    pub(super) answered: BTreeMap<Of, Answers>,
}

impl Removed {
    /// Whether an epoch was of a topic that is gone.
    pub(super) fn is_old(&self, topic: &Topic, epoch: Epoch) -> bool {
        self.since.get(topic).is_some_and(|since| epoch < *since)
    }
}

impl Checks {
    /// Records of a partition below `before` are about to be deleted, of which a group has committed `committed`.
    pub(crate) fn deletes(&mut self, world: &World, group: &str, place: &TopicPartition, committed: Offset, before: Offset) {
        let of: Of = (group.to_owned(), place.clone());
        let count = usize::try_from(before.saturating_sub(committed)).unwrap_or(0);
        for batch in world.memory.read(&place.topic, place.partition, committed, count) {
            let open = batch.iter().filter(|view| view.offset() < before && !self.is_settled(&of, *view));
            let open: Vec<_> = open.map(|view| (view.offset(), id_of(view.value()).map(EventKey::as_u128))).collect();
            self.removed.lost.entry(of.clone()).or_default().extend(open);
        }
    }

    /// A commit was written: nothing that was deleted unread may be below it (I1).
    pub(super) fn skips_nothing(&mut self, of: &Of, to: Offset, at: Duration) {
        let Some(lost) = self.removed.lost.get_mut(of) else { return };
        let above = lost.split_off(&to);
        for (offset, id) in std::mem::replace(lost, above) {
            if !self.is_settled_as(of, offset, id) {
                let text = format!("{} skipped {offset} of {} without a word, which was deleted unread", of.0, of.1);
                self.violated("I1", at, text);
            }
        }
    }

    /// A topic was created again under its name: from epoch `since` on it is another one.
    pub(crate) fn recreated(&mut self, topic: &Topic, since: Epoch) {
        self.removed.since.insert(topic.clone(), since);
        self.removed.lost.retain(|of, _| of.1.topic != *topic);
        for (of, offsets) in self.settled.forget(topic) {
            let old = self.removed.answered.entry(of).or_default();
            for (offset, answers) in offsets {
                old.entry(offset).or_default().extend(answers);
            }
        }
    }
}
