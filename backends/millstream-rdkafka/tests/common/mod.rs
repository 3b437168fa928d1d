//! What tests share: clusters inside this process, which librdkafka makes, a wait with an end, and whether processes may be started.

#![allow(dead_code, reason = "each target uses a part")]

pub(crate) mod orders;
pub(crate) mod proxy;
pub(crate) mod wire;

use millstream_core::contract::{Capabilities, Consumer, ConsumerEvent, ConsumerRequest, DescribedTopic, Error, Transport};
use millstream_core::topic::Topic;
use millstream_rdkafka::{Rdkafka, RdkafkaConsumer, RdkafkaProducer};
use millstream_services::offered;
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

/// Whether a test may start a broker of its own as a process: with listeners, addresses and a folder as it wants them.
///
/// # Errors
/// If not, the reason.
pub(crate) fn processes() -> Result<(), String> {
    offered::packages()?;
    if millstream_services::docker_runs() {
        return Err(
            "brokers of a test's own are containers here, whose listeners and folders are not as a test wants them".into()
        );
    }
    Ok(())
}

/// Waiting for what comes some time, with an end.
pub(crate) struct Wait;

impl Wait {
    pub(crate) async fn until(what: &str, is_so: impl AsyncFnMut() -> bool) {
        Self::within(Duration::from_secs(60), what, is_so).await;
    }

    pub(crate) async fn within(most: Duration, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
        let waiting = async {
            while !is_so().await {
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(most, waiting).await.unwrap_or_else(|_| panic!("waited in vain for {what}"));
    }

    pub(crate) async fn for_event(consumer: &mut RdkafkaConsumer, mut is_it: impl FnMut(&ConsumerEvent) -> bool) {
        let waiting = async { while !is_it(&consumer.poll().await) {} };
        tokio::time::timeout(Duration::from_secs(60), waiting).await.expect("it comes in time");
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

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        self.0.describe(topics).await
    }
}
