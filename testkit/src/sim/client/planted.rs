//! Owns what the planted bugs of the client remember. Not part of a normal build.

use super::fetch::Fetching;
use super::held::Held;
use crate::sim::world::World;
use millstream_core::contract::TopicPartition;
use millstream_core::planted;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct Planted {
    /// Requests of ended epochs.
    fetches: BTreeMap<TopicPartition, Fetching>,
    /// Partitions that were parked when their epochs ended.
    parked: BTreeSet<TopicPartition>,
}

impl Planted {
    /// An epoch ends.
    pub(super) fn forgets(&mut self, mut held: Held) -> Held {
        planted!(B22: if let Some(fetching) = held.fetching.take() { self.fetches.insert(held.place.clone(), fetching); });
        planted!(B47: if held.started && held.records == 0 { self.parked.insert(held.place.clone()); });
        held
    }

    /// An epoch begins.
    pub(super) fn takes(&mut self, held: &mut Held) {
        planted!(B22: held.fetching = self.fetches.remove(&held.place));
        planted!(B47: held.paused = self.parked.contains(&held.place));
    }

    /// An epoch is about to read.
    pub(super) fn reads(world: &World, held: &mut Held) {
        planted!(B45: {
            let leader = world.servers().leaders.of(&held.place);
            if held.fetching.is_none() && held.leader.replace(leader).is_some_and(|before| before != leader) {
                held.position = world.memory.end(&held.place.topic, held.place.partition).unwrap_or(held.position);
            }
        });
    }
}
