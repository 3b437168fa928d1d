//! Owns writing: a request is appended as it is first polled, each partition's share under one lock.

use crate::broker::Broker;
use crate::error;
use crate::log::Log;
use crate::topic::TopicState;
use millstream_core::contract::{Error, ErrorKind, Operation, Produce, Producer, Receipt, RecordView, TopicPartition};
use millstream_core::topic::Topic;
use std::sync::Arc;
use std::time::Duration;

/// Writes into a [`Memory`](crate::Memory). An answer never waits for anything: neither for readers nor for room.
#[derive(Clone, Debug)]
pub struct MemoryProducer {
    broker: Arc<Broker>,
}

type Answer = Result<Receipt, Error>;

impl MemoryProducer {
    pub(crate) fn new(broker: Arc<Broker>) -> Self {
        MemoryProducer { broker }
    }

    fn append(&self, batch: &Produce) -> Vec<Answer> {
        if let [place] = batch.places() {
            let mut answers = Vec::with_capacity(batch.len());
            self.append_to(place, batch, batch.bytes(), 0..batch.len(), |_, answer| answers.push(answer));
            return answers;
        }
        // Sorted by destination, in the order of the request among equals: each lock is taken once.
        let mut order: Vec<usize> = (0..batch.len()).collect();
        order.sort_by_key(|&index| batch.place(index));
        let mut answers: Vec<Option<Answer>> = Vec::new();
        answers.resize_with(batch.len(), || None);
        for share in order.chunk_by(|a, b| batch.place(*a) == batch.place(*b)) {
            let place = &batch.places()[batch.place(share[0])];
            let bytes = share.iter().map(|&index| batch.record(index).size()).sum();
            self.append_to(place, batch, bytes, share.iter().copied(), |index, answer| answers[index] = Some(answer));
        }
        let missing = || Err(Error::new(ErrorKind::Internal, Operation::Send, "a record was not looked at"));
        answers.into_iter().map(|answer| answer.unwrap_or_else(missing)).collect()
    }

    /// Appends the records `indexes` of `batch` to `place` and gives each its answer.
    fn append_to(
        &self,
        place: &TopicPartition,
        batch: &Produce,
        bytes: usize,
        indexes: impl ExactSizeIterator<Item = usize>,
        mut answer: impl FnMut(usize, Answer),
    ) {
        let topic = match self.broker.topic(&place.topic, Operation::Send) {
            Ok(topic) => topic,
            Err(error) => {
                let again = || Error::new(error.kind(), Operation::Send, error.context().to_owned());
                return indexes.for_each(|index| answer(index, Err(again())));
            }
        };
        let Some(partition) = topic.partition(place.partition) else {
            let error = || error::no_partition(Operation::Send, place, topic.partition_count());
            return indexes.for_each(|index| answer(index, Err(error())));
        };
        if topic.trouble.is_closed() {
            return indexes.for_each(|index| answer(index, Err(error::unwritable(place))));
        }
        partition.change(|log| {
            log.expect(indexes.len(), bytes);
            // Read at most once a request: a clock costs more than a record.
            let mut wall = None;
            let mut wall = || *wall.get_or_insert_with(|| self.broker.wall_millis());
            let mut failed = false;
            for index in indexes {
                // One that is to be sent again takes those behind it along, so that their order is kept (P3).
                let appended = match failed {
                    true => Err(error::behind_a_failed_one(place)),
                    false => append_one(log, &topic, place, batch.record(index), &mut wall),
                };
                failed |= appended.as_ref().is_err_and(Error::is_retriable);
                answer(index, appended);
            }
        });
    }
}

/// Appends one record, or says why not.
fn append_one(
    log: &mut Log,
    topic: &TopicState,
    place: &TopicPartition,
    record: RecordView<'_>,
    wall: &mut impl FnMut() -> i64,
) -> Answer {
    let size = record.size();
    if size > topic.config.max_record_bytes {
        return Err(error::too_large(place, size, topic.config.max_record_bytes));
    }
    if record.key().is_none() && topic.config.cleanup.compacts() {
        return Err(error::keyless(place));
    }
    let fault = topic.trouble.next();
    if let Some(error) = fault.and_then(|fault| error::befallen(place, fault, false)) {
        return Err(error);
    }
    let (offset, timestamp) = log.append(record, size, wall);
    if let Some(error) = fault.and_then(|fault| error::befallen(place, fault, true)) {
        return Err(error);
    }
    Ok(Receipt::new(place.partition, offset, timestamp))
}

impl Producer for MemoryProducer {
    async fn send(&self, batch: &Produce) -> Vec<Answer> {
        self.append(batch)
    }

    async fn flush(&self, _within: Duration) -> Result<(), Error> {
        // A send has its answer as soon as it is polled.
        Ok(())
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        Ok(self.broker.topic(topic, Operation::Lookup)?.partition_count())
    }
}
