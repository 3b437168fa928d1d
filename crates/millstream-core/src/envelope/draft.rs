//! What a user says of an event that is yet to be published, beside its data.
//!
//! Who publishes it adds the rest: the id, the source, and in a handler what it follows from.

use super::error::EnvelopeError;
use super::event::EventEnvelope;
use super::extra::Extra;
use super::id::EventId;
use super::key::Key;
use super::timestamp::Timestamp;
use super::wire_id::WireId;

/// An event to be published: its data, and what is to differ from the rule.
///
/// It has no id and no source: those come from who publishes it, a causal id in a handler and a new one from a
/// `Publisher`. So nobody writes under an id that was not made for that event; one that must be the same whoever
/// makes it comes from [`derived_id`](Self::derived_id).
///
/// ```
/// use millstream_core::envelope::{EventEnvelope, EventId};
///
/// let order = EventId::v7(1_764_062_100_250, 7);
/// let draft = EventEnvelope::root("filled").correlation_id(order).key("NIFTY").header("tenant", "blue");
/// assert_eq!(*draft.data(), "filled");
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a draft is published by `publish_envelope` or `emit_envelope`"]
pub struct EventDraft<T> {
    pub(crate) data: T,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) correlation: Option<WireId>,
    pub(crate) name: Option<String>,
    pub(crate) id: Option<EventId>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) schema_version: Option<u32>,
    pub(crate) extra: Extra,
}

impl<T> EventDraft<T> {
    /// A draft of an event with this data, all else by the rule.
    pub fn new(data: T) -> Self {
        Self {
            data,
            key: None,
            headers: Vec::new(),
            correlation: None,
            name: None,
            id: None,
            timestamp: None,
            schema_version: None,
            extra: Extra::default(),
        }
    }

    /// The data.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// The record's key, in place of the one that the data name. Events with one key stay in order.
    pub fn key<'k>(mut self, key: impl Into<Key<'k>>) -> Self {
        self.key = Some(key.into().as_bytes().to_vec());
        self
    }

    /// One more header of the record. `content-type` and names that begin with `ce_` are the framework's; where the event is
    /// published they are refused.
    pub fn header(mut self, name: impl Into<String>, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.into(), value.as_ref().to_vec()));
        self
    }

    /// What it belongs to. By default a root's own id, and in a handler what the input belongs to.
    pub fn correlation_id(mut self, id: impl Into<WireId>) -> Self {
        self.correlation = Some(id.into());
        self
    }

    /// In a handler, a name of the output in place of type, key and number, as with `emit_named`. A `Publisher` refuses it.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// An id that follows from a name and parts ([`EventId::derive`]), for events without a single cause: fan-in, joins,
    /// timers, or a root that is published again after an unknown outcome.
    pub fn derived_id(mut self, name: &str, parts: &[&[u8]]) -> Self {
        self.id = Some(EventId::derive(name, parts));
        self
    }

    /// When it happened. By default when it is published, and in a handler when its attempt began.
    pub fn timestamp(mut self, timestamp: Timestamp) -> Self {
        self.timestamp = Some(timestamp);
        self
    }

    /// The version of the data's schema, in place of the type's own.
    pub fn schema_version(mut self, version: u32) -> Self {
        self.schema_version = Some(version);
        self
    }

    /// Sets a field of the envelope that the framework does not know; an extension, for CloudEvents.
    ///
    /// # Errors
    ///
    /// When the envelope itself has a field with this name, or the value is no JSON.
    pub fn field(mut self, name: &str, value: &impl serde::Serialize) -> Result<Self, EnvelopeError> {
        self.extra.set(name, value)?;
        Ok(self)
    }
}

impl<T> From<EventEnvelope<T>> for EventDraft<T> {
    /// To publish an event that was read as one of one's own: data, unknown fields, schema version and correlation stay; id,
    /// source, time and causation are those of the new event.
    fn from(event: EventEnvelope<T>) -> Self {
        Self {
            correlation: Some(event.correlation_id),
            schema_version: Some(event.schema_version),
            extra: event.extra,
            ..Self::new(event.data)
        }
    }
}

impl<T> EventEnvelope<T> {
    /// A draft of an event with this data, to be published.
    pub fn root(data: T) -> EventDraft<T> {
        EventDraft::new(data)
    }
}
