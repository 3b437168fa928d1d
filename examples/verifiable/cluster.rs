//! Owns the making of what the flags name: the cluster's client, and settings out of a file.

use std::collections::BTreeMap;
use std::io;

use millstream::contract::{AnyTransport, Error, ErrorKind, Operation};
use millstream::rdkafka::{GroupProtocol, Rdkafka, RdkafkaConfig, Sasl};

use crate::cli::{Client, Cluster, ConsumerFlags, Group};

impl Cluster {
    /// A client for a producer.
    pub(crate) fn open(&self) -> Result<AnyTransport, Error> {
        match self.transport {
            Client::Rdkafka => Ok(AnyTransport::new(self.rdkafka()?.build()?)),
        }
    }

    fn rdkafka(&self) -> Result<RdkafkaConfig, Error> {
        let mut config = Rdkafka::builder(&self.bootstrap_server);
        if self.danger_plaintext {
            config = config.danger_plaintext();
        }
        let Some(file) = &self.command_config else { return Ok(config) };
        let unusable = |error| unusable(file.display().to_string(), error);
        let text = std::fs::read_to_string(file).map_err(unusable)?;
        let mut settings = settings(&text).map_err(unusable)?;
        if let Some(sasl) = sasl(&mut settings).map_err(unusable)? {
            config = config.sasl(sasl);
        }
        Ok(settings.into_iter().fold(config, |config, (name, value)| config.set(name, value)))
    }
}

/// Lines of `name=value`.
fn settings(text: &str) -> io::Result<BTreeMap<&str, &str>> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parted = lines.map(|line| line.split_once('=').ok_or_else(|| wrong("a line without `=`")));
    parted.map(|setting| setting.map(|(name, value)| (name.trim(), value.trim()))).collect()
}

/// Who one is, out of the settings that say it, which are a client's own.
fn sasl(settings: &mut BTreeMap<&str, &str>) -> io::Result<Option<Sasl>> {
    let said = ["sasl.mechanism", "sasl.username", "sasl.password"].map(|name| settings.remove(name));
    match said {
        [None, None, None] => Ok(None),
        [Some(mechanism), Some(user), Some(password)] => {
            let (user, password) = (user.to_owned(), password.into());
            match mechanism {
                "PLAIN" => Ok(Some(Sasl::Plain { user, password })),
                "SCRAM-SHA-256" => Ok(Some(Sasl::Scram256 { user, password })),
                "SCRAM-SHA-512" => Ok(Some(Sasl::Scram512 { user, password })),
                _ => Err(wrong("a mechanism that takes no password")),
            }
        }
        _ => Err(wrong("`sasl.mechanism`, `sasl.username` and `sasl.password` go together")),
    }
}

fn wrong(why: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

fn unusable(file: String, error: io::Error) -> Error {
    Error::new(ErrorKind::Configuration, Operation::Connect, format!("{file} cannot be used")).with_source(error)
}

impl ConsumerFlags {
    /// A client for a member of the group.
    pub(crate) fn open(&self) -> Result<AnyTransport, Error> {
        match self.cluster.transport {
            Client::Rdkafka => {
                let protocol = match self.group_protocol {
                    Group::Classic => GroupProtocol::Classic,
                    Group::Consumer => GroupProtocol::Consumer,
                };
                let mut config = self.cluster.rdkafka()?.group_protocol(protocol);
                if let Some(id) = &self.group_instance_id {
                    config = config.instance_id(id);
                }
                Ok(AnyTransport::new(config.build()?))
            }
        }
    }
}
