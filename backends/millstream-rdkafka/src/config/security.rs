//! Owns who is trusted, and who one is: TLS by default towards anything but this machine, SASL on top of it.

use crate::secret::Secret;
use crate::token::{Token, TokenSource};
use millstream_core::contract::BoxError;
use std::fmt;
use std::sync::Arc;

/// Who one is to the brokers.
#[derive(Clone)]
#[non_exhaustive]
pub enum Sasl {
    /// Name and password, as they are.
    Plain {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// Name and password, of which the broker learns nothing: SCRAM-SHA-256.
    Scram256 {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// As [`Scram256`](Sasl::Scram256), with SHA-512.
    Scram512 {
        /// The name.
        user: String,
        /// The password.
        password: Secret,
    },
    /// A token, asked for whenever the old one ends.
    OauthBearer(Arc<dyn TokenSource>),
}

impl Sasl {
    /// Tokens out of `source`: see [`TokenSource`].
    pub fn oauth_bearer<F, Fut>(source: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Token, BoxError>> + Send + 'static,
    {
        Sasl::OauthBearer(Arc::new(source))
    }

    pub(super) fn mechanism(&self) -> &'static str {
        match self {
            Sasl::Plain { .. } => "PLAIN",
            Sasl::Scram256 { .. } => "SCRAM-SHA-256",
            Sasl::Scram512 { .. } => "SCRAM-SHA-512",
            Sasl::OauthBearer(_) => "OAUTHBEARER",
        }
    }

    pub(super) fn password(&self) -> Option<(&str, &Secret)> {
        match self {
            Sasl::Plain { user, password } | Sasl::Scram256 { user, password } | Sasl::Scram512 { user, password } => {
                Some((user, password))
            }
            Sasl::OauthBearer(_) => None,
        }
    }
}

impl fmt::Debug for Sasl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sasl").field("mechanism", &self.mechanism()).finish_non_exhaustive()
    }
}

/// Whether every server of a list is on this machine.
pub(super) fn is_loopback(servers: &str) -> bool {
    !servers.is_empty() && servers.split(',').map(host).all(is_local)
}

/// The host of `host:port`, `[v6]:port`, with or without `PROTOCOL://` before it.
fn host(server: &str) -> &str {
    let server = server.trim();
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    match server.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None => server.rsplit_once(':').map_or(server, |(host, _)| host),
    }
}

fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::{Sasl, is_loopback};

    #[test]
    fn only_this_machine_is_loopback() {
        for servers in ["localhost:9092", "127.0.0.1:1,127.9.9.9:2", "[::1]:9092", "PLAINTEXT://LOCALHOST:1", "localhost"] {
            assert!(is_loopback(servers), "{servers}");
        }
        for servers in
            ["", "kafka:9092", "localhost:1,kafka:9092", "10.0.0.1:1", "localhost.evil.example:1", "127.0.0.1.evil.example"]
        {
            assert!(!is_loopback(servers), "{servers}");
        }
    }

    #[test]
    fn who_one_is_is_shown_without_a_secret() {
        let sasl = Sasl::Plain { user: "ann".into(), password: "hunter2".into() };
        assert!(!format!("{sasl:?}").contains("hunter2"));
    }
}
