//! Owns the making of what the flags name: the cluster's client, and settings out of a file.

use std::io;

use millstream::contract::{AnyTransport, Error, ErrorKind, Operation};
use millstream::rdkafka::{GroupProtocol, Rdkafka, RdkafkaConfig};

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
        let text = std::fs::read_to_string(file).map_err(|error| unusable(file.display().to_string(), error))?;
        let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in lines {
            let Some((name, value)) = line.split_once('=') else {
                let error = io::Error::new(io::ErrorKind::InvalidData, "a line without `=`");
                return Err(unusable(file.display().to_string(), error));
            };
            config = config.set(name.trim(), value.trim());
        }
        Ok(config)
    }
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
