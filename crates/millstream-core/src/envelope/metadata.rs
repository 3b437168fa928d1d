//! An event's metadata where they stand: in the value, or in the headers of a CloudEvent in binary mode.

use std::borrow::Cow;

use super::causal::Cause;
use super::cloud_event::CloudEventError;
use super::content_mode::ContentMode;
use super::error::EnvelopeError;
use super::event::EventEnvelope;
use super::extra::Extra;
use super::head::Head;
use super::id::{EventId, EventKey};
use super::timestamp::Timestamp;
use super::wire_id::WireId;
use crate::contract::{Headers, RecordView};

/// A head with the record it was read from: the same answers in every [`ContentMode`]. Borrows, and copies nothing.
#[derive(Clone, Copy)]
pub struct Metadata<'r> {
    head: &'r Head,
    value: &'r [u8],
    headers: Headers<'r>,
}

impl<'r> Metadata<'r> {
    /// The metadata of `record`, from which `head` was read ([`read_head`](super::read_head)). With another record it
    /// answers nonsense or nothing, but never panics.
    #[must_use]
    pub fn of(head: &'r Head, record: RecordView<'r>) -> Self {
        Self::new(head, record.value().unwrap_or_default(), record.headers())
    }

    pub(super) fn new(head: &'r Head, value: &'r [u8], headers: Headers<'r>) -> Self {
        Self { head, value, headers }
    }

    /// How the event lies in its record.
    #[must_use]
    pub fn content_mode(&self) -> ContentMode {
        self.head.content_mode()
    }

    /// What the event is known by inside: its id, or a CloudEvent's source and id together.
    #[must_use]
    pub fn key(&self) -> EventKey {
        self.head.key()
    }

    fn header(&self, name: &str) -> Option<Cow<'r, str>> {
        self.headers.text(name).filter(|text| !text.is_empty()).map(Cow::Borrowed)
    }

    /// The event's id, as it was written.
    #[must_use]
    pub fn id(&self) -> Cow<'r, str> {
        if self.head.is_binary() { self.header("ce_id").unwrap_or_default() } else { self.head.id(self.value) }
    }

    /// The event type.
    #[must_use]
    pub fn event_type(&self) -> Cow<'r, str> {
        if self.head.is_binary() { self.header("ce_type").unwrap_or_default() } else { self.head.event_type(self.value) }
    }

    /// When it happened; `None` for a CloudEvent that does not say.
    #[must_use]
    pub fn timestamp(&self) -> Option<Timestamp> {
        if self.head.is_binary() {
            return Timestamp::parse(self.header("ce_time")?.as_bytes());
        }
        self.head.timestamp(self.value)
    }

    /// Who published it.
    #[must_use]
    pub fn source(&self) -> Cow<'r, str> {
        if self.head.is_binary() { self.header("ce_source").unwrap_or_default() } else { self.head.source(self.value) }
    }

    /// What it belongs to: its own id where nothing is said.
    #[must_use]
    pub fn correlation_id(&self) -> Cow<'r, str> {
        if self.head.is_binary() {
            return self.header("ce_correlationid").unwrap_or_else(|| self.id());
        }
        self.head.correlation_id(self.value)
    }

    /// The event it follows from; `None` for a root.
    #[must_use]
    pub fn causation_id(&self) -> Option<Cow<'r, str>> {
        if self.head.is_binary() { self.header("ce_causationid") } else { self.head.causation_id(self.value) }
    }

    /// The namespace, for audits.
    #[must_use]
    pub fn broker(&self) -> Option<Cow<'r, str>> {
        if self.head.is_binary() { self.header("ce_broker") } else { self.head.broker(self.value) }
    }

    /// The version of the data's schema.
    #[must_use]
    pub fn schema_version(&self) -> u32 {
        self.head.schema_version()
    }

    /// The cause that outputs of this event have.
    pub(crate) fn cause(&self) -> Cause {
        // A CloudEvent's key is a hash of source and id: the time is in the id alone.
        let own = self.content_mode().is_cloud_events().then(|| self.id().parse::<EventId>().ok()).flatten();
        let millis = own.and_then(EventId::millis).or_else(|| self.key().millis());
        match millis {
            Some(millis) => Cause { id: self.key(), millis },
            None => Cause::new(self.key(), self.timestamp()),
        }
    }

    /// The event with its data; `stamp` is its time where it says none.
    pub(super) fn event<T>(&self, stamp: Timestamp, extra: Extra, data: T) -> Result<EventEnvelope<T>, EnvelopeError> {
        let id = |text: Cow<'_, str>| WireId::parse(&text).map_err(CloudEventError::Id);
        let own = id(self.id())?;
        let mut event = EventEnvelope::new(own, self.event_type(), self.timestamp().unwrap_or(stamp), self.source(), data);
        event.correlation_id = id(self.correlation_id())?;
        event.causation_id = self.causation_id().map(id).transpose()?;
        event.broker = self.broker().map(Cow::into_owned);
        event.schema_version = self.schema_version();
        event.extra = extra;
        Ok(event)
    }
}

impl std::fmt::Debug for Metadata<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Metadata").field("id", &self.id()).field("type", &self.event_type()).finish_non_exhaustive()
    }
}
