//! Owns what runs beside the tests: a Kafka and a Redis that somebody has already, or ones that end with this value.

use super::install;
use crate::step::human;
use millstream_services::offered::SERVICES;
use millstream_services::{Kafka, Redis};
use std::collections::BTreeMap;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Instant;

/// What tests are told, and what they are told of.
pub(crate) struct Beside {
    told: BTreeMap<&'static str, String>,
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

/// Takes what the environment names, and starts the rest.
///
/// # Errors
/// If what is named does not answer, something is missing and may not be installed here, or does not become ready.
pub(crate) fn beside_tests() -> Result<Beside, String> {
    let start = Instant::now();
    let mut told = BTreeMap::new();
    let (kafka, redis) = (given("KAFKA_BOOTSTRAP_SERVERS")?, given("REDIS_URL")?);
    let own = match install::all(false) {
        Ok(()) => "own",
        // Tests that kill a broker are then ignored, with that reason.
        Err(why) if kafka.is_some() && redis.is_some() => {
            println!("{why}");
            "given"
        }
        Err(why) => {
            return Err(format!("{why}\n\nor leave out the tests that need Kafka and Redis: `cargo xtask test --no-services`"));
        }
    };
    told.insert(SERVICES, own.to_owned());
    let mut started = |name, address: String| {
        println!("{name}={address}, ready after {}", human(start.elapsed()));
        told.insert(name, address);
    };
    let kafka = match kafka {
        Some(_) => None,
        None => Some(Kafka::start()?).inspect(|kafka| started("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())),
    };
    let redis = match redis {
        Some(_) => None,
        None => Some(Redis::start()?).inspect(|redis| started("REDIS_URL", redis.url())),
    };
    Ok(Beside { told, _kafka: kafka, _redis: redis })
}

/// What the environment names, if it does and that answers.
///
/// # Errors
/// If it does not: tests against a server that is not there would fail one by one.
pub(super) fn given(name: &str) -> Result<Option<String>, String> {
    let Some(value) = std::env::var(name).ok().filter(|value| !value.is_empty()) else { return Ok(None) };
    let hosts: Vec<_> = hosts(&value).collect();
    let answers = |host: &String| host.to_socket_addrs().is_ok_and(|mut all| all.any(|one| TcpStream::connect(one).is_ok()));
    if hosts.iter().any(answers) {
        Ok(Some(value))
    } else {
        Err(format!("{name} names {}, where nothing listens", hosts.join(", ")))
    }
}

/// The hosts with their ports in a list of servers, or in an address with a scheme, a user and a path.
fn hosts(value: &str) -> impl Iterator<Item = String> {
    value.split(',').map(|one| {
        let one = one.split_once("://").map_or(one, |(_, rest)| rest);
        let one = one.split('/').next().unwrap_or(one);
        let one = one.rsplit_once('@').map_or(one, |(_, host)| host);
        if one.contains(':') { one.to_owned() } else { format!("{one}:6379") }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_read_out_of_server_lists_and_addresses() {
        let of = |value| hosts(value).collect::<Vec<_>>();
        assert_eq!(of("a:9092,b:9093"), ["a:9092", "b:9093"]);
        assert_eq!(of("redis://127.0.0.1:20005"), ["127.0.0.1:20005"]);
        assert_eq!(of("redis://user:secret@store/1"), ["store:6379"]);
    }
}
