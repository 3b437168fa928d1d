//! Owns the handle that users open: one Redis, its settings, and what is made of it. Leaves the connection to `link`.

use crate::address::Address;
use crate::cache::RedisCache;
use crate::deduplicator::RedisDeduplicator;
use crate::eviction::Eviction;
use crate::link::{Deadlines, Link};
use crate::metrics::RedisMetrics;
use crate::tls;
use millstream_core::contract::{Error, ErrorKind, Operation};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// The variable that names the Redis of a deployment.
const VARIABLE: &str = "REDIS_URL";

/// A Redis: opened without connecting, connected at the first call, connected again when it was away.
///
/// Clones and everything made of them share one connection, on which the calls of all workers are pipelined. Every wait has a
/// deadline. No method of anything made of it tries again by itself.
///
/// | URL | is |
/// | --- | --- |
/// | `redis://user:password@host:6379/0` | one server, in the clear |
/// | `rediss://…` | the same with TLS, its host verified (feature `tls`) |
/// | `redis+cluster://a:6379,b:6379`, `rediss+cluster://…` | a cluster, by some of its nodes |
/// | `redis+unix:///run/redis.sock` | a socket of this machine |
///
/// Its `Debug` and all errors show the URL without its password.
///
/// ```
/// use millstream_redis::Redis;
/// let redis = Redis::open("redis://trading:s3cret@db:6379/2")?;
/// assert_eq!(format!("{redis:?}"), "Redis(redis://trading:***@db:6379/2)");
/// # Ok::<(), millstream_core::contract::Error>(())
/// ```
#[derive(Clone)]
pub struct Redis {
    link: Arc<Link>,
}

impl Redis {
    /// Reads the URL. Nothing is connected yet.
    ///
    /// # Errors
    /// If it is none ([`ErrorKind::Configuration`]); the error never repeats a password.
    pub fn open(url: &str) -> Result<Self, Error> {
        RedisSettings::new().open(url)
    }

    /// Opens what `REDIS_URL` names.
    ///
    /// # Errors
    /// If the variable is not set, or is no URL of a Redis ([`ErrorKind::Configuration`]).
    pub fn from_env() -> Result<Self, Error> {
        let missing = |_| {
            let text = format!("`{VARIABLE}` is not set: give it the URL of a Redis, as `redis://localhost:6379`");
            Error::new(ErrorKind::Configuration, Operation::Connect, text)
        };
        Redis::open(&std::env::var(VARIABLE).map_err(missing)?)
    }

    /// A shared deduplicator with the defaults, which its methods change.
    pub fn deduplicator(&self) -> RedisDeduplicator {
        RedisDeduplicator::new(self.link.clone())
    }

    /// A cache whose every key belongs to a namespace.
    pub fn cache(&self) -> RedisCache {
        RedisCache::new(self.link.clone())
    }

    /// Metrics of services, kept for other programs.
    pub fn metrics(&self) -> RedisMetrics {
        RedisMetrics::new(self.link.clone())
    }

    /// What it does when it is full. Asked, and warned of, at the first connection too.
    ///
    /// # Errors
    /// If it cannot be reached or does not permit `INFO`.
    ///
    /// # Cancel safety
    /// Nothing is changed.
    pub async fn eviction(&self) -> Result<Eviction, Error> {
        self.link.eviction().await
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis({})", self.link.address())
    }
}

/// How a Redis is opened, where the defaults do not fit.
#[derive(Clone)]
#[must_use]
pub struct RedisSettings {
    deadlines: Deadlines,
    root_certificate: Option<Vec<u8>>,
}

impl RedisSettings {
    /// The defaults.
    pub fn new() -> Self {
        let deadlines = Deadlines { connect: Duration::from_secs(2), response: Duration::from_secs(2) };
        RedisSettings { deadlines, root_certificate: None }
    }

    /// How long making a connection may take, the greeting included. 2 s by default: with the answer's, well within the 10 s
    /// that a service gives its deduplicator.
    pub fn connect_within(mut self, deadline: Duration) -> Self {
        self.deadlines.connect = deadline;
        self
    }

    /// How long a batch's answer may take. 2 s by default: a healthy Redis answers in milliseconds, one that forks or fails
    /// over in about a second.
    pub fn respond_within(mut self, deadline: Duration) -> Self {
        self.deadlines.response = deadline;
        self
    }

    /// Trusts what this certificate (PEM) has signed, instead of what the system trusts.
    #[cfg(feature = "tls")]
    pub fn root_certificate(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.root_certificate = Some(pem.into());
        self
    }

    /// Reads the URL. Nothing is connected yet.
    ///
    /// # Errors
    /// As [`Redis::open`].
    pub fn open(self, url: &str) -> Result<Redis, Error> {
        let address = Address::parse(url)?;
        if self.root_certificate.is_some() && !address.tls {
            let text = "a root certificate is for TLS: write `rediss://`, or leave it out";
            return Err(Error::new(ErrorKind::Configuration, Operation::Connect, text));
        }
        if address.tls {
            tls::provide();
        }
        Ok(Redis { link: Arc::new(Link::new(address, self.deadlines, self.root_certificate)) })
    }
}

impl Default for RedisSettings {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let own_root = self.root_certificate.is_some();
        f.debug_struct("RedisSettings").field("deadlines", &self.deadlines).field("own_root", &own_root).finish()
    }
}

/// What `with_redis` takes: a Redis, or its URL.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no Redis",
    note = "give `Redis::open(\"redis://…\")?`, `Redis::from_env()?`, or the URL itself; did you forget the `?`"
)]
pub trait IntoRedis {
    /// The Redis.
    ///
    /// # Errors
    /// If the URL is none.
    fn into_redis(self) -> Result<Redis, Error>;
}

impl IntoRedis for Redis {
    fn into_redis(self) -> Result<Redis, Error> {
        Ok(self)
    }
}

impl IntoRedis for &Redis {
    fn into_redis(self) -> Result<Redis, Error> {
        Ok(self.clone())
    }
}

impl IntoRedis for &str {
    fn into_redis(self) -> Result<Redis, Error> {
        Redis::open(self)
    }
}

impl IntoRedis for String {
    fn into_redis(self) -> Result<Redis, Error> {
        Redis::open(&self)
    }
}

impl IntoRedis for &String {
    fn into_redis(self) -> Result<Redis, Error> {
        Redis::open(self)
    }
}
