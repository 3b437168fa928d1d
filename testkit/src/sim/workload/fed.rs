//! Owns how an event from outside becomes a record.

use millstream_core::contract::Record;
use millstream_core::envelope::{EventData, EventEnvelope, EventId, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// When all of them were made.
pub(super) const MADE: u64 = 1_780_000_000_000;

/// The record of an event.
pub(super) fn record<T: EventData + Serialize>(topic: &str, id: EventId, key: &str, data: &T) -> Record {
    let stamp = Timestamp::from_millis(i64::try_from(MADE).unwrap_or(0));
    let value = EventEnvelope::new(id, T::TYPE, stamp, "feed", data).to_json().expect("it is JSON");
    Record::new(topic.parse().expect("a topic's name"), key.to_owned(), value)
}

/// The data of a value, if it is an event of this kind.
pub(super) fn data<T: DeserializeOwned>(value: Option<&[u8]>) -> Option<T> {
    Some(EventEnvelope::<T>::from_json(value?).ok()?.data)
}
