//! Owns the metric handles of one handler and topic, made once; counted a batch at a time.

use super::account::Counts;
use crate::contract::DeadLetterReason;
use crate::engine::Failure;
use metrics::{Counter, Gauge, Histogram, counter, gauge, histogram};
use std::time::Duration;

/// Handles to the metrics of `conventions`: names and labels are promises; never a key or an id as a label.
pub(crate) struct Meters {
    consumed: Counter,
    retries: [(Failure, Counter); 3],
    handed_on: Counter,
    dead_letters: [Counter; DeadLetterReason::ALL.len()],
    filtered: Counter,
    duplicates: Counter,
    redeliveries: Counter,
    conflicts: Counter,
    process: Histogram,
    in_flight: Gauge,
}

impl Meters {
    pub(crate) fn new(service: &str, group: &str, topic: &str) -> Self {
        let labels = [
            ("service", service.to_owned()),
            ("messaging_consumer_group_name", group.to_owned()),
            ("messaging_destination_name", topic.to_owned()),
        ];
        let dedup = |outcome: &str| {
            let mut labels = labels.to_vec();
            labels.push(("outcome", outcome.to_owned()));
            counter!("millstream_dedup_total", &labels)
        };
        let by_reason = |name: &'static str, reason: &str| {
            let mut labels = labels.to_vec();
            labels.push(("reason", reason.to_owned()));
            counter!(name, &labels)
        };
        Meters {
            consumed: counter!("messaging_client_consumed_messages_total", &labels),
            retries: [Failure::Transient, Failure::TimedOut, Failure::Panic]
                .map(|failure| (failure, by_reason("millstream_retries_total", failure.as_str()))),
            handed_on: by_reason("millstream_retries_total", "retry-topic"),
            dead_letters: DeadLetterReason::ALL.map(|reason| by_reason("millstream_dead_letters_total", reason.as_str())),
            filtered: counter!("millstream_filtered_total", &labels),
            duplicates: dedup("duplicate"),
            redeliveries: dedup("redelivery"),
            conflicts: dedup("conflict"),
            process: histogram!("messaging_process_duration_seconds", &labels),
            in_flight: gauge!("millstream_in_flight_records", &labels),
        }
    }

    pub(crate) fn count(&self, counts: &Counts) {
        self.consumed.increment(counts.delivered);
        self.handed_on.increment(counts.handed_on);
        self.filtered.increment(counts.filtered);
        self.duplicates.increment(counts.duplicates);
        self.redeliveries.increment(counts.redeliveries);
        self.conflicts.increment(counts.conflicts);
        self.in_flight.increment(counts.delivered as f64);
        self.in_flight.decrement((counts.settled() + counts.abandoned) as f64);
    }

    /// An attempt follows one that failed like this.
    pub(crate) fn retried(&self, failed: Failure) {
        if let Some((_, counter)) = self.retries.iter().find(|(known, _)| *known == failed) {
            counter.increment(1);
        }
    }

    /// A dead letter was accepted.
    pub(crate) fn dead_letter(&self, reason: DeadLetterReason) {
        self.dead_letters[reason as usize].increment(1);
    }

    /// `attempts` attempts together took `took`: each counts with their mean.
    pub(crate) fn processed(&self, took: Duration, attempts: usize) {
        if attempts > 0 {
            self.process.record_many(took.as_secs_f64() / attempts as f64, attempts);
        }
    }
}
