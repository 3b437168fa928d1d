//! The contract's clauses against librdkafka's own mock cluster: a real client, and no server.
//!
//! What the mock lacks is said here, case by case: it cannot lose an answer of something that it did, make a topic again, or
//! hold records that are none. Those cases run against a real broker (`broker`).

mod common;

use common::{Mock, Short};
use millstream_core::topic::Topic;
use millstream_testkit::conformance::{self, Act, Case, Excuse, Harness, Pace, World};
use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};
use std::process::ExitCode;
use std::time::Duration;

struct InMock;

struct MockWorld(Mock);

impl Harness for InMock {
    type World = MockWorld;

    async fn create(&self, _case: &Case) -> MockWorld {
        MockWorld(Mock::new())
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
                // Whichever request comes first is told that there is no such member; the others come after it has left.
                let unknown = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID];
                cluster.request_errors(RDKafkaApiKey::Heartbeat, &unknown);
                cluster.request_errors(RDKafkaApiKey::OffsetCommit, &unknown);
                Ok(())
            }
            Act::StaleCommit { .. } => {
                let stale = [RDKafkaRespErr::RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS];
                cluster.request_errors(RDKafkaApiKey::OffsetCommit, &stale);
                Ok(())
            }
            Act::Silence { .. } => {
                cluster.broker_round_trip_time(-1, Duration::from_secs(20)).expect("there is a broker");
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
    conformance::transport(InMock).run()
}
