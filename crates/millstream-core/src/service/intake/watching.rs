//! Owns what an intake says of its consumer in spans and metrics: batches that came, and commits.

use super::IntakeParts;
use crate::clock::MonoTime;
use crate::contract::{Assigned, CommitEntry, CommitId, Committed, RecordBatch};
use crate::service::client_meters::{GroupMeters, Watch};
use crate::service::partition_meters::PartitionMeters;
use crate::service::spans::Tracing;
use tracing::Span;

/// What is said of one consumer.
pub(super) struct Watching {
    group: String,
    watch: Watch,
    meters: Option<GroupMeters>,
    /// When the last batch came.
    last: MonoTime,
    /// The commit under way. One that is given up without an outcome makes room for the next.
    commit: Option<(CommitId, Span, MonoTime)>,
}

impl Watching {
    pub(super) fn new(parts: &IntakeParts) -> Self {
        let (group, watch) = (parts.request.group.clone(), parts.watch.clone());
        let meters = watch.meters.as_ref().map(|meters| meters.group(&group));
        Watching { group, meters, watch, last: parts.clock.now(), commit: None }
    }

    /// The metrics of a partition that starts, if metrics are wanted.
    pub(super) fn partition(&self, assigned: &Assigned) -> Option<PartitionMeters> {
        self.watch.meters.as_ref().map(|meters| meters.partition(&self.group, &assigned.partition, assigned.end))
    }

    /// A batch came; answers the span in which it is taken in.
    pub(super) fn polled(&mut self, batch: &RecordBatch, partition: Option<&mut PartitionMeters>, now: MonoTime) -> Span {
        if let Some(meters) = &self.meters {
            meters.poll.record(now.since(self.last));
        }
        if let Some(partition) = partition {
            partition.delivered(batch);
        }
        self.last = now;
        self.watch.tracing.poll(&self.group, batch)
    }

    /// A commit was submitted.
    pub(super) fn committing(&mut self, id: CommitId, entries: &[CommitEntry], now: MonoTime) {
        let span = self.watch.tracing.commit(&self.group, entries.iter().map(|entry| &entry.partition.topic));
        if self.meters.is_some() || !span.is_disabled() {
            self.commit = Some((id, span, now));
        }
    }

    /// A commit's outcome came.
    pub(super) fn committed(&mut self, committed: &Committed, now: MonoTime) {
        let Some((_, span, began)) = self.commit.take_if(|(id, ..)| *id == committed.id) else { return };
        if let Some(meters) = &self.meters {
            meters.commit.record(now.since(began));
        }
        Tracing::committed(&span, committed);
    }
}
