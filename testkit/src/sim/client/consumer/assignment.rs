//! Owns what a consumer holds: how a partition comes to it, and how it goes.
//! Leaves when that is to `membership`, and reading to `fetch`.

use super::SimConsumer;
use crate::sim::client::held::Held;
use crate::sim::history::What;
use crate::sim::network::Operation as Call;
use crate::sim::world::World;
use millstream_core::contract::{Assigned, ConsumerEvent, Epoch, EpochEnd, Offset, TopicId, TopicPartition};

/// What is known of a partition: its topic, the first offset, and the end.
pub(super) type LookedUp = Option<(TopicId, Offset, Offset)>;

impl SimConsumer {
    pub(super) fn look_up(&mut self) {
        let (world, link, places) = (self.world.clone(), self.link.clone(), self.request.partitions.clone());
        let server = self.coordinator();
        self.looking_up = Some(Box::pin(async move {
            let does = move |world: &World| {
                let look = |place: &TopicPartition| {
                    let (id, _) = world.memory.describe(&place.topic)?;
                    let start = world.memory.log_start(&place.topic, place.partition)?;
                    Some((id, start, world.memory.end(&place.topic, place.partition)?))
                };
                places.iter().map(look).collect()
            };
            world.call_in_time(&link, server, Call::Metadata, does).await
        }));
    }

    pub(super) fn found(&mut self, found: Vec<LookedUp>) {
        for (place, found) in self.request.partitions.clone().into_iter().zip(found) {
            let Some((topic_id, start, end)) = found else { continue };
            let epoch = Epoch(self.world.number());
            let mut assigned = Assigned::new(place.clone(), epoch, topic_id);
            (assigned.log_start, assigned.end) = (Some(start), Some(end));
            self.held.push(Held::new(place, epoch, 0, topic_id));
            self.events.push_back(ConsumerEvent::Assigned(assigned));
        }
    }

    /// Begins an epoch.
    pub(super) fn take(&mut self, mut held: Held, resume: Option<Offset>) {
        held.epoch = Epoch(self.world.number());
        let mut assigned = Assigned::new(held.place.clone(), held.epoch, held.topic_id);
        assigned.committed = held.committed.clone();
        assigned.log_start = self.world.memory.log_start(&held.place.topic, held.place.partition);
        assigned.end = self.world.memory.end(&held.place.topic, held.place.partition);
        assigned.resume = resume;
        self.world.note(Some(self.link.member), What::Assigned(held.place.clone(), held.epoch));
        #[cfg(millstream_planted)]
        self.planted.takes(&mut held);
        self.held.push(held);
        self.events.push_back(ConsumerEvent::Assigned(assigned));
    }

    pub(super) fn lose(&mut self, epoch: Epoch) {
        if let Some(held) = self.forget(epoch) {
            self.world.note(Some(self.link.member), What::Ending(held.place, epoch, true));
            self.events.push_back(ConsumerEvent::Ending { epoch, how: EpochEnd::Lost });
        }
    }

    pub(super) fn forget(&mut self, epoch: Epoch) -> Option<Held> {
        let index = self.index(epoch)?;
        let about = |event: &ConsumerEvent| match event {
            ConsumerEvent::Records(batch) => batch.epoch == epoch,
            ConsumerEvent::Advanced { epoch: of, .. } | ConsumerEvent::Fault { epoch: of, .. } => *of == epoch,
            _ => false,
        };
        self.batches.retain(|event| !about(event));
        self.events.retain(|event| !about(event));
        let held = self.held.remove(index);
        #[cfg(millstream_planted)]
        let held = self.planted.forgets(held);
        Some(held)
    }

    pub(super) fn index(&self, epoch: Epoch) -> Option<usize> {
        self.held.iter().position(|held| held.epoch == epoch)
    }

    pub(super) fn held(&mut self, epoch: Epoch) -> Option<&mut Held> {
        let index = self.index(epoch)?;
        Some(&mut self.held[index])
    }
}
