//! Owns which broker leads a partition and coordinates a group, and who takes over when it is down.

use millstream_core::contract::TopicPartition;
use std::collections::BTreeMap;

/// The brokers of a cluster, by number.
#[derive(Debug)]
pub(crate) struct Leaders {
    brokers: u8,
    moved: BTreeMap<TopicPartition, u8>,
    coordinator: u8,
}

impl Leaders {
    pub(crate) fn new(brokers: u8) -> Self {
        Leaders { brokers: brokers.max(1), moved: BTreeMap::new(), coordinator: 0 }
    }

    /// Who leads a partition.
    pub(crate) fn of(&self, place: &TopicPartition) -> u8 {
        let first = u8::try_from(place.partition % u32::from(self.brokers)).unwrap_or(0);
        self.moved.get(place).copied().unwrap_or(first)
    }

    /// Who coordinates the groups.
    pub(crate) fn coordinator(&self) -> u8 {
        self.coordinator
    }

    /// The next broker leads a partition.
    pub(crate) fn move_on(&mut self, place: TopicPartition) -> u8 {
        let to = (self.of(&place) + 1) % self.brokers;
        self.moved.insert(place, to);
        to
    }

    /// The next broker coordinates the groups.
    pub(crate) fn move_coordinator(&mut self) -> u8 {
        self.coordinator = (self.coordinator + 1) % self.brokers;
        self.coordinator
    }

    /// A broker has failed: the others lead what it led.
    pub(crate) fn failed(&mut self, broker: u8, places: impl Iterator<Item = TopicPartition>) {
        if self.brokers == 1 {
            return;
        }
        for place in places {
            if self.of(&place) == broker {
                self.move_on(place);
            }
        }
        if self.coordinator == broker {
            self.move_coordinator();
        }
    }
}
