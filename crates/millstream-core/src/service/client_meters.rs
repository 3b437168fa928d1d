//! Owns the metrics of what the client does: requests to write, polls and commits, and the service's build. Leaves those of
//! handlers to `meters`, and those of partitions to `partition_meters`.

use super::partition_meters::PartitionMeters;
use super::spans::Tracing;
use crate::clock::{Clock, MonoTime};
use crate::contract::{Error, Offset, Produce, Receipt, TopicPartition};
use crate::topic::Topic;
use metrics::{Counter, Histogram, SharedString, Unit, counter, gauge, histogram};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What intakes and outboxes say of what they do: in spans, and in metrics if they are wanted.
#[derive(Clone)]
pub(crate) struct Watch {
    pub(crate) tracing: Tracing,
    pub(crate) meters: Option<Arc<ClientMeters>>,
}

/// Handles of one service, made once.
pub(crate) struct ClientMeters {
    service: SharedString,
    system: &'static str,
    clock: Clock,
    send: Histogram,
    /// By destination; as many as there are topics.
    sent: Mutex<BTreeMap<Topic, Counter>>,
}

/// Handles of one consumer.
pub(crate) struct GroupMeters {
    pub(crate) poll: Histogram,
    pub(crate) commit: Histogram,
}

impl ClientMeters {
    pub(crate) fn new(service: &str, system: &'static str, clock: Clock) -> Self {
        describe();
        let service: SharedString = service.to_owned().into();
        gauge!("millstream_build_info", "service" => service.clone(), "version" => env!("CARGO_PKG_VERSION")).set(1.0);
        let send = histogram!(
            "messaging_client_operation_duration_seconds",
            "service" => service.clone(), "messaging_system" => system, "messaging_operation_name" => "send"
        );
        ClientMeters { service, system, clock, send, sent: Mutex::default() }
    }

    pub(crate) fn now(&self) -> MonoTime {
        self.clock.now()
    }

    /// A request that began at `began` was answered.
    pub(crate) fn sent(&self, produce: &Produce, answers: &[Result<Receipt, Error>], began: MonoTime) {
        self.send.record(self.clock.now().since(began));
        let mut counts: Vec<u64> = vec![0; produce.places().len()];
        for (index, _) in answers.iter().enumerate().filter(|(_, answer)| answer.is_ok()) {
            counts[produce.place(index)] += 1;
        }
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        for (place, count) in produce.places().iter().zip(counts).filter(|(_, count)| *count > 0) {
            if !sent.contains_key(&place.topic) {
                let counter = counter!(
                    "messaging_client_sent_messages_total",
                    "service" => self.service.clone(), "messaging_system" => self.system,
                    "messaging_destination_name" => place.topic.as_str().to_owned()
                );
                sent.insert(place.topic.clone(), counter);
            }
            if let Some(counter) = sent.get(&place.topic) {
                counter.increment(count);
            }
        }
    }

    /// The handles of a consumer.
    pub(crate) fn group(&self, group: &str) -> GroupMeters {
        let operation = |name: &'static str| {
            histogram!(
                "messaging_client_operation_duration_seconds",
                "service" => self.service.clone(), "messaging_system" => self.system, "messaging_operation_name" => name,
                "messaging_consumer_group_name" => group.to_owned()
            )
        };
        GroupMeters { poll: operation("poll"), commit: operation("commit") }
    }

    /// The handles of a partition that was assigned.
    pub(crate) fn partition(&self, group: &str, partition: &TopicPartition, end: Option<Offset>) -> PartitionMeters {
        PartitionMeters::new(&self.service, group, partition, end)
    }
}

/// Says what each metric means, for whoever scrapes them.
fn describe() {
    use metrics::{describe_counter as counter, describe_gauge as gauge, describe_histogram as histogram};
    histogram!(
        "messaging_process_duration_seconds",
        Unit::Seconds,
        "time from an attempt's start to its end; of records that were done in one run without waiting, the run's mean for each"
    );
    histogram!(
        "messaging_client_operation_duration_seconds",
        Unit::Seconds,
        "time from a request to its answer; for poll, from one batch to the next, waiting included"
    );
    counter!("messaging_client_sent_messages_total", Unit::Count, "records whose writing was acknowledged, by destination");
    counter!("messaging_client_consumed_messages_total", Unit::Count, "records handed to workers");
    gauge!(
        "millstream_consumer_lag_records",
        Unit::Count,
        "offsets between what is settled and the partition's high watermark when the last batch was read"
    );
    gauge!(
        "millstream_consumer_lag_seconds",
        Unit::Seconds,
        "age of the batch that holds the oldest unsettled record; 0 without lag"
    );
    counter!(
        "millstream_retries_total",
        Unit::Count,
        "attempts after one that failed, by how that failed; and hand-overs to a retry topic"
    );
    counter!("millstream_dead_letters_total", Unit::Count, "records settled because their dead letter was accepted, by reason");
    counter!("millstream_dedup_total", Unit::Count, "records whose id was done before, by outcome");
    counter!("millstream_filtered_total", Unit::Count, "records settled unread because a filter does not want them");
    gauge!("millstream_in_flight_records", Unit::Count, "records handed to workers and not settled");
    gauge!(
        "millstream_partition_last_progress_timestamp_seconds",
        Unit::Seconds,
        "when a partition last settled records, by the wall clock; 0 before the first time, and when it has left this member"
    );
    counter!("millstream_partition_records_total", Unit::Count, "records read, by partition");
    gauge!("millstream_build_info", "1, with the version of the framework");
}
