//! Owns what outputs are known by, whether they are in the log, and that no two slots share an id (I15).

use millstream_core::contract::{RecordView, TopicPartition};
use millstream_core::envelope::{EventKey, Limits, scan};
use millstream_core::topic::Topic;
use std::collections::{BTreeMap, BTreeSet};
use xxhash_rust::xxh3::Xxh3;

/// A print of an output: where it goes, its key and its value.
pub(crate) fn print_of(topic: &Topic, key: Option<&[u8]>, value: Option<&[u8]>) -> u128 {
    let mut hasher = Xxh3::new();
    let mut part = |bytes: Option<&[u8]>| {
        hasher.update(&bytes.map_or(u64::MAX, |bytes| bytes.len() as u64).to_le_bytes());
        hasher.update(bytes.unwrap_or_default());
    };
    part(Some(topic.as_str().as_bytes()));
    part(key);
    part(value);
    hasher.digest128()
}

/// The event id of a value, if it is an envelope.
pub(crate) fn id_of(value: Option<&[u8]>) -> Option<EventKey> {
    Some(scan(value?, &Limits::DEFAULT).ok()?.key())
}

/// The id of the event that caused the one of a value, if it is an envelope and was caused by one.
pub(super) fn cause_of(value: Option<&[u8]>) -> Option<EventKey> {
    let value = value?;
    let head = scan(value, &Limits::DEFAULT).ok()?;
    Some(EventKey::of_text(&head.causation_id(value)?))
}

#[derive(Debug, Default)]
pub(super) struct Outputs {
    landed: BTreeSet<u128>,
    /// Where the output of an id goes: topic and key.
    slots: BTreeMap<EventKey, u128>,
    /// Where the output of an id lies.
    places: BTreeMap<EventKey, TopicPartition>,
}

impl Outputs {
    /// An output is in the log; `Err` if it was there before, in another partition.
    pub(super) fn landed(&mut self, place: &TopicPartition, view: RecordView<'_>) -> Result<(), String> {
        self.landed.insert(print_of(&place.topic, view.key(), view.value()));
        let Some(id) = id_of(view.value()).filter(|id| self.slots.contains_key(id)) else { return Ok(()) };
        let first = self.places.entry(id).or_insert_with(|| place.clone());
        if first.topic == place.topic && first.partition != place.partition {
            return Err(format!("{id:?} lies in {first} and in {place}, whose deduplication may run at once"));
        }
        Ok(())
    }

    pub(super) fn are_landed(&self, prints: &[u128]) -> bool {
        prints.iter().all(|print| self.landed.contains(print))
    }

    /// An output was emitted; `Err` if its id names another slot.
    pub(super) fn emitted(&mut self, topic: &Topic, key: Option<&[u8]>, value: Option<&[u8]>) -> Result<u128, String> {
        if let Some(id) = id_of(value) {
            let slot = print_of(topic, key, None);
            if *self.slots.entry(id).or_insert(slot) != slot {
                return Err(format!("two outputs share the id {id:?}, one of them for {topic}"));
            }
        }
        Ok(print_of(topic, key, value))
    }
}
