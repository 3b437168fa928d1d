//! Clusters for tests: librdkafka's own, inside this process.

#![allow(dead_code, reason = "each target uses a part")]

use millstream_core::contract::{Capabilities, ConsumerRequest, Error, Transport};
use millstream_core::topic::Topic;
use millstream_rdkafka::{Rdkafka, RdkafkaConsumer, RdkafkaProducer};
use rdkafka::mocking::MockCluster;
use rdkafka::producer::DefaultProducerContext;
use std::time::Duration;

/// A mock cluster. It listens on this machine, and ends when it is dropped.
pub(crate) struct Mock {
    pub(crate) cluster: MockCluster<'static, DefaultProducerContext>,
    servers: String,
}

impl Mock {
    pub(crate) fn new() -> Self {
        let cluster = MockCluster::new(1).expect("this machine has a port");
        let servers = cluster.bootstrap_servers();
        Mock { cluster, servers }
    }

    pub(crate) fn servers(&self) -> &str {
        &self.servers
    }

    pub(crate) fn transport(&self) -> Rdkafka {
        Rdkafka::new(self.servers.clone()).expect("the defaults are good")
    }

    pub(crate) fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        let topic: Topic = format!("shared.{name}").parse().expect("cases name topics well");
        let count = i32::try_from(partitions).expect("few partitions");
        self.cluster.create_topic(topic.as_str(), count, 1).expect("names are unique");
        topic
    }
}

/// The transport with short sessions: a rebalance of the mock's lasts a session less a second, whoever has joined.
#[derive(Clone, Debug)]
pub(crate) struct Short(pub(crate) Rdkafka);

impl Transport for Short {
    type Producer = RdkafkaProducer;
    type Consumer = RdkafkaConsumer;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn producer(&self) -> Result<RdkafkaProducer, Error> {
        self.0.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<RdkafkaConsumer, Error> {
        let session = request.session_timeout.min(Duration::from_secs(6));
        self.0.consumer(request.session_timeout(session)).await
    }
}
