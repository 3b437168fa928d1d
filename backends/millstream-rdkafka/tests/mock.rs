//! The contract's clauses against librdkafka's own mock cluster: a real client, and no server.
//!
//! What the mock lacks is said here, case by case: it cannot lose an answer of something that it did, make a topic again, or
//! hold records that are none. Most of those cases run against a real broker (`broker`).

mod common;

use common::{Mock, Short};
use millstream_core::topic::Topic;
use millstream_testkit::conformance::{self, Act, Case, Excuse, Harness, Pace, World};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::process::ExitCode;
use std::time::Duration;

struct InMock;

/// A cluster, and the case that is played in it.
struct MockWorld(Mock, &'static str);

impl Harness for InMock {
    type World = MockWorld;

    async fn create(&self, case: &Case) -> MockWorld {
        MockWorld(Mock::new(), case.name)
    }

    fn excuse(&self, case: &Case) -> Option<Excuse> {
        let reason = match case.name {
            "a_receipt_says_where_the_record_can_be_read" => "the mock claims to have appended every record at 1234 ms",
            "a_silent_member_keeps_its_partitions_for_its_session" | "a_partition_being_revoked_is_nobody_elses" => {
                "the mock refuses commits while a member joins"
            }
            "close_answers_in_time_though_the_log_is_silent" => "the mock's one broker is silent for all; see `closing`",
            _ => return None,
        };
        Some(reason.into())
    }

    fn pace(&self) -> Pace {
        // The mock waits out a session in each rebalance, and a case may need several.
        Pace::real().patience(Duration::from_secs(60)).deadline(Duration::from_secs(300))
    }
}

impl World for MockWorld {
    type Transport = Short;

    async fn transport(&self) -> Short {
        Short(self.0.transport())
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        self.0.create_topic(name, partitions)
    }

    async fn act(&self, act: Act<'_>) -> Result<(), Excuse> {
        let cluster = &self.0.cluster;
        match act {
            Act::Expire { .. } => {
                // The next request of this kind is told that there is no such member. Where a case commits or asks, that is it.
                let unknown = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID];
                let waits = self.1 == "a_loss_overtakes_waiting_batches";
                let request = if waits { RDKafkaApiKey::Heartbeat } else { RDKafkaApiKey::OffsetCommit };
                cluster.request_errors(request, &unknown);
                Ok(())
            }
            Act::StaleCommit { .. } => {
                let stale = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS];
                cluster.request_errors(RDKafkaApiKey::OffsetCommit, &stale);
                Ok(())
            }
            Act::FailSend { .. } | Act::UnknownSend { .. } => {
                Err("librdkafka sends again by itself what passes, idempotently: no caller hears of it".into())
            }
            Act::UnknownCommit { .. } => Err("the mock cannot write a commit and lose its answer".into()),
            act => Err(act.unsupported()),
        }
    }
}

fn main() -> ExitCode {
    // Most of a case is waiting for the mock's rebalances.
    conformance::transport(InMock).at_a_time(8).run()
}
