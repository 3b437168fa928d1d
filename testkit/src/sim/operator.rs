//! Owns what operators and brokers do to topics: compaction, deleted records, topics created again. Leaves when to the `driver`.

use super::dice::Dice;
use super::history::What;
use super::world::World;
use millstream_core::contract::{Epoch, Offset, TopicPartition};
use millstream_core::topic::Topic;
use millstream_memory::{Cleanup, TopicConfig};
use std::collections::BTreeMap;

impl World {
    /// Compacts what is to be compacted. A table of which an older entry lies behind a newer one waits for the next entry of
    /// its key: a request that outlives its sender can put it there, and what compaction would make of that no client can
    /// prevent. Brokers wait longer than such requests live.
    pub(super) fn compact_all(&self, topics: &[(Topic, TopicConfig)]) {
        for (topic, _) in topics.iter().filter(|(_, config)| config.cleanup != Cleanup::Delete) {
            if is_in_order(self, topic) {
                // It was created by the run itself.
                let _ = self.memory.compact(topic);
            }
        }
    }

    /// Deletes records of one partition, some of which a group may not have read.
    pub(super) fn delete_unread(&self, inputs: &[Topic], dice: &mut Dice) {
        let places = self.places(inputs);
        let place = dice.pick(&places).clone();
        let (start, end) = (self.memory.log_start(&place.topic, place.partition), self.memory.end(&place.topic, place.partition));
        let (start, end) = (start.unwrap_or(0), end.unwrap_or(0));
        let before = dice.between(start, end).max(dice.between(start, end));
        let read: Vec<(String, Offset)> = {
            let servers = self.servers();
            let groups = servers.coordinator.groups();
            groups.filter_map(|(name, group)| Some((name.to_owned(), group.committed.get(&place)?.offset))).collect()
        };
        for (group, committed) in read {
            self.checks().deletes(self, &group, &place, committed, before);
        }
        self.note(None, What::Noted("deleted".into(), format!("{place} below {before}")));
        // It was just listed.
        let _ = self.memory.delete_records(&place.topic, place.partition, before);
    }

    /// Deletes a topic and creates it again, and with it what groups have committed.
    pub(super) fn recreate(&self, inputs: &[Topic], dice: &mut Dice) {
        let topic = dice.pick(inputs).clone();
        if self.memory.recreate(&topic).is_err() {
            return;
        }
        self.servers().coordinator.all().for_each(|group| group.forget(&topic));
        let since = Epoch(self.number());
        self.checks().recreated(&topic, since);
        self.note(None, What::Noted("recreated".into(), topic.to_string()));
        self.wrote();
    }
}

/// Whether no entry of a table lies behind one of a later record of its key.
fn is_in_order(world: &World, topic: &Topic) -> bool {
    let mut last: BTreeMap<(TopicPartition, Vec<u8>), Offset> = BTreeMap::new();
    for batch in world.memory.batches(topic) {
        for view in batch.iter() {
            let at = view.headers().text("millstream-position").and_then(|text| text.split(';').nth(3)?.parse().ok());
            let (Some(at), Some(key)) = (at, view.key()) else { continue };
            let before = last.insert((batch.partition.clone(), key.to_vec()), at);
            if before.is_some_and(|before| before > at) {
                return false;
            }
        }
    }
    true
}
