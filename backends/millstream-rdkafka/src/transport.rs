//! Owns the client: what it can do, and the making of producers and consumers.

use crate::asker::Asker;
use crate::config::{Native, RdkafkaConfig};
use crate::consumer::{MAX_METADATA, RdkafkaConsumer};
use crate::producer::RdkafkaProducer;
use crate::{blocking, error};
use millstream_core::contract::{Capabilities, ConsumerRequest, DescribedTopic, Error, Operation, Transport};
use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OnceCell;

/// The shortest session that brokers take by default.
const SHORTEST: Duration = Duration::from_secs(6);
/// The longest.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// A cluster of Apache Kafka, by way of librdkafka. Clones share settings, and the client that looks topics up.
#[derive(Clone)]
pub struct Rdkafka {
    native: Arc<Native>,
    asker: Arc<OnceCell<Arc<Asker>>>,
}

impl std::fmt::Debug for Rdkafka {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rdkafka").field("servers", &self.native.servers()).finish_non_exhaustive()
    }
}

impl Rdkafka {
    /// A cluster at `host:port,host:port`, with the defaults: TLS, unless all of them are this machine.
    ///
    /// # Errors
    /// If no servers are named.
    pub fn new(servers: impl Into<String>) -> Result<Self, Error> {
        Self::builder(servers).build()
    }

    /// The settings of a cluster at `host:port,host:port`.
    pub fn builder(servers: impl Into<String>) -> RdkafkaConfig {
        RdkafkaConfig::new(servers)
    }

    /// A cluster as the environment has it (see [`RdkafkaConfig::from_env`]).
    ///
    /// # Errors
    /// If the environment names none, or settings are refused.
    pub fn from_env() -> Result<Self, Error> {
        RdkafkaConfig::from_env()?.build()
    }

    /// A cluster by URL (see [`RdkafkaConfig::from_url`]).
    ///
    /// # Errors
    /// If the URL says what is not known, or settings are refused.
    pub fn open(url: &str) -> Result<Self, Error> {
        RdkafkaConfig::from_url(url)?.build()
    }

    pub(crate) fn with(native: Native) -> Result<Self, Error> {
        Ok(Rdkafka { native: Arc::new(native), asker: Arc::default() })
    }

    /// What a producer's client has in effect of all that was set, by librdkafka's names. Secrets are hidden.
    ///
    /// # Errors
    /// If librdkafka refuses a setting.
    pub fn effective_producer(&self) -> Result<BTreeMap<String, String>, Error> {
        self.native.shown(&self.native.producer()?)
    }

    /// What a consumer's client has in effect of all that was set, by librdkafka's names. Secrets are hidden.
    ///
    /// # Errors
    /// If librdkafka refuses a setting.
    pub fn effective_consumer(&self, request: &ConsumerRequest) -> Result<BTreeMap<String, String>, Error> {
        self.native.shown(&self.native.consumer(request)?)
    }

    pub(crate) fn native(&self) -> &Arc<Native> {
        &self.native
    }

    pub(crate) async fn asker(&self) -> Result<&Arc<Asker>, Error> {
        self.native.hooks().credentials.here();
        let make = || {
            let native = self.native.clone();
            blocking::run(Operation::Connect, move || Asker::start(&native))
        };
        self.asker.get_or_try_init(make).await
    }
}

impl Transport for Rdkafka {
    type Producer = RdkafkaProducer;
    type Consumer = RdkafkaConsumer;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::all("rdkafka");
        capabilities.max_record_bytes = self.native.max_record_bytes();
        capabilities.max_metadata_bytes = MAX_METADATA;
        capabilities.shortest_session = SHORTEST;
        capabilities.longest_session = LONGEST;
        capabilities
    }

    async fn producer(&self) -> Result<RdkafkaProducer, Error> {
        let (native, asker) = (self.native.clone(), self.asker().await?.clone());
        blocking::run(Operation::Connect, move || RdkafkaProducer::start(&native, asker)).await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<RdkafkaConsumer, Error> {
        let alone = !request.partitions.is_empty();
        if !alone && (request.group.is_empty() || request.topics.is_empty()) {
            return Err(error::bad_request("a member needs a group and a topic"));
        }
        let config = self.native.consumer(&request)?;
        let asker = self.asker().await?;
        for place in &request.partitions {
            asker.knows(place, Operation::Fetch).await?;
        }
        for topic in request.topics.iter().filter(|_| !alone) {
            asker.partitions(topic, Operation::Group).await?;
        }
        let native = self.native.clone();
        blocking::run(Operation::Connect, move || RdkafkaConsumer::start(&config, &native, request)).await
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        let admin = self.admin().await?;
        let described = admin.describe_all(topics).await;
        // Its end waits for a thread of its own.
        let end = move || {
            drop(admin);
            Ok(())
        };
        blocking::run(Operation::Lookup, end).await?;
        described
    }
}
