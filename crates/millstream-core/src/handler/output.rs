//! Owns one output as unit tests look at it.

use crate::contract::{RecordRef, RecordSetBuilder, RecordView};
use crate::envelope::{EventEnvelope, EventId};
use crate::topic::Topic;
use serde::de::DeserializeOwned;
use std::sync::Arc;

/// One output, as unit tests look at it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Output {
    topic: Topic,
    id: EventId,
    event_type: &'static str,
    record: RecordRef,
}

impl Output {
    /// A copy of a record that was written.
    pub(super) fn new(topic: Topic, id: EventId, event_type: &'static str, write: impl FnOnce(&mut RecordSetBuilder)) -> Self {
        let mut builder = RecordSetBuilder::new(0);
        write(&mut builder);
        Output { topic, id, event_type, record: RecordRef::new(Arc::new(builder.build()), 0) }
    }

    /// Where it goes.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Its causal id.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// Its event type.
    pub fn event_type(&self) -> &str {
        self.event_type
    }

    /// Its record: key, value and headers.
    pub fn record(&self) -> RecordView<'_> {
        self.record.view()
    }

    /// Its record's key.
    pub fn key(&self) -> &[u8] {
        self.record().key().unwrap_or_default()
    }

    /// The text of its record's last header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.record().headers().text(name)
    }

    /// Its whole envelope, as bytes of JSON.
    pub fn envelope(&self) -> &[u8] {
        self.record().value().unwrap_or_default()
    }

    /// Its envelope, read.
    ///
    /// # Panics
    /// If the data is not a `T`: a test wants to fail here.
    pub fn event<T: DeserializeOwned>(&self) -> EventEnvelope<T> {
        EventEnvelope::from_record(self.record())
            .unwrap_or_else(|error| panic!("the output to {} is no such event: {error}", self.topic))
    }

    /// Its data.
    ///
    /// # Panics
    /// If the data is not a `T`: a test wants to fail here.
    pub fn data<T: DeserializeOwned>(&self) -> T {
        self.event().data
    }
}
