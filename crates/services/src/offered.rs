//! Owns what a test run offers its tests, which `cargo xtask test` says by the environment, and the reason where there is nothing:
//! a test without its service is reported as ignored with that reason, never as passed.

use crate::kafka::jars;
use crate::tools::Tool;
use std::fmt;

/// Which services a test may use: `own`, `given`, `none`. Unset, as in a plain `cargo test`, is `given`.
pub const SERVICES: &str = "MILLSTREAM_SERVICES";

/// Why a test has no service: the reason with which it is ignored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absent(&'static str);

impl fmt::Display for Absent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Absent {}

impl From<Absent> for String {
    fn from(absent: Absent) -> Self {
        absent.0.to_owned()
    }
}

const REFUSED: Absent = Absent("the run is one without services (--no-services)");

/// A Kafka shared by all tests of the run: its bootstrap servers. Topics and groups need names of their own.
///
/// # Errors
/// If the run has none.
pub fn kafka() -> Result<String, Absent> {
    shared("KAFKA_BOOTSTRAP_SERVERS", Absent("KAFKA_BOOTSTRAP_SERVERS is not set: `cargo xtask test` starts a Kafka"))
}

/// A Redis shared by all tests of the run: its address. Keys need a prefix of their own, and nobody flushes it.
///
/// # Errors
/// If the run has none.
pub fn redis() -> Result<String, Absent> {
    shared("REDIS_URL", Absent("REDIS_URL is not set: `cargo xtask test` starts a Redis"))
}

/// Whether a test may start services of its own ([`Kafka::start`](crate::Kafka::start)), to kill and restart them.
///
/// # Errors
/// If not.
pub fn own() -> Result<(), Absent> {
    decide_own(variable(SERVICES).as_deref())
}

/// Whether a test may start services of its own as processes, wherever Docker runs: listeners with TLS and SASL are always some
/// ([`KafkaSettings::secured`](crate::KafkaSettings::secured)).
///
/// # Errors
/// If not, or Java, Kafka's jars or Redis are missing.
pub fn packages() -> Result<(), Absent> {
    own()?;
    let there = Tool::Java.is_there() && Tool::Redis.is_there() && jars::class_path().is_ok();
    if there {
        Ok(())
    } else {
        Err(Absent("Java, Kafka's jars or Redis are missing: `cargo xtask services install` brings them"))
    }
}

fn decide_own(services: Option<&str>) -> Result<(), Absent> {
    match services {
        Some("own") => Ok(()),
        Some("none") => Err(REFUSED),
        _ => Err(Absent("services of a test's own are started in `cargo xtask test` only (MILLSTREAM_SERVICES=own)")),
    }
}

fn shared(name: &str, absent: Absent) -> Result<String, Absent> {
    decide_shared(variable(SERVICES).as_deref(), variable(name), absent)
}

fn decide_shared(services: Option<&str>, address: Option<String>, absent: Absent) -> Result<String, Absent> {
    if services == Some("none") { Err(REFUSED) } else { address.ok_or(absent) }
}

/// Empty is as good as unset.
pub(crate) fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_services_offers_none_even_if_an_address_is_known() {
        let address = || Some("127.0.0.1:9092".to_owned());
        assert_eq!(decide_shared(Some("none"), address(), Absent("")), Err(REFUSED));
        assert_eq!(decide_shared(None, address(), Absent("")), Ok("127.0.0.1:9092".to_owned()));
        assert_eq!(decide_shared(Some("own"), None, Absent("why")), Err(Absent("why")));
        assert_eq!(decide_own(Some("none")), Err(REFUSED));
    }

    #[test]
    fn only_a_run_that_says_so_lets_tests_start_services() {
        assert_eq!(decide_own(Some("own")), Ok(()));
        for services in [None, Some("given")] {
            assert!(decide_own(services).is_err(), "{services:?}");
        }
    }
}
