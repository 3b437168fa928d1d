//! Owns the metric handles of one handler and topic, made once; counted a batch at a time.

use super::account::Counts;
use metrics::{Counter, Gauge, counter, gauge};

/// Handles to the metrics of `conventions`: names and labels are promises; never a key or an id as a label.
pub(crate) struct Meters {
    consumed: Counter,
    retries: Counter,
    dead_letters: Counter,
    filtered: Counter,
    duplicates: Counter,
    redeliveries: Counter,
    conflicts: Counter,
    outputs: Counter,
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
        Meters {
            consumed: counter!("messaging_client_consumed_messages_total", &labels),
            retries: counter!("millstream_retries_total", &labels),
            dead_letters: counter!("millstream_dead_letters_total", &labels),
            filtered: counter!("millstream_filtered_total", &labels),
            duplicates: dedup("duplicate"),
            redeliveries: dedup("redelivery"),
            conflicts: dedup("conflict"),
            outputs: counter!("messaging_client_sent_messages_total", &labels),
            in_flight: gauge!("millstream_in_flight_records", &labels),
        }
    }

    pub(crate) fn count(&self, counts: &Counts) {
        self.consumed.increment(counts.delivered);
        self.retries.increment(counts.retries);
        self.dead_letters.increment(counts.dead_lettered);
        self.filtered.increment(counts.filtered);
        self.duplicates.increment(counts.duplicates);
        self.redeliveries.increment(counts.redeliveries);
        self.conflicts.increment(counts.conflicts);
        self.outputs.increment(counts.outputs);
        self.in_flight.increment(counts.delivered as f64);
        self.in_flight.decrement((counts.settled() + counts.abandoned) as f64);
    }
}
