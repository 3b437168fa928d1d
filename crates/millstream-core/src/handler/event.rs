//! Owns the two ways in which a handler sees an event: decoded ([`Event`]) and as it lies in the log ([`RawEvent`]).

use super::delivery::{Delivery, Input};
use super::extract::Rejection;
use super::origin::position_of;
use crate::contract::{Headers, PartitionId, Position, Record, RecordRef, RecordSetBuilder, RecordView};
use crate::envelope::{
    ContentMode, EnvelopeMeta, EventData, EventEnvelope, EventId, EventKey, Extra, Head, IdGenerator, Limits, Metadata,
};
use crate::envelope::{Timestamp, read_head, scan, write_envelope};
use crate::topic::Topic;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// A decoded event: dereferences to its data, and knows its envelope.
///
/// Only the data is decoded when the handler starts; the envelope's fields are read where they lie, when asked for. They
/// answer alike for our own envelope and for CloudEvents, whichever way they lie in the record ([`ContentMode`]).
pub struct Event<T> {
    data: T,
    record: RecordRef,
    head: Head,
    partition: PartitionId,
    copied: bool,
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
        self.metadata().id()
    }

    /// The id in the 128 bits by which it is deduplicated.
    pub fn key(&self) -> EventKey {
        self.head.key()
    }

    /// The event type.
    pub fn event_type(&self) -> Cow<'_, str> {
        self.metadata().event_type()
    }

    /// When it happened; of a CloudEvent that does not say, the record's time in the log.
    pub fn timestamp(&self) -> Timestamp {
        self.metadata().timestamp().unwrap_or_else(|| Timestamp::from_millis(self.record().timestamp()))
    }

    /// The service that published it.
    pub fn source(&self) -> Cow<'_, str> {
        self.metadata().source()
    }

    /// What it belongs to: equal for all events that follow from one root.
    pub fn correlation_id(&self) -> Cow<'_, str> {
        self.metadata().correlation_id()
    }

    /// The event it follows from; `None` for a root.
    pub fn causation_id(&self) -> Option<Cow<'_, str>> {
        self.metadata().causation_id()
    }

    /// How it lies in its record.
    pub fn content_mode(&self) -> ContentMode {
        self.head.content_mode()
    }

    /// All that is known of it beside its data.
    pub fn metadata(&self) -> Metadata<'_> {
        Metadata::of(&self.head, self.record())
    }

    /// The record it lies in.
    pub fn record(&self) -> RecordView<'_> {
        self.record.view()
    }

    /// The record, shared, and what the header scan found.
    pub(super) fn parts(&self) -> (&RecordRef, &Head) {
        (&self.record, &self.head)
    }

    pub(crate) fn record_ref(&self) -> &RecordRef {
        &self.record
    }

    /// The record's headers.
    pub fn headers(&self) -> Headers<'_> {
        self.record().headers()
    }

    /// Where the record lies: its partition and offset. Of a copy in a retry topic, where it lay first.
    pub fn position(&self) -> Position {
        position_of(self.record(), self.partition, self.copied)
    }

    /// The envelope's fields that the framework does not know, and a CloudEvent's extensions. Read anew at each call, which
    /// costs a pass over the record and copies them.
    pub fn extra(&self) -> Extra {
        // The data was decoded, so the rest of the envelope is in order too.
        EventEnvelope::<serde::de::IgnoredAny>::from_record(self.record()).map(|event| event.extra).unwrap_or_default()
    }
}

impl<T: DeserializeOwned> Event<T> {
    #[inline]
    pub(crate) fn decode<S>(delivery: &Delivery<'_, S>) -> Result<Self, Rejection> {
        let input = delivery.input();
        Self::decode_at(&input.record, delivery.head(), input.partition, input.copied)
    }

    /// The event that a record holds, with what the header scan found; `copied` if its topic is a retry topic.
    pub(crate) fn decode_at(
        shared: &RecordRef,
        head: Option<&Head>,
        partition: PartitionId,
        copied: bool,
    ) -> Result<Self, Rejection> {
        let poison = |what: &dyn fmt::Display| Rejection::poison(what.to_string());
        let record = shared.view();
        let value = record.value().ok_or_else(|| {
            Rejection::poison(
                "the record is a tombstone and has no event; a handler that takes `Option<Event<_>>` is given it as `None`",
            )
        })?;
        let head = match head {
            Some(head) => *head,
            None => read_head(record, &Limits::DEFAULT).map_err(|error| poison(&error))?,
        };
        let data = head.decode(value, &Limits::DEFAULT).map_err(|error| poison(&error.to_string()))?;
        Ok(Event { data, record: shared.clone(), head, partition, copied })
    }
}

impl<T: DeserializeOwned> Event<T> {
    /// An event for unit tests as it comes out of a record: with headers, with a key of its own, with a correlation id, as a
    /// CloudEvent, or of a type that is only consumed.
    ///
    /// ```
    /// # use millstream_core::{contract::Record, handler::Event, topic::Topic};
    /// let value = br#"{"id":"1","type":"tick","timestamp":"2026-11-25T09:15:00Z","source":"feed","data":24350}"#;
    /// let record = Record::new(Topic::literal("market.ticks"), "NIFTY", value.to_vec()).header("tenant", "blue");
    /// let tick: Event<u32> = Event::example_of(&record);
    /// assert_eq!((*tick, tick.headers().text("tenant")), (24350, Some("blue")));
    /// ```
    ///
    /// # Panics
    /// If the record is no such event: a test wants to fail here.
    pub fn example_of(record: &Record) -> Self {
        let mut builder = RecordSetBuilder::new(0);
        builder.push_record(0, 0, record);
        let record = RecordRef::new(Arc::new(builder.build()), 0);
        let value = record.view().value().expect("an event has a value: the record is a tombstone");
        let head = read_head(record.view(), &Limits::DEFAULT).unwrap_or_else(|error| panic!("the record is no event: {error}"));
        let data = head.decode(value, &Limits::DEFAULT);
        let data = data.unwrap_or_else(|error| panic!("the record is no such event: {error}"));
        Event { data, record, head, partition: 0, copied: false }
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
        Event { data, record, head, partition: 0, copied: false }
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

    /// The topic it was read from.
    #[inline]
    pub fn topic(&self) -> &'d Topic {
        &self.input.topic
    }

    /// Where the record lies: its partition and offset. Of a copy in a retry topic, where it lay first.
    #[inline]
    pub fn position(&self) -> Position {
        self.input.position()
    }

    /// The record's headers.
    #[inline]
    pub fn headers(&self) -> Headers<'d> {
        self.record().headers()
    }

    /// Whether the record is a tombstone: it has no value, and says that its key is gone.
    #[inline]
    pub fn is_tombstone(&self) -> bool {
        self.record().value().is_none()
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

    /// What is known of the event beside its data; `None` if the value is no event.
    #[inline]
    pub fn metadata(&self) -> Option<Metadata<'d>> {
        self.head().map(|head| Metadata::of(head, self.record()))
    }

    /// Decodes the event's data, which may borrow from the record.
    ///
    /// # Errors
    /// If the value is no envelope or its data is not a `T`.
    pub fn decode<T: Deserialize<'d>>(&self) -> Result<T, Rejection> {
        let value = self.value();
        let head = match self.head() {
            Some(head) => *head,
            None => read_head(self.record(), &Limits::DEFAULT).map_err(|error| Rejection::poison(error.to_string()))?,
        };
        head.decode(value, &Limits::DEFAULT).map_err(|error| Rejection::poison(error.to_string()))
    }
}
