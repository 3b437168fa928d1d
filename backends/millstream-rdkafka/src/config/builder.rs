//! Owns what a user says about a client. Leaves to `native` what librdkafka is given.

use super::native::Native;
use super::preset::Preset;
use super::safety;
use super::security::Sasl;
use crate::secret::Secret;
use crate::{Rdkafka, error};
use millstream_core::contract::Error;
use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

/// How members of a group agree on who reads what.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GroupProtocol {
    /// By electing one of them, with every broker: range or cooperative-sticky, as the request's protocol says. The default.
    #[default]
    Classic,
    /// By the broker (KIP-848), which knows each member's partitions: faster, and only with brokers of 4.0 and above. Session
    /// and heartbeat are then the broker's; a request for the eager protocol is refused.
    Consumer,
}

/// The settings of an [`Rdkafka`].
///
/// ```
/// use millstream_rdkafka::{Preset, Rdkafka, Sasl};
/// let kafka = Rdkafka::builder("kafka-1:9093,kafka-2:9093")
///     .sasl(Sasl::Scram512 { user: "engine".into(), password: "a secret".into() })
///     .preset(Preset::Throughput)
///     .set("linger.ms", "10")
///     .build()?;
/// # drop(kafka);
/// # Ok::<(), millstream_core::contract::Error>(())
/// ```
#[derive(Clone)]
pub struct RdkafkaConfig {
    pub(super) servers: String,
    pub(super) client_id: Option<String>,
    pub(super) instance_id: Option<String>,
    pub(super) group_protocol: GroupProtocol,
    pub(super) preset: Preset,
    pub(super) plaintext: bool,
    pub(super) unverified: bool,
    pub(super) sasl: Option<Sasl>,
    pub(super) one_by_one: bool,
    pub(super) max_record_bytes: usize,
    pub(super) delivery_timeout: Duration,
    pub(super) properties: BTreeMap<String, Secret>,
}

impl RdkafkaConfig {
    /// The defaults, for `servers` as `host:port,host:port`.
    pub fn new(servers: impl Into<String>) -> Self {
        RdkafkaConfig {
            servers: servers.into(),
            client_id: None,
            instance_id: None,
            group_protocol: GroupProtocol::default(),
            preset: Preset::default(),
            plaintext: false,
            unverified: false,
            sasl: None,
            one_by_one: false,
            max_record_bytes: 1_048_576,
            delivery_timeout: Duration::from_secs(120),
            properties: BTreeMap::new(),
        }
    }

    /// The name under which clients are seen by brokers. Default: that of a consumer's request, else `millstream`.
    #[must_use]
    pub fn client_id(mut self, id: impl Into<String>) -> Self {
        self.client_id = Some(id.into());
        self
    }

    /// The name under which a member comes back: within its session it finds its partitions as it left them. Each process of a
    /// group needs one of its own. Default: none.
    #[must_use]
    pub fn instance_id(mut self, id: impl Into<String>) -> Self {
        self.instance_id = Some(id.into());
        self
    }

    /// How groups agree. Default: [`GroupProtocol::Classic`], which every broker knows.
    #[must_use]
    pub fn group_protocol(mut self, protocol: GroupProtocol) -> Self {
        self.group_protocol = protocol;
        self
    }

    /// What it is tuned for. Default: [`Preset::LowLatency`].
    #[must_use]
    pub fn preset(mut self, preset: Preset) -> Self {
        self.preset = preset;
        self
    }

    /// Who one is to the brokers. Default: nobody.
    #[must_use]
    pub fn sasl(mut self, sasl: Sasl) -> Self {
        self.sasl = Some(sasl);
        self
    }

    /// Reads records one by one through the safe wrapper around librdkafka, at about five times the cost: no line of `unsafe` of
    /// ours is then on a record's way. Batches carry no high watermark. Default: in batches.
    #[must_use]
    pub fn read_one_by_one(mut self) -> Self {
        self.one_by_one = true;
        self
    }

    /// The largest record it sends, in bytes of key, value and headers. Default 1 MiB, what brokers take by default.
    #[must_use]
    pub fn max_record_bytes(mut self, bytes: usize) -> Self {
        self.max_record_bytes = bytes;
        self
    }

    /// How long a send waits for its answers before it says that they are unknown. The client goes on trying; what is sent again
    /// then stands twice in the log. Default 120 s: longer than an election of leaders takes.
    #[must_use]
    pub fn delivery_timeout(mut self, timeout: Duration) -> Self {
        self.delivery_timeout = timeout;
        self
    }

    /// Speaks in the open to brokers that are not on this machine: who listens reads and changes everything.
    #[must_use]
    pub fn danger_plaintext(mut self) -> Self {
        self.plaintext = true;
        self
    }

    /// Trusts whoever answers: neither certificates nor names are looked at.
    #[must_use]
    pub fn danger_no_verification(mut self) -> Self {
        self.unverified = true;
        self
    }

    /// Any other setting of librdkafka, as its documentation has it. What is safe cannot be unset: `build` refuses it, with the
    /// reason. A later one of the same name replaces the earlier, and a preset's.
    #[must_use]
    pub fn set(mut self, name: impl Into<String>, value: impl Into<Secret>) -> Self {
        self.properties.insert(name.into(), value.into());
        self
    }

    /// The client. Connects to nobody yet.
    ///
    /// # Errors
    /// [`Configuration`](millstream_core::contract::ErrorKind::Configuration) if a setting is unknown, has a bad value, or would
    /// make it unsafe.
    pub fn build(self) -> Result<Rdkafka, Error> {
        if self.servers.trim().is_empty() {
            return Err(error::bad_config("no servers are named"));
        }
        for (name, value) in &self.properties {
            if let Some(refusal) = safety::refusal(name, value.expose()) {
                return Err(error::bad_config(refusal));
            }
        }
        Rdkafka::with(Native::new(self)?)
    }
}

impl fmt::Debug for RdkafkaConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RdkafkaConfig")
            .field("servers", &self.servers)
            .field("preset", &self.preset)
            .field("group_protocol", &self.group_protocol)
            .field("sasl", &self.sasl)
            // No values: a misspelt name tells of no secret. What is in effect is said by `effective_producer` and its like.
            .field("properties", &self.properties.keys())
            .finish_non_exhaustive()
    }
}
