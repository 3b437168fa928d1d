//! Owns the metrics of one assigned partition: how far it is behind, and when it last moved. Gauges are zeroed when it leaves
//! this member, since nobody here knows any more.

use crate::clock::MonoTime;
use crate::contract::{Offset, RecordBatch, TopicPartition};
use metrics::{Counter, Gauge, SharedString, counter, gauge};
use std::collections::VecDeque;
use std::time::Duration;

/// How often gauges are set though nothing changed, so that the age of a stuck record grows.
const EVERY: Duration = Duration::from_secs(1);

/// How far a partition is behind. Bounded by the window: an entry a batch in flight.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lag {
    high: Offset,
    /// The end of each batch that is not settled, and its first record's time.
    batches: VecDeque<(Offset, i64)>,
    /// The time of the last batch that is settled.
    settled: Option<i64>,
}

impl Lag {
    fn delivered(&mut self, next: Offset, high: Option<Offset>, first: i64) {
        self.high = self.high.max(high.unwrap_or(next)).max(next);
        self.batches.push_back((next, first));
    }

    fn records(&self, watermark: Offset) -> u64 {
        self.high.saturating_sub(watermark)
    }

    /// The age of what is not settled, in milliseconds. 0 where records tell no time.
    fn millis(&mut self, watermark: Offset, wall: u64) -> u64 {
        while let Some((_, first)) = self.batches.pop_front_if(|(end, _)| *end <= watermark) {
            self.settled = Some(first);
        }
        let first = match self.batches.front() {
            Some((_, first)) => Some(*first),
            None if self.records(watermark) > 0 => self.settled,
            None => None,
        };
        first.and_then(|first| u64::try_from(first).ok()).map_or(0, |first| wall.saturating_sub(first))
    }
}

/// Handles of one partition, made once an assignment.
pub(crate) struct PartitionMeters {
    lag_records: Gauge,
    lag_seconds: Gauge,
    progress: Gauge,
    records: Counter,
    lag: Lag,
    watermark: Option<Offset>,
    refreshed: Option<(Offset, Offset, MonoTime)>,
}

impl PartitionMeters {
    pub(super) fn new(service: &SharedString, group: &str, partition: &TopicPartition, end: Option<Offset>) -> Self {
        let labels = [
            ("service", service.clone()),
            ("messaging_consumer_group_name", group.to_owned().into()),
            ("messaging_destination_name", partition.topic.as_str().to_owned().into()),
            ("messaging_destination_partition_id", partition.partition.to_string().into()),
        ];
        PartitionMeters {
            lag_records: gauge!("millstream_consumer_lag_records", &labels),
            lag_seconds: gauge!("millstream_consumer_lag_seconds", &labels),
            progress: gauge!("millstream_partition_last_progress_timestamp_seconds", &labels),
            records: counter!("millstream_partition_records_total", &labels),
            lag: Lag { high: end.unwrap_or(0), ..Lag::default() },
            watermark: None,
            refreshed: None,
        }
    }

    /// A batch came.
    pub(crate) fn delivered(&mut self, batch: &RecordBatch) {
        self.records.increment(batch.len() as u64);
        self.lag.delivered(batch.next, batch.high_watermark, batch.view(0).timestamp());
    }

    /// Everything below `next` came or does not exist.
    pub(crate) fn advanced(&mut self, next: Offset) {
        self.lag.high = self.lag.high.max(next);
    }

    /// Everything below `watermark` is settled; asks for the wall clock's milliseconds if something is to be set.
    pub(crate) fn refresh(&mut self, watermark: Offset, now: MonoTime, wall: impl FnOnce() -> u64) {
        let moved = self.watermark.is_some_and(|before| before != watermark);
        let due =
            self.refreshed.is_none_or(|(known, high, at)| known != watermark || high != self.lag.high || now.since(at) >= EVERY);
        if !due {
            return;
        }
        let wall = wall();
        (self.watermark, self.refreshed) = (Some(watermark), Some((watermark, self.lag.high, now)));
        self.lag_records.set(self.lag.records(watermark) as f64);
        self.lag_seconds.set(self.lag.millis(watermark, wall) as f64 / 1e3);
        if moved {
            self.progress.set(wall as f64 / 1e3);
        }
    }
}

impl Drop for PartitionMeters {
    fn drop(&mut self) {
        for gauge in [&self.lag_records, &self.lag_seconds, &self.progress] {
            gauge.set(0.0);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lag_is_what_lies_between_the_settled_and_the_logs_end() {
        let mut lag = Lag::default();
        lag.delivered(10, Some(25), 1_000);
        assert_eq!((lag.records(0), lag.records(10), lag.records(25), lag.records(26)), (25, 15, 0, 0));
        lag.delivered(30, None, 2_000);
        assert_eq!(lag.records(30), 0, "what was delivered was in the log");
    }

    #[test]
    fn its_age_is_that_of_the_oldest_unsettled_batch() {
        let mut lag = Lag::default();
        lag.delivered(10, Some(30), 1_000);
        lag.delivered(20, Some(30), 4_000);
        assert_eq!(lag.millis(9, 6_000), 5_000, "one record of the first is open");
        assert_eq!(lag.millis(10, 6_000), 2_000);
        assert_eq!(lag.millis(20, 6_000), 2_000, "ten are not read: at least as old as what was read last");
        assert_eq!(lag.millis(30, 6_000), 0);
    }

    #[test]
    fn records_without_a_time_or_from_the_future_have_no_age() {
        for first in [-1, 9_000] {
            let mut lag = Lag::default();
            lag.delivered(10, Some(10), first);
            assert_eq!(lag.millis(0, 6_000), 0);
        }
    }
}
