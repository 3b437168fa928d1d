//! Owns what layers and filters may know of a delivery: everything but the state, the outputs and the decoded data.

use crate::contract::{Epoch, Headers, Offset, PartitionId, Position, RecordView};
use crate::envelope::{EventKey, Metadata};
use crate::handler::{Input, OutputContext};
use crate::topic::{Namespace, Topic};
use std::borrow::Cow;
use std::fmt;

/// One delivery, as layers and filters see it: the record and where it comes from, without the handler's types.
///
/// Borrows and copies nothing; what is asked for is read where it lies.
#[derive(Clone, Copy)]
pub struct DeliveryInfo<'d> {
    input: &'d Input,
    context: &'d OutputContext,
}

impl<'d> DeliveryInfo<'d> {
    pub(crate) fn new(input: &'d Input, context: &'d OutputContext) -> Self {
        DeliveryInfo { input, context }
    }

    /// The service's name.
    pub fn service(&self) -> &'d str {
        &self.context.source
    }

    /// The consumer group it is read as.
    pub fn group(&self) -> &'d str {
        &self.context.group
    }

    /// The handler's name.
    pub fn handler(&self) -> &'d str {
        &self.context.handler
    }

    /// The topic it was read from; of a retry topic, the one it retries.
    pub fn topic(&self) -> &'d Topic {
        &self.input.topic
    }

    /// The topic's namespace; `None` for a shared topic.
    pub fn namespace(&self) -> Option<&'d Namespace> {
        self.input.namespace.as_ref()
    }

    /// The partition it was read from; of a copy in a retry topic, the original's.
    pub fn partition(&self) -> PartitionId {
        self.position().partition
    }

    /// Its offset in the partition.
    pub fn offset(&self) -> Offset {
        self.position().offset
    }

    /// Partition and offset.
    pub fn position(&self) -> Position {
        self.input.position()
    }

    /// The ownership session it is handled under.
    pub fn epoch(&self) -> Epoch {
        self.input.epoch
    }

    /// Which attempt this is for the record, from 1, in this ownership session. A filter, which is asked before any, sees 1.
    pub fn attempt(&self) -> u32 {
        self.input.attempt
    }

    /// The record: key, value, headers, timestamp, as bytes.
    pub fn record(&self) -> RecordView<'d> {
        self.input.record.view()
    }

    /// The record's headers.
    pub fn headers(&self) -> Headers<'d> {
        self.record().headers()
    }

    /// What is known of the event beside its data; `None` if the record is no event: a tombstone, or a record of a handler
    /// whose [`IdSource`](crate::service::IdSource) is not the envelope.
    pub fn metadata(&self) -> Option<Metadata<'d>> {
        self.input.head.as_ref().map(|head| Metadata::of(head, self.record()))
    }

    /// The event's type; `None` where there is no [`metadata`](Self::metadata).
    pub fn event_type(&self) -> Option<Cow<'d, str>> {
        self.metadata().map(|metadata| metadata.event_type())
    }

    /// The event's id, as it was written; `None` where there is no [`metadata`](Self::metadata).
    pub fn event_id(&self) -> Option<Cow<'d, str>> {
        self.metadata().map(|metadata| metadata.id())
    }

    /// What the event belongs to; `None` where there is no [`metadata`](Self::metadata).
    pub fn correlation_id(&self) -> Option<Cow<'d, str>> {
        self.metadata().map(|metadata| metadata.correlation_id())
    }

    /// What the record is deduplicated by.
    pub fn event_key(&self) -> EventKey {
        self.input.key
    }
}

impl fmt::Debug for DeliveryInfo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Neither key, value nor headers: they are the user's (I13).
        f.debug_struct("DeliveryInfo")
            .field("handler", &self.handler())
            .field("topic", self.topic())
            .field("position", &self.position())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
