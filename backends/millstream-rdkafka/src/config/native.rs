//! Owns the settings as librdkafka gets them, and reads them back: what is forced must have arrived.

use super::builder::{GroupProtocol, RdkafkaConfig};
use super::is_hidden;
use super::preset::Setting;
use super::safety;
use super::security::{Sasl, is_loopback};
use crate::client::ClientHooks;
use crate::credentials::Credentials;
use crate::error;
use crate::secret::{Scrubber, Secret};
use millstream_core::contract::{ConsumerRequest, Error, ErrorKind, Operation, Protocol};
use rdkafka::config::ClientConfig;
use std::collections::BTreeMap;
use std::time::Duration;

/// What a request and its answer cost beside a record: the largest record still fits.
const OVERHEAD: usize = 64 * 1_024;
/// The group id of a reader that belongs to no group: librdkafka assigns nothing without one. Nothing is committed under it.
const NO_GROUP: &str = "millstream-no-group";
/// Heartbeats tell of a rebalance: often enough that it does not wait for them, and not a load.
const HEARTBEATS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(3));
/// The time beyond session and budget after which librdkafka itself takes a member for hung.
const SLACK: Duration = Duration::from_secs(30);

/// Settings that were checked.
#[derive(Clone)]
pub(crate) struct Native {
    config: RdkafkaConfig,
    hooks: ClientHooks,
}

impl Native {
    pub(super) fn new(config: RdkafkaConfig) -> Result<Self, Error> {
        let hidden = config.properties.iter().filter(|(name, _)| is_hidden(name)).map(|(_, value)| value.clone());
        let password = config.sasl.as_ref().and_then(Sasl::password).map(|(_, password)| password.clone());
        let secrets: Vec<Secret> = hidden.chain(password).collect();
        let tokens = match &config.sasl {
            Some(Sasl::OauthBearer(source)) => Some(source.clone()),
            _ => None,
        };
        let hooks = ClientHooks::new(Credentials::new(Scrubber::new(secrets), tokens));
        let native = Native { config, hooks };
        native.producer()?;
        native.consumer(&ConsumerRequest::new("check", Vec::new()).protocol(Protocol::Cooperative))?;
        Ok(native)
    }

    pub(crate) fn hooks(&self) -> &ClientHooks {
        &self.hooks
    }

    pub(crate) fn max_record_bytes(&self) -> usize {
        self.config.max_record_bytes
    }

    pub(crate) fn delivery_timeout(&self) -> Duration {
        self.config.delivery_timeout
    }

    pub(crate) fn reads_one_by_one(&self) -> bool {
        self.config.one_by_one
    }

    pub(crate) fn servers(&self) -> &str {
        &self.config.servers
    }

    /// A producer's settings.
    pub(crate) fn producer(&self) -> Result<ClientConfig, Error> {
        let mut native = self.common(self.config.client_id.as_deref().unwrap_or("millstream"));
        native.set("message.max.bytes", (self.config.max_record_bytes + OVERHEAD).to_string());
        self.tune(&mut native, self.config.preset.producer(), safety::PRODUCER, Side::Producer);
        self.read_back(native, safety::PRODUCER)
    }

    /// A client's settings that only asks.
    pub(crate) fn asking(&self) -> Result<ClientConfig, Error> {
        let mut native = self.common(self.config.client_id.as_deref().unwrap_or("millstream"));
        self.tune(&mut native, &[], &[], Side::Asking);
        self.read_back(native, &[])
    }

    /// The settings of the consumer that is asked for.
    pub(crate) fn consumer(&self, request: &ConsumerRequest) -> Result<ClientConfig, Error> {
        let mut native = self.common(self.config.client_id.as_deref().unwrap_or(&request.client_id));
        let alone = !request.partitions.is_empty();
        native.set("group.id", if alone { NO_GROUP } else { &request.group });
        native.set("max.poll.interval.ms", millis(request.session_timeout.max(request.revoke_budget) + SLACK));
        match (self.config.group_protocol, request.protocol) {
            _ if alone => {}
            (GroupProtocol::Consumer, Protocol::Eager) => {
                let text =
                    "the `consumer` group protocol has no eager mode; ask for the cooperative one, or the classic protocol";
                return Err(Error::new(ErrorKind::Unsupported, Operation::Group, text));
            }
            (GroupProtocol::Consumer, _) => drop(native.set("group.protocol", "consumer")),
            (GroupProtocol::Classic, protocol) => {
                let eager = protocol == Protocol::Eager;
                native.set("group.protocol", "classic");
                native.set("partition.assignment.strategy", if eager { "range" } else { "cooperative-sticky" });
                native.set("session.timeout.ms", millis(request.session_timeout));
                native.set("heartbeat.interval.ms", millis((request.session_timeout / 20).clamp(HEARTBEATS.0, HEARTBEATS.1)));
            }
        }
        // librdkafka holds a revocation up until its own commit has an answer: that must not take the whole budget.
        let socket = (request.revoke_budget / 2).clamp(Duration::from_secs(3), Duration::from_secs(30));
        native.set("socket.timeout.ms", millis(socket));
        if let Some(instance) = self.config.instance_id.as_deref().filter(|_| !alone) {
            native.set("group.instance.id", instance);
        }
        self.tune(&mut native, self.config.preset.consumer(), safety::CONSUMER, Side::Consumer);
        self.read_back(native, safety::CONSUMER)
    }

    fn common(&self, client_id: &str) -> ClientConfig {
        let config = &self.config;
        let mut native = ClientConfig::new();
        native.set("bootstrap.servers", &config.servers).set("client.id", client_id);
        let open = config.plaintext || is_loopback(&config.servers) && !self.has_tls_settings();
        native.set(
            "security.protocol",
            match (open, config.sasl.is_some()) {
                (true, false) => "plaintext",
                (true, true) => "sasl_plaintext",
                (false, false) => "ssl",
                (false, true) => "sasl_ssl",
            },
        );
        if config.unverified {
            native.set("enable.ssl.certificate.verification", "false").set("ssl.endpoint.identification.algorithm", "none");
        }
        if let Some(sasl) = &config.sasl {
            native.set("sasl.mechanisms", sasl.mechanism());
            if let Some((user, password)) = sasl.password() {
                native.set("sasl.username", user).set("sasl.password", password.expose());
            }
        }
        native
    }

    /// Whoever names certificates wants TLS on this machine too.
    fn has_tls_settings(&self) -> bool {
        self.config.properties.keys().any(|name| name.starts_with("ssl."))
    }

    /// The preset, then what the user says, then what is forced.
    fn tune(&self, native: &mut ClientConfig, preset: &[Setting], forced: &[Setting], side: Side) {
        for setting in preset {
            native.set(setting.name, setting.value);
        }
        for (name, value) in self.config.properties.iter().filter(|(name, _)| side.takes(name)) {
            native.set(name.as_str(), value.expose());
        }
        for setting in forced {
            native.set(setting.name, setting.value);
        }
    }

    /// The same settings, if what is forced is what the client would do.
    fn read_back(&self, native: ClientConfig, forced: &[Setting]) -> Result<ClientConfig, Error> {
        let effective = native.create_native_config().map_err(|error| error::of_config(&error, &self.hooks))?;
        for setting in forced {
            let value = effective.get(setting.name).map_err(|error| error::of_config(&error, &self.hooks))?;
            if value != setting.value {
                let text =
                    format!("`{}` is `{value}` in effect and must be `{}`: {}", setting.name, setting.value, setting.reason);
                return Err(error::bad_config(text));
            }
        }
        Ok(native)
    }

    /// Each setting that a client of `native` would have in effect and that was said by anybody, secrets hidden.
    pub(crate) fn shown(&self, native: &ClientConfig) -> Result<BTreeMap<String, String>, Error> {
        let effective = native.create_native_config().map_err(|error| error::of_config(&error, &self.hooks))?;
        let names = native.config_map().into_keys().map(str::to_owned).collect::<Vec<_>>();
        let shown = names.into_iter().map(|name| {
            let value = if is_hidden(&name) { Ok("***".to_owned()) } else { effective.get(&name) };
            Ok((name, value.map_err(|error| error::of_config(&error, &self.hooks))?))
        });
        shown.collect()
    }
}

/// Which client a setting is for. librdkafka takes those of the other with a warning, so they are left out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Producer,
    Consumer,
    Asking,
}

impl Side {
    fn takes(self, name: &str) -> bool {
        const PRODUCING: [&str; 16] = [
            "linger.ms",
            "queue.buffering.max.messages",
            "queue.buffering.max.kbytes",
            "queue.buffering.max.ms",
            "queue.buffering.backpressure.threshold",
            "batch.size",
            "batch.num.messages",
            "compression.type",
            "compression.codec",
            "compression.level",
            "sticky.partitioning.linger.ms",
            "acks",
            "enable.idempotence",
            "request.timeout.ms",
            "retry.backoff.max.ms",
            "max.in.flight",
        ];
        const CONSUMING: [&str; 10] = [
            "queued.min.messages",
            "queued.max.messages.kbytes",
            "heartbeat.interval.ms",
            "group.remote.assignor",
            "check.crcs",
            "isolation.level",
            "enable.auto.commit",
            "enable.auto.offset.store",
            "auto.offset.reset",
            "enable.partition.eof",
        ];
        let produces = PRODUCING.contains(&name);
        let consumes = CONSUMING.contains(&name) || name.starts_with("fetch.");
        match self {
            Side::Producer => !consumes,
            Side::Consumer => !produces,
            Side::Asking => !consumes && !produces,
        }
    }
}

fn millis(time: Duration) -> String {
    time.as_millis().min(86_400_000).to_string()
}
