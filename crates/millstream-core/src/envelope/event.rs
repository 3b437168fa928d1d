//! The decoded event: metadata and typed data.
//!
//! Its JSON form is in `json` (read) and `write`.

use super::extra::Extra;
use super::id::EventId;
use super::timestamp::Timestamp;
use super::wire_id::WireId;

/// A business fact with what is known about it.
///
/// In JSON: `id`, `type`, `timestamp`, `source`, `correlation_id`, `causation_id`, `broker`,
/// `schema_version`, then fields the framework does not know, then `data`. The data stand last, so
/// that whoever needs the head only can stop there.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct EventEnvelope<T> {
    /// What deduplication knows the event by.
    pub id: WireId,
    /// The event type, such as `order_filled`; 1 to 255 bytes. `type` in JSON; read as
    /// `event_type` too.
    pub event_type: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The service that published it; 1 to 255 bytes.
    pub source: String,
    /// What it belongs to: the same for all events that follow from one root. A root's own id.
    pub correlation_id: WireId,
    /// The event it follows from; `None` for a root.
    pub causation_id: Option<WireId>,
    /// The namespace, for audits; never routed on. An empty one is read as none.
    pub broker: Option<String>,
    /// The version of the data's schema; 1 when the envelope does not say.
    pub schema_version: u32,
    /// Fields the framework does not know.
    pub extra: Extra,
    /// The payload.
    pub data: T,
}

impl<T> EventEnvelope<T> {
    /// A root event: its correlation is its own id, and nothing caused it.
    #[must_use]
    pub fn new(
        id: impl Into<WireId>,
        event_type: impl Into<String>,
        timestamp: Timestamp,
        source: impl Into<String>,
        data: T,
    ) -> Self {
        let id = id.into();
        Self {
            correlation_id: id.clone(),
            id,
            event_type: event_type.into(),
            timestamp,
            source: source.into(),
            causation_id: None,
            broker: None,
            schema_version: 1,
            extra: Extra::default(),
            data,
        }
    }

    /// Sets what it belongs to.
    #[must_use]
    pub fn correlation_id(mut self, id: impl Into<WireId>) -> Self {
        self.correlation_id = id.into();
        self
    }

    /// Sets the event it follows from.
    #[must_use]
    pub fn causation_id(mut self, id: impl Into<WireId>) -> Self {
        self.causation_id = Some(id.into());
        self
    }

    /// Sets the namespace, for audits.
    #[must_use]
    pub fn broker(mut self, broker: impl Into<String>) -> Self {
        self.broker = Some(broker.into());
        self
    }

    /// Sets the version of the data's schema.
    #[must_use]
    pub fn schema_version(mut self, version: u32) -> Self {
        self.schema_version = version;
        self
    }

    /// Makes `id` the event's id, and its correlation too where that was the old id.
    #[must_use]
    pub fn with_id(mut self, id: EventId) -> Self {
        if self.correlation_id == self.id {
            self.correlation_id = id.into();
        }
        self.id = id.into();
        self
    }

    /// The same metadata with other data.
    #[must_use]
    pub fn map_data<U>(self, change: impl FnOnce(T) -> U) -> EventEnvelope<U> {
        EventEnvelope {
            id: self.id,
            event_type: self.event_type,
            timestamp: self.timestamp,
            source: self.source,
            correlation_id: self.correlation_id,
            causation_id: self.causation_id,
            broker: self.broker,
            schema_version: self.schema_version,
            extra: self.extra,
            data: change(self.data),
        }
    }
}
