//! Owns what runs beside the tests: a Kafka and a Redis that somebody has already, or ones that end with this value.
//!
//! One broker, shared by all tests: a test that kills brokers starts a cluster for itself, since it would end the others' with theirs;
//! and two brokers more would take the cores that the tests run on.

use super::install;
use crate::step::human;
use millstream_services::offered::SERVICES;
use millstream_services::{Kafka, Redis, docker_runs};
use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Instant;

/// Services that are not started yet, and all that their start takes.
pub(crate) struct Prepared {
    own: &'static str,
    kafka: bool,
    redis: bool,
}

impl Prepared {
    /// Looks for what the environment names, and installs what the rest takes.
    ///
    /// # Errors
    /// If what is named does not answer, or something is missing and may not be installed here.
    pub(crate) fn new() -> Result<Self, String> {
        let (kafka, redis) = (given(KAFKA)?.is_some(), given(REDIS)?.is_some());
        let _lock = super::locked()?;
        let own = match install::for_services() {
            Ok(()) => "own",
            // Tests that need processes are then ignored, with that reason.
            Err(why) if docker_runs() => {
                println!("{why}");
                "own"
            }
            // Tests that kill a broker are then ignored, with that reason.
            Err(why) if kafka && redis => {
                println!("{why}");
                "given"
            }
            Err(why) => {
                return Err(format!(
                    "{why}\n\nor leave out the tests that need Kafka and Redis: `cargo xtask test --no-services`"
                ));
            }
        };
        Ok(Self { own, kafka: !kafka, redis: !redis })
    }

    /// Starts them, some seconds. Says nothing: it goes on beside a compiler that talks.
    ///
    /// # Errors
    /// If one does not become ready.
    pub(crate) fn start(self) -> Result<Beside, String> {
        let start = Instant::now();
        let kafka = self.kafka.then(Kafka::start).transpose()?;
        let redis = self.redis.then(Redis::start).transpose()?;
        let mut told = BTreeMap::from([(SERVICES, self.own.to_owned())]);
        told.extend(kafka.iter().map(|kafka| (KAFKA, kafka.bootstrap_servers())));
        told.extend(redis.iter().map(|redis| (REDIS, redis.url())));
        Ok(Beside { told, ready_after: human(start.elapsed()), _kafka: kafka, _redis: redis })
    }
}

const KAFKA: &str = "KAFKA_BOOTSTRAP_SERVERS";
const REDIS: &str = "REDIS_URL";

/// What tests are told, and what they are told of.
pub(crate) struct Beside {
    told: BTreeMap<&'static str, String>,
    /// How long that took.
    pub(crate) ready_after: String,
    /// Dropped last, and for that only.
    _kafka: Option<Kafka>,
    _redis: Option<Redis>,
}

impl Beside {
    /// Environment variables for the tests.
    pub(crate) fn told(&self) -> impl Iterator<Item = (&str, &str)> {
        self.told.iter().map(|(name, value)| (*name, value.as_str()))
    }
}

/// What the environment names, if it does and that answers.
///
/// # Errors
/// If it does not: tests against a server that is not there would fail one by one.
pub(super) fn given(name: &str) -> Result<Option<String>, String> {
    let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) else { return Ok(None) };
    let hosts: Vec<_> = hosts(&value, if name == KAFKA { 9092 } else { 6379 }).collect();
    let answers = |host: &String| host.to_socket_addrs().is_ok_and(|mut all| all.any(|one| TcpStream::connect(one).is_ok()));
    if hosts.iter().any(answers) {
        Ok(Some(value))
    } else {
        Err(format!("{name} names {}, where nothing listens", hosts.join(", ")))
    }
}

/// The hosts with their ports in a list of servers, or in an address with a scheme, a user and a path.
fn hosts(value: &str, port: u16) -> impl Iterator<Item = String> {
    value.split(',').map(move |one| {
        let one = one.split_once("://").map_or(one, |(_, rest)| rest);
        let one = one.split(['/', '?']).next().unwrap_or(one);
        let one = one.rsplit_once('@').map_or(one, |(_, host)| host);
        if one.contains(':') { one.to_owned() } else { format!("{one}:{port}") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_out_of_server_lists_and_addresses() {
        let of = |value| hosts(value, 6379).collect::<Vec<_>>();
        assert_eq!(of("a:9092,b:9093"), ["a:9092", "b:9093"]);
        assert_eq!(of("redis://127.0.0.1:20005"), ["127.0.0.1:20005"]);
        assert_eq!(of("redis://user:secret@store/1"), ["store:6379"]);
        assert_eq!(of("kafka://user:secret@a:9092,b:9092?ssl.ca.location=/f/ca.pem"), ["a:9092", "b:9092"]);
    }
}
