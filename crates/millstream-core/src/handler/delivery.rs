//! Owns the delivery: one record, handed to a handler for one attempt, with the state and the outputs lent to it.

use super::entry::Lent;
use super::origin::position_of;
use super::outputs::Outputs;
use crate::contract::{Epoch, PartitionId, Position, RecordBatch, RecordRef, RecordView};
use crate::envelope::{EventKey, Head};
use crate::topic::{Namespace, Topic};

/// What an attempt reads: the record and where it came from. Owned by the seat, so that handlers may borrow from it.
#[derive(Clone, Debug)]
pub struct Input {
    pub(crate) topic: Topic,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) partition: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) record: RecordRef,
    pub(crate) key: EventKey,
    pub(crate) head: Option<Head>,
    pub(crate) attempt: u32,
    /// Whether its topic is one of our retry topics: topic and position are then those of the original.
    pub(crate) copied: bool,
}

impl Input {
    /// An input of `batch`'s partition, at its first record; `copied` if that is of a retry topic.
    pub(crate) fn new(batch: &RecordBatch, copied: bool) -> Self {
        let topic = &batch.partition.topic;
        let topic = if copied { topic.logical() } else { topic.clone() };
        Input {
            namespace: topic.namespace(),
            topic,
            partition: batch.partition.partition,
            epoch: batch.epoch,
            record: batch.share(0),
            key: EventKey::from_u128(0),
            head: None,
            attempt: 1,
            copied,
        }
    }

    /// Where the record lies; of a copy in a retry topic, where it lay first.
    #[inline]
    pub(crate) fn position(&self) -> Position {
        position_of(self.record.view(), self.partition, self.copied)
    }
}

/// One hand-over of a record to a handler: record, position, epoch and attempt.
///
/// `'d` is the attempt: what is borrowed from a delivery cannot outlive it.
pub struct Delivery<'d, S> {
    state: &'d S,
    input: &'d Input,
    outputs: Option<&'d mut Outputs>,
    entry: Option<&'d mut Lent>,
}

impl<'d, S> Delivery<'d, S> {
    #[inline]
    pub(crate) fn seated(state: &'d S, input: &'d Input, outputs: &'d mut Outputs, entry: Option<&'d mut Lent>) -> Self {
        Delivery { state, input, outputs: Some(outputs), entry }
    }

    /// The service's state.
    #[inline]
    pub fn state(&self) -> &'d S {
        self.state
    }

    /// The record: key, value, headers, timestamp.
    #[inline]
    pub fn record(&self) -> RecordView<'d> {
        self.input.record.view()
    }

    /// The record, to be kept beyond the attempt: costs one reference count.
    #[inline]
    pub fn shared_record(&self) -> RecordRef {
        self.input.record.clone()
    }

    /// The topic it was read from; of a retry topic, the one it retries.
    #[inline]
    pub fn topic(&self) -> &'d Topic {
        &self.input.topic
    }

    /// The topic's namespace; `None` for a shared topic.
    #[inline]
    pub fn namespace(&self) -> Option<&'d Namespace> {
        self.input.namespace.as_ref()
    }

    /// Where it lies; of a copy in a retry topic, where it lay first.
    #[inline]
    pub fn position(&self) -> Position {
        self.input.position()
    }

    /// The ownership session it is handled under.
    #[inline]
    pub fn epoch(&self) -> Epoch {
        self.input.epoch
    }

    /// Which handler call this is for the record, from 1, in this ownership session.
    #[inline]
    pub fn attempt(&self) -> u32 {
        self.input.attempt
    }

    /// The key it is deduplicated by.
    #[inline]
    pub fn event_key(&self) -> EventKey {
        self.input.key
    }

    /// What the header scan found; `None` if the value is no envelope.
    #[inline]
    pub fn head(&self) -> Option<&'d Head> {
        self.input.head.as_ref()
    }

    #[inline]
    pub(crate) fn input(&self) -> &'d Input {
        self.input
    }

    pub(crate) fn take_entry(&mut self) -> Option<&'d mut Lent> {
        self.entry.take()
    }

    #[inline]
    pub(crate) fn take_outputs(&mut self) -> Option<&'d mut Outputs> {
        self.outputs.take()
    }
}
