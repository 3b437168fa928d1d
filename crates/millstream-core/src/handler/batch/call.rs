//! Owns what one call of a batch handler reads, its seat, and the delivery out of which arguments are made.
//!
//! As a single attempt's: the future owns what it lends (see `handler::seat`).

use super::outcomes::Outcomes;
use super::outputs::BatchOutputs;
use crate::contract::{Epoch, PartitionId, RecordBatch, RecordRef};
use crate::envelope::{EventKey, Head};
use crate::handler::HandlerError;
use crate::handler::event::Event;
use crate::topic::{Namespace, Topic};
use std::sync::Arc;

/// One record of a call.
#[derive(Clone, Debug)]
pub(crate) struct BatchRecord {
    pub(crate) record: RecordRef,
    pub(crate) key: EventKey,
    pub(crate) head: Option<Head>,
    pub(crate) attempt: u32,
}

impl BatchRecord {
    /// The record of a unit test's event.
    pub(super) fn example<T>(event: &Event<T>) -> Self {
        let (record, head) = event.parts();
        BatchRecord { record: record.clone(), key: head.key(), head: Some(*head), attempt: 1 }
    }
}

/// What a call reads: its records, in the order of their offsets, and where they come from.
#[derive(Clone, Debug)]
pub(crate) struct CallInput {
    pub(crate) topic: Topic,
    pub(crate) namespace: Option<Namespace>,
    pub(crate) partition: PartitionId,
    pub(crate) epoch: Epoch,
    pub(crate) records: Arc<[BatchRecord]>,
    /// Whether its topic is one of our retry topics: topic and positions are then those of the originals.
    pub(crate) copied: bool,
}

impl CallInput {
    /// An input of `batch`'s partition, without records; `copied` if that is of a retry topic.
    pub(crate) fn new(batch: &RecordBatch, copied: bool) -> Self {
        let topic = &batch.partition.topic;
        let topic = if copied { topic.logical() } else { topic.clone() };
        CallInput {
            namespace: topic.namespace(),
            topic,
            partition: batch.partition.partition,
            epoch: batch.epoch,
            records: Arc::from([]),
            copied,
        }
    }
}

/// What one call needs, and its answer afterwards.
#[doc(hidden)]
pub struct BatchSeat<H, St> {
    pub(crate) handler: H,
    pub(crate) state: St,
    pub(crate) input: CallInput,
    pub(crate) outputs: BatchOutputs,
    /// Records that are not in the batch, and why, in their order.
    pub(crate) rejected: Vec<(usize, HandlerError)>,
    pub(crate) answer: Option<Result<Outcomes, HandlerError>>,
}

/// The hand-over of records to a batch handler for one call, with the state and the outputs lent to it.
///
/// `'d` is the call: what is borrowed from a delivery cannot outlive it.
pub struct BatchDelivery<'d, S> {
    state: &'d S,
    input: &'d CallInput,
    outputs: Option<&'d mut BatchOutputs>,
    rejected: &'d mut Vec<(usize, HandlerError)>,
}

impl<'d, S> BatchDelivery<'d, S> {
    pub(crate) fn seated(
        state: &'d S,
        input: &'d CallInput,
        outputs: &'d mut BatchOutputs,
        rejected: &'d mut Vec<(usize, HandlerError)>,
    ) -> Self {
        BatchDelivery { state, input, outputs: Some(outputs), rejected }
    }

    /// The service's state.
    pub fn state(&self) -> &'d S {
        self.state
    }

    /// The topic the records were read from; of a retry topic, the one it retries.
    pub fn topic(&self) -> &'d Topic {
        &self.input.topic
    }

    /// The topic's namespace; `None` for a shared topic.
    pub fn namespace(&self) -> Option<&'d Namespace> {
        self.input.namespace.as_ref()
    }

    /// The partition they were read from.
    pub fn partition(&self) -> PartitionId {
        self.input.partition
    }

    /// The ownership session they are handled under.
    pub fn epoch(&self) -> Epoch {
        self.input.epoch
    }

    pub(super) fn records(&self) -> &'d [BatchRecord] {
        &self.input.records
    }

    pub(super) fn is_copied(&self) -> bool {
        self.input.copied
    }

    pub(super) fn take_outputs(&mut self) -> Option<&'d mut BatchOutputs> {
        self.outputs.take()
    }

    /// The record at `index` is not for the handler.
    pub(super) fn reject(&mut self, index: usize, why: HandlerError) {
        self.rejected.push((index, why));
    }

    /// Whether no record is left for the handler.
    pub(super) fn is_void(&self) -> bool {
        self.rejected.len() >= self.input.records.len()
    }
}
