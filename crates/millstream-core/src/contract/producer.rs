//! Owns the trait that writes records, its request and its receipt. Leaves queues, order after failures and retries to
//! the service's outbox.

use super::partitioner;
use super::{Error, ErrorKind, Operation, PartitionId, Record, RecordSet, RecordSetBuilder, RecordView, TopicPartition};
use crate::topic::Topic;
use std::time::Duration;

/// Where a record landed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Receipt {
    /// The partition's number.
    pub partition: PartitionId,
    /// The record's offset.
    pub offset: u64,
    /// Milliseconds since the Unix epoch, as the log has it.
    pub timestamp: i64,
}

impl Receipt {
    /// A receipt for the record at `offset` of `partition`.
    pub fn new(partition: PartitionId, offset: u64, timestamp: i64) -> Self {
        Receipt { partition, offset, timestamp }
    }
}

/// Many records on their way into the log, each with its destination partition, in one arena.
///
/// Two records of one destination lie in the order in which they are to be appended.
#[derive(Clone, Debug, Default)]
pub struct Produce {
    places: Vec<TopicPartition>,
    to: Vec<u32>,
    set: RecordSet,
}

impl Produce {
    /// The records of `set`, the `i`th one to `places[to[i]]`. Offsets inside the set have no meaning. A timestamp
    /// below 0 lets the broker stamp the record.
    ///
    /// # Panics
    /// If a record has no place.
    pub fn new(places: Vec<TopicPartition>, to: Vec<u32>, set: RecordSet) -> Self {
        assert!(to.len() == set.len() && to.iter().all(|&place| (place as usize) < places.len()), "every record has a place");
        Produce { places, to, set }
    }

    /// Owned records, each with its partition already chosen.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] if a record has no partition.
    pub fn of(records: &[Record]) -> Result<Self, Error> {
        let mut builder = RecordSetBuilder::new(0);
        let (mut places, mut to) = (Vec::<TopicPartition>::new(), Vec::with_capacity(records.len()));
        for (index, record) in records.iter().enumerate() {
            let partition = record
                .partition
                .ok_or_else(|| Error::new(ErrorKind::Invalid, Operation::Send, "a record has no partition; choose one first"))?;
            let place = places.iter().position(|p| p.topic == record.topic && p.partition == partition).unwrap_or_else(|| {
                places.push(TopicPartition::new(record.topic.clone(), partition));
                places.len() - 1
            });
            to.push(u32::try_from(place).unwrap_or(u32::MAX));
            builder.push_record(index as u64, record.timestamp.unwrap_or(-1), record);
        }
        Ok(Produce { places, to, set: builder.build() })
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.to.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.to.is_empty()
    }

    /// The bytes of all keys, values and headers together.
    pub fn bytes(&self) -> usize {
        self.set.bytes()
    }

    /// The records alone.
    pub fn into_records(self) -> RecordSet {
        self.set
    }

    /// The distinct destinations.
    pub fn places(&self) -> &[TopicPartition] {
        &self.places
    }

    /// The index in [`places`](Self::places) of the `index`th record's destination.
    pub fn place(&self, index: usize) -> usize {
        self.to[index] as usize
    }

    /// The `index`th record.
    pub fn record(&self, index: usize) -> RecordView<'_> {
        self.set.view(index)
    }

    /// All records with their destinations, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&TopicPartition, RecordView<'_>)> {
        self.to.iter().enumerate().map(|(index, &place)| (&self.places[place as usize], self.set.view(index)))
    }
}

/// Writes records into the log.
///
/// 1. **P1** `send` answers once per record, in the order of the request: a receipt, or an error that says whether it
///    was applied. An answer comes for every record, also when the request fails as a whole.
///    *Checked by* `send_answers_once_per_record_in_order`, `a_request_that_fails_as_a_whole_answers_for_every_record`,
///    `an_unknown_outcome_of_a_send_is_called_unknown`.
/// 2. **P2** A receipt means durable as the transport defines it: a reader that starts at the receipt's offset sees it.
///    *Checked by* `a_receipt_says_where_the_record_can_be_read`.
/// 3. **P3** Records of one destination are appended in the order of the request, and those of a `send` first polled
///    earlier before those of one first polled later, if both were given to the same producer and none failed.
///    A record that failed in a way to be tried again takes with it, unwritten, the later ones of its destination in the
///    request, so that sending again keeps the order.
///    *Checked by* `records_are_appended_in_the_order_of_the_requests`,
///    `a_record_to_be_sent_again_takes_the_later_ones_along`.
/// 4. **P4** A record is written to exactly the partition named; keys are not looked at.
///    *Checked by* `a_record_is_written_to_exactly_the_partition_named`.
/// 5. **P5** Bytes, null values, null keys, and repeated or null headers arrive as they were sent, or the record is
///    refused with [`ErrorKind::Unsupported`]; see [`Capabilities`](super::Capabilities).
///    *Checked by* `keys_values_and_timestamps_arrive_as_they_were_sent`,
///    `null_keys_and_tombstones_arrive_as_they_were_sent`, `headers_arrive_as_they_were_sent_or_are_refused`,
///    `a_large_record_arrives_whole`.
/// 6. **P6** One record's failure does not fail those of other destinations; a permanent one fails no other at all.
///    *Checked by* `one_records_failure_does_not_fail_anothers`,
///    `a_record_to_be_sent_again_takes_the_later_ones_along`.
/// 7. **P7** A slow or stalled consumer of the topic never delays `send`.
///    *Checked by* `a_stalled_consumer_never_delays_send`.
/// 8. **P8** After `flush` has answered `Ok`, every `send` polled before it has its answers.
///    *Checked by* `after_a_flush_every_send_polled_before_has_its_answers`.
/// 9. **P9** A producer classifies errors and returns them; it does not retry what it reports. An answer that was lost is
///    [`Applied::Unknown`](super::Applied::Unknown), whatever became of the record.
///    *Checked by* `one_records_failure_does_not_fail_anothers`, `errors_say_whether_to_try_again`,
///    `an_unknown_outcome_of_a_send_is_called_unknown`.
/// 10. **P10** Dropping a `send` harms no other: those before and after it are written in order and answered.
///     *Checked by* `a_dropped_send_harms_no_other`.
///
/// # Cancel safety
/// Dropping `send`'s future leaves the effect of its records unknown; dropping `flush`'s or `partitions`' loses nothing.
///
/// # Errors
/// Per record: [`ErrorKind::TooLarge`], [`UnknownTopic`](ErrorKind::UnknownTopic), [`Unauthorized`](ErrorKind::Unauthorized)
/// (permanent), [`Unwritable`](ErrorKind::Unwritable), [`Unavailable`](ErrorKind::Unavailable),
/// [`TimedOut`](ErrorKind::TimedOut) (to be tried again).
pub trait Producer: Send + Sync + 'static {
    /// Appends each record to its destination and answers for each.
    fn send(&self, batch: &Produce) -> impl Future<Output = Vec<Result<Receipt, Error>>> + Send;

    /// Waits until every record sent before has its answer, at most `within`.
    fn flush(&self, within: Duration) -> impl Future<Output = Result<(), Error>> + Send;

    /// How many partitions `topic` has.
    fn partitions(&self, topic: &Topic) -> impl Future<Output = Result<u32, Error>> + Send;
}

/// Conveniences over [`Producer`], for the direct tier.
pub trait ProducerExt: Producer {
    /// Sends one record; its partition, if not chosen, follows its key (see [`partition_for_key`](super::partition_for_key)),
    /// or is 0 without a key.
    fn send_one(&self, record: Record) -> impl Future<Output = Result<Receipt, Error>> + Send {
        async move {
            let mut answers = self.send_all(vec![record]).await?;
            answers.pop().unwrap_or_else(|| Err(Error::new(ErrorKind::Internal, Operation::Send, "the producer gave no answer")))
        }
    }

    /// Sends records, choosing partitions by key where none is chosen.
    ///
    /// # Errors
    /// If a topic's partitions cannot be looked up; nothing was sent then. The records' own answers are inside.
    fn send_all(&self, mut records: Vec<Record>) -> impl Future<Output = Result<Vec<Result<Receipt, Error>>, Error>> + Send {
        async move {
            for record in &mut records {
                if record.partition.is_none() {
                    let partitions = self.partitions(&record.topic).await?;
                    record.partition =
                        Some(record.key.as_deref().map_or(0, |key| partitioner::partition_for_key(key, partitions)));
                }
            }
            Ok(self.send(&Produce::of(&records)?).await)
        }
    }
}

impl<P: Producer + ?Sized> ProducerExt for P {}
