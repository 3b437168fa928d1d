//! Owns a configuration out of the environment or out of a URL.

use super::builder::{GroupProtocol, RdkafkaConfig};
use super::preset::Preset;
use super::security::Sasl;
use crate::error;
use crate::secret::Secret;
use millstream_core::contract::{Error, TransportUrl};
use std::path::Path;

impl RdkafkaConfig {
    /// Out of `KAFKA_BOOTSTRAP_SERVERS`, and, if they are there, `KAFKA_SASL_MECHANISM`, `KAFKA_SASL_USERNAME` and
    /// `KAFKA_SASL_PASSWORD`. Each may end in `_FILE` and name a file that holds the value.
    ///
    /// # Errors
    /// If no servers are named, a file cannot be read, or a mechanism is unknown.
    pub fn from_env() -> Result<Self, Error> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Result<Self, Error> {
        let read = |name: &str| -> Result<Option<String>, Error> {
            if let Some(value) = variable(name) {
                return Ok(Some(value));
            }
            let Some(path) = variable(&format!("{name}_FILE")) else { return Ok(None) };
            let text = std::fs::read_to_string(Path::new(&path));
            let text =
                text.map_err(|cause| error::bad_config(format!("the file of `{name}_FILE` cannot be read")).with_source(cause))?;
            Ok(Some(text.trim_end_matches(['\r', '\n']).to_owned()))
        };
        let servers = read("KAFKA_BOOTSTRAP_SERVERS")?;
        let servers = servers.ok_or_else(|| error::bad_config("`KAFKA_BOOTSTRAP_SERVERS` is not set"))?;
        let mut config = RdkafkaConfig::new(servers);
        let user = read("KAFKA_SASL_USERNAME")?;
        let password = read("KAFKA_SASL_PASSWORD")?;
        let mechanism = read("KAFKA_SASL_MECHANISM")?;
        match (user, password) {
            (Some(user), Some(password)) => {
                config.sasl = Some(sasl(mechanism.as_deref().unwrap_or("SCRAM-SHA-512"), user, password.into())?);
            }
            (None, None) if mechanism.is_none() => {}
            _ => return Err(error::bad_config("`KAFKA_SASL_USERNAME` and `KAFKA_SASL_PASSWORD` go together")),
        }
        Ok(config)
    }

    /// Out of `kafka://host:port,host:port`, with `user:password@` for SASL and parameters that are settings of librdkafka, or
    /// one of `preset` (`low-latency`, `throughput`, `durable`), `protocol` (`classic`, `consumer`), `mechanism`, `instance`
    /// and `danger` (`plaintext`).
    ///
    /// # Errors
    /// If a parameter's value is unknown. What librdkafka thinks of its settings is said by [`build`](Self::build).
    pub fn from_url(url: &str) -> Result<Self, Error> {
        let url = TransportUrl::parse(url)?;
        if !url.path().is_empty() {
            return Err(error::bad_config("behind the servers of a cluster stands nothing but parameters"));
        }
        let mut config = RdkafkaConfig::new(url.hosts());
        let mut mechanism = None;
        for (name, value) in url.params() {
            let unknown = || error::bad_config(format!("`{name}` has an unknown value"));
            match name {
                "preset" => {
                    config.preset = match &*value {
                        "low-latency" => Preset::LowLatency,
                        "throughput" => Preset::Throughput,
                        "durable" => Preset::Durable,
                        _ => return Err(unknown()),
                    }
                }
                "protocol" => {
                    config.group_protocol = match &*value {
                        "classic" => GroupProtocol::Classic,
                        "consumer" => GroupProtocol::Consumer,
                        _ => return Err(unknown()),
                    }
                }
                "mechanism" => mechanism = Some(value.into_owned()),
                "instance" => config.instance_id = Some(value.into_owned()),
                "danger" if value == "plaintext" => config.plaintext = true,
                "danger" => return Err(unknown()),
                _ => drop(config.properties.insert(name.to_owned(), Secret::new(value.into_owned()))),
            }
        }
        match (url.user(), url.password()) {
            (Some(user), Some(password)) => {
                let mechanism = mechanism.as_deref().unwrap_or("SCRAM-SHA-512");
                config.sasl = Some(sasl(mechanism, user.into_owned(), Secret::new(password.into_owned()))?);
            }
            (None, None) => {}
            _ => return Err(error::bad_config("a user and a password go together")),
        }
        Ok(config)
    }
}

fn sasl(mechanism: &str, user: String, password: Secret) -> Result<Sasl, Error> {
    match mechanism {
        "PLAIN" => Ok(Sasl::Plain { user, password }),
        "SCRAM-SHA-256" => Ok(Sasl::Scram256 { user, password }),
        "SCRAM-SHA-512" => Ok(Sasl::Scram512 { user, password }),
        _ => Err(error::bad_config("a password is for `PLAIN`, `SCRAM-SHA-256` or `SCRAM-SHA-512`")),
    }
}

#[cfg(test)]
mod tests {
    use super::RdkafkaConfig;
    use crate::{GroupProtocol, Preset};

    #[test]
    fn the_environment_names_servers_and_who_one_is() {
        let of = |pairs: &'static [(&'static str, &'static str)]| {
            RdkafkaConfig::from_variables(move |name| {
                pairs.iter().find(|(n, _)| *n == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let config =
            of(&[("KAFKA_BOOTSTRAP_SERVERS", "k:1"), ("KAFKA_SASL_USERNAME", "ann"), ("KAFKA_SASL_PASSWORD", "hunter2")]);
        let config = config.expect("all is said");
        assert_eq!((config.servers.as_str(), config.sasl.as_ref().map(super::Sasl::mechanism)), ("k:1", Some("SCRAM-SHA-512")));
        assert!(!format!("{config:?}").contains("hunter2"));
        assert!(of(&[]).is_err() && of(&[("KAFKA_BOOTSTRAP_SERVERS", "k:1"), ("KAFKA_SASL_USERNAME", "ann")]).is_err());
    }

    #[test]
    fn a_url_says_everything_and_shows_no_secret() {
        let url =
            "kafka://ann:hunter2@a:1,b:2?preset=throughput&protocol=consumer&linger.ms=3&ssl.key.password=s3cret&mechanism=PLAIN";
        let config = RdkafkaConfig::from_url(url).expect("a URL");
        assert_eq!((config.servers.as_str(), config.preset), ("a:1,b:2", Preset::Throughput));
        assert_eq!(config.group_protocol, GroupProtocol::Consumer);
        let shown = format!("{config:?}");
        assert!(shown.contains("linger.ms") && !shown.contains("s3cret") && !shown.contains("hunter2"), "{shown}");
        for url in ["kafka://a:1/topic", "kafka://a:1?preset=fast", "kafka://ann@a:1", "kafka://a:1?danger=everything"] {
            assert!(RdkafkaConfig::from_url(url).is_err(), "{url}");
        }
    }
}
