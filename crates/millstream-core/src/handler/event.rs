//! Owns the two ways in which a handler sees an event: decoded ([`Event`]) and as it lies in the log ([`RawEvent`]).

use super::delivery::{Delivery, Input};
use super::extract::Rejection;
use crate::contract::{RecordRef, RecordSetBuilder, RecordView};
use crate::envelope::{EnvelopeError, EventData, EventKey, Head, IdRef, Limits, Timestamp, WireId, write_envelope};
use crate::envelope::{EnvelopeMeta, EventId, IdGenerator, scan};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A decoded event: dereferences to its data, and knows its envelope.
///
/// Only the data is decoded when the handler starts; the envelope's fields are read where they lie, when asked for.
pub struct Event<T> {
    data: T,
    record: RecordRef,
    head: Head,
}

impl<T> Event<T> {
    /// The data.
    pub fn data(&self) -> &T {
        &self.data
    }

    /// The data, without the envelope.
    pub fn into_data(self) -> T {
        self.data
    }

    /// The event's id, as it stands in the envelope.
    pub fn id(&self) -> Cow<'_, str> {
        self.head.id(self.value())
    }

    /// The id in the 128 bits by which it is deduplicated.
    pub fn key(&self) -> EventKey {
        self.head.key()
    }

    /// The event type.
    pub fn event_type(&self) -> Cow<'_, str> {
        self.head.event_type(self.value())
    }

    /// When it happened.
    pub fn timestamp(&self) -> Timestamp {
        self.head.timestamp(self.value()).unwrap_or(Timestamp::UNIX_EPOCH)
    }

    /// The service that published it.
    pub fn source(&self) -> Cow<'_, str> {
        self.head.source(self.value())
    }

    /// What it belongs to: equal for all events that follow from one root.
    pub fn correlation_id(&self) -> Cow<'_, str> {
        self.head.correlation_id(self.value())
    }

    /// The event it follows from; `None` for a root.
    pub fn causation_id(&self) -> Option<Cow<'_, str>> {
        self.head.causation_id(self.value())
    }

    /// The record it lies in.
    pub fn record(&self) -> RecordView<'_> {
        self.record.view()
    }

    fn value(&self) -> &[u8] {
        self.record.view().value().unwrap_or_default()
    }
}

impl<T: DeserializeOwned> Event<T> {
    pub(crate) fn decode<S>(delivery: &Delivery<'_, S>) -> Result<Self, Rejection> {
        let poison = |what: &dyn fmt::Display| Rejection::poison(what.to_string());
        let record = delivery.record();
        let value = record.value().ok_or_else(|| Rejection::poison("the record is a tombstone and has no event"))?;
        let head = match delivery.head() {
            Some(head) => *head,
            None => scan(value, &Limits::DEFAULT).map_err(|error| poison(&error))?,
        };
        let data = head.decode(value, &Limits::DEFAULT).map_err(|error| poison(&describe(&error)))?;
        Ok(Event { data, record: delivery.shared_record(), head })
    }
}

/// An envelope error with its cause, as dead letters show it.
fn describe(error: &EnvelopeError) -> String {
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

impl<T: EventData + Serialize> Event<T> {
    /// An event for unit tests: `data` in an envelope with a fixed id, time and source.
    ///
    /// # Panics
    /// If the data cannot be written as JSON.
    pub fn example(data: T) -> Self {
        let id = IdGenerator::from_seed(1).next(0);
        Self::example_with_id(id, data)
    }

    /// An event for unit tests, with an id of your choice.
    ///
    /// # Panics
    /// If the data cannot be written as JSON.
    pub fn example_with_id(id: EventId, data: T) -> Self {
        let meta = EnvelopeMeta::new(id, T::TYPE, Timestamp::UNIX_EPOCH, "example");
        let mut builder = RecordSetBuilder::new(0);
        let key = data.key();
        builder
            .push_with(0, 0, Some(key.as_bytes()), |out| write_envelope(out, &meta, &data))
            .expect("example data can be written as JSON");
        let record = RecordRef::new(Arc::new(builder.build()), 0);
        let head = scan(record.view().value().unwrap_or_default(), &Limits::DEFAULT).expect("a written envelope can be scanned");
        Event { data, record, head }
    }
}

impl<T> Deref for Event<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.data
    }
}

impl<T> fmt::Debug for Event<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Payloads are never logged (I13).
        f.debug_struct("Event").field("id", &self.id()).field("type", &self.event_type()).finish_non_exhaustive()
    }
}

/// An event as it lies in the log: nothing decoded, nothing copied.
#[derive(Clone, Copy)]
pub struct RawEvent<'d> {
    // One word, because a handler's future moves its arguments twice.
    input: &'d Input,
}

impl<'d> RawEvent<'d> {
    #[inline]
    pub(crate) fn of<S>(delivery: &Delivery<'d, S>) -> Self {
        RawEvent { input: delivery.input() }
    }

    /// The record.
    #[inline]
    pub fn record(&self) -> RecordView<'d> {
        self.input.record.view()
    }

    /// The value's bytes; empty for a tombstone.
    #[inline]
    pub fn value(&self) -> &'d [u8] {
        self.record().value().unwrap_or_default()
    }

    /// The id in the 128 bits by which it is deduplicated.
    #[inline]
    pub fn key(&self) -> EventKey {
        self.input.key
    }

    /// What the header scan found; `None` if the value is no envelope.
    #[inline]
    pub fn head(&self) -> Option<&'d Head> {
        self.input.head.as_ref()
    }

    /// Decodes the envelope's data, which may borrow from the record.
    ///
    /// # Errors
    /// If the value is no envelope or its data is not a `T`.
    pub fn decode<T: Deserialize<'d>>(&self) -> Result<T, Rejection> {
        let value = self.value();
        let head = match self.head() {
            Some(head) => *head,
            None => scan(value, &Limits::DEFAULT).map_err(|error| Rejection::poison(error.to_string()))?,
        };
        head.decode(value, &Limits::DEFAULT).map_err(|error| Rejection::poison(describe(&error)))
    }
}

/// The ids that an output takes over from its cause, copied at the attempt's start and read when something is emitted.
#[derive(Clone, Debug, Default)]
pub(crate) struct Lineage {
    text: Vec<u8>,
    correlation: usize,
}

impl Lineage {
    /// Copies the ids of an input; allocates nothing after the first times.
    pub(crate) fn set(&mut self, head: Option<&Head>, key: EventKey, value: &[u8]) {
        self.text.clear();
        match head {
            Some(head) => {
                self.text.extend_from_slice(head.correlation_id(value).as_bytes());
                self.correlation = self.text.len();
                self.text.extend_from_slice(head.id(value).as_bytes());
            }
            None => {
                let id = key.as_event_id().to_ascii();
                self.text.extend_from_slice(&id);
                self.correlation = self.text.len();
                self.text.extend_from_slice(&id);
            }
        }
    }

    /// The correlation id and the cause's id.
    pub(crate) fn ids(&self) -> Option<(IdRef<'_>, IdRef<'_>)> {
        let (correlation, cause) = self.text.split_at(self.correlation);
        let id = |bytes| std::str::from_utf8(bytes).ok().and_then(|text| IdRef::parse(text).ok());
        Some((id(correlation)?, id(cause)?))
    }

    /// The cause's id, owned.
    pub(crate) fn cause(&self) -> Option<WireId> {
        self.ids().map(|(_, cause)| cause.to_wire_id())
    }
}
