//! Owns one epoch of one partition as its reader sees it: where it reads, how much it may, and what is kept back. Leaves who
//! owns it to `state`.

use super::leaders::Leaders;
use super::source::{Source, Taken};
use millstream_core::contract::{
    CommittedOffset, Epoch, Offset, PartitionFault, RecordBatch, RecordSetBuilder, TopicId, TopicPartition,
};
use rdkafka::types::RDKafkaErrorCode;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

/// The most bytes of a batch, but for its first record: a set must stay below 4 GiB, and nobody gains by more than this.
const MOST_BYTES: usize = 64 << 20;

/// How far an epoch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// It was told of and waits for its start.
    Told,
    /// The client is asked to read from here.
    Starting(Offset),
    /// It yields records.
    Running,
    /// Something is wrong, told or about to be told.
    Faulted,
}

/// One epoch of one partition.
pub(super) struct Owned {
    pub(super) place: TopicPartition,
    pub(super) epoch: Epoch,
    pub(super) topic_id: TopicId,
    pub(super) source: Source,
    pub(super) stage: Stage,
    pub(super) position: Offset,
    pub(super) paused: bool,
    /// What the group is known to have committed; `None` if it is not known.
    pub(super) committed: Option<CommittedOffset>,
    leaders: Leaders,
    /// Until when it is still owned.
    pub(super) revoking: Option<Instant>,
    records: u32,
    bytes: u64,
    /// Nothing was yielded since the last demand: one record is admitted, however large.
    fresh: bool,
    /// Taken off the queue and not yet yielded.
    kept: VecDeque<Taken>,
}

/// What a partition has to say.
pub(super) enum Read {
    Records(RecordBatch),
    Advanced(Offset),
    Fault(PartitionFault),
    /// Something is wrong; what exactly must be looked up.
    LookUp,
}

impl Owned {
    pub(super) fn new(place: TopicPartition, epoch: Epoch, topic_id: TopicId, source: Source) -> Self {
        Owned {
            place,
            epoch,
            topic_id,
            source,
            stage: Stage::Told,
            position: 0,
            paused: false,
            committed: None,
            leaders: Leaders::default(),
            revoking: None,
            records: 0,
            bytes: 0,
            fresh: false,
            kept: VecDeque::new(),
        }
    }

    pub(super) fn want(&mut self, records: u32, bytes: u64) {
        (self.records, self.bytes, self.fresh) = (records, bytes, true);
    }

    /// The client reads from `at` on.
    pub(super) fn runs_from(&mut self, at: Offset) {
        (self.stage, self.position) = (Stage::Running, at);
        self.kept.clear();
    }

    /// Under which leader the last record below `next` was written, if it is known: it was read, or committed with it.
    pub(super) fn led_below(&self, next: Offset) -> Option<i32> {
        let committed = || self.committed.as_ref().filter(|committed| committed.offset == next)?.leader_epoch;
        self.leaders.of_last_below(next).or_else(committed)
    }

    /// The group is known to have committed this, or nobody can tell.
    pub(super) fn is_committed(&mut self, committed: Option<CommittedOffset>) {
        if let Some(committed) = &committed {
            self.leaders.committed(committed.offset);
        }
        self.committed = committed;
    }

    /// A commit that changes nothing: what is committed already, or with a text of `too_long` bytes, which is refused.
    pub(super) fn probe(&self, too_long: usize) -> CommittedOffset {
        match &self.committed {
            Some(committed) => committed.clone(),
            None => CommittedOffset::new(self.position, Some("?".repeat(too_long))),
        }
    }

    pub(super) fn into_source(self) -> Source {
        self.source
    }

    /// The next thing within the demand.
    pub(super) fn read(&mut self, max_batch: usize) -> Option<Read> {
        if self.stage != Stage::Running || self.revoking.is_some() || self.paused || self.records == 0 {
            return None;
        }
        let most = max_batch.min(self.records as usize);
        let (mut set, mut base) = (None::<RecordSetBuilder>, None);
        loop {
            let count = set.as_ref().map_or(0, RecordSetBuilder::len);
            if count == most || (self.kept.is_empty() && self.source.take(most - count, &mut self.kept) == 0) {
                break;
            }
            let Some(message) = self.kept.front() else { break };
            let offset = message.offset().unwrap_or(0);
            if let Some(error) = message.error() {
                if count > 0 {
                    break;
                }
                self.kept.pop_front();
                match self.concerns(error, offset) {
                    Some(read) => return Some(read),
                    None => continue,
                }
            }
            if offset < self.position {
                self.kept.pop_front();
                continue;
            }
            let base = *base.get_or_insert(offset);
            if offset - base > Offset::from(u32::MAX / 2) {
                // A gap that no set spans.
                break;
            }
            let builder = set.get_or_insert_with(|| RecordSetBuilder::new(offset));
            let (before, first) = (builder.bytes(), count == 0);
            push(builder, offset, message);
            let size = (builder.bytes() - before) as u64;
            let leader = message.leader_epoch();
            let admitted = first && self.fresh;
            if (size > self.bytes && !admitted) || (!first && builder.bytes() > MOST_BYTES) {
                builder.truncate(count);
                break;
            }
            self.kept.pop_front();
            self.bytes = self.bytes.saturating_sub(size);
            self.fresh = false;
            self.position = offset + 1;
            self.leaders.read(offset, leader);
        }
        let set = Arc::new(set?.build());
        if set.is_empty() {
            return None;
        }
        self.records -= u32::try_from(set.len()).unwrap_or(self.records);
        let all = 0..set.len();
        let mut batch = RecordBatch::new(self.place.clone(), self.epoch, set, all, self.position);
        batch.high_watermark = self.source.end().map(|end| end.max(self.position));
        Some(Read::Records(batch))
    }

    /// What an error in a record's place means for the partition; `None` if nothing.
    fn concerns(&mut self, error: RDKafkaErrorCode, offset: Offset) -> Option<Read> {
        let fault = match error {
            RDKafkaErrorCode::PartitionEOF => {
                return (offset > self.position).then(|| {
                    self.position = offset;
                    Read::Advanced(offset)
                });
            }
            RDKafkaErrorCode::AutoOffsetReset
            | RDKafkaErrorCode::OffsetOutOfRange
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicOrPartition => {
                self.stage = Stage::Faulted;
                return Some(Read::LookUp);
            }
            RDKafkaErrorCode::LogTruncation => PartitionFault::Truncated(offset),
            RDKafkaErrorCode::TopicAuthorizationFailed => PartitionFault::Unauthorized,
            RDKafkaErrorCode::BadMessage
            | RDKafkaErrorCode::InvalidMessage
            | RDKafkaErrorCode::BadCompression
            | RDKafkaErrorCode::NotImplemented
            | RDKafkaErrorCode::Underflow => PartitionFault::Corrupt(self.position),
            RDKafkaErrorCode::MessageSizeTooLarge => PartitionFault::TooLarge(self.position),
            // Trouble of a connection or a broker, which passes; the client goes on by itself.
            _ => return None,
        };
        self.stage = Stage::Faulted;
        Some(Read::Fault(fault))
    }
}

fn push(builder: &mut RecordSetBuilder, offset: Offset, message: &Taken) {
    message.each_header(|name, value| builder.header(name, value));
    builder.push(offset, message.timestamp(), message.key(), message.value());
}
