//! Owns a cache whose every key belongs to a namespace. Leaves how long entries live to `ttl`.

use crate::keys::part;
use crate::link::Link;
use crate::ttl::Ttl;
use ::redis::{Cmd, Value, cmd};
use millstream_core::contract::{Error, ErrorKind, Operation};
use millstream_core::topic::Namespace;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// What services keep beside the log, for a while: prices, sessions, what an HTTP call answered. A cache, never the truth: an
/// entry may be gone at any time.
///
/// There is no way to a key without a namespace ([`of`](Self::of), or [`shared`](Self::shared)), so what one broker's records
/// lead to is never read for another's.
///
/// ```no_run
/// use millstream_redis::{Redis, RedisCache, Ttl};
/// # use millstream_core::{contract::Error, topic::Namespace};
/// # use std::time::Duration;
/// # async fn run(redis: Redis, paper: Namespace) -> Result<(), Error> {
/// let cache: RedisCache = redis.cache().ttl(Ttl::after(Duration::from_secs(60)));
/// let prices = cache.of(&paper);                       // keys begin with `paper:cache:`
/// prices.put("NIFTY", &22_104.5).await?;
/// let price: Option<f64> = prices.get_or_none("NIFTY").await;
/// # let _ = price;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct RedisCache {
    link: Arc<Link>,
    ttl: Ttl,
}

impl RedisCache {
    pub(crate) fn new(link: Arc<Link>) -> Self {
        RedisCache { link, ttl: Ttl::default() }
    }

    /// How long what is put from here on lives. An hour by default.
    #[must_use]
    pub fn ttl(mut self, ttl: Ttl) -> Self {
        self.ttl = ttl;
        self
    }

    /// The entries of one namespace.
    #[must_use]
    pub fn of(&self, namespace: &Namespace) -> NamespacedCache {
        self.within(namespace.as_str())
    }

    /// The entries of shared topics (`market.ticks`), which no namespace owns.
    #[must_use]
    pub fn shared(&self) -> NamespacedCache {
        self.within("-")
    }

    fn within(&self, namespace: &str) -> NamespacedCache {
        NamespacedCache { cache: self.clone(), prefix: format!("{}:cache:", part(namespace)) }
    }
}

impl fmt::Debug for RedisCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisCache({}, {:?})", self.link.address(), self.ttl)
    }
}

/// The entries of one namespace. Values travel as JSON.
///
/// # Cancel safety
/// A dropped read has done nothing, but to a sliding life; a dropped write may have been applied.
#[derive(Clone)]
pub struct NamespacedCache {
    cache: RedisCache,
    prefix: String,
}

impl NamespacedCache {
    /// The same with another life for what is put.
    #[must_use]
    pub fn ttl(mut self, ttl: Ttl) -> Self {
        self.cache.ttl = ttl;
        self
    }

    /// The entry, if there is one. A sliding life begins anew.
    ///
    /// # Errors
    /// If Redis cannot be asked, or if what lies there is no `T` ([`ErrorKind::Invalid`]).
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, Error> {
        let command = match self.cache.ttl.slides() {
            true => {
                let mut read = self.command("GETEX", key);
                read.arg("PX").arg(self.cache.ttl.millis(key));
                read
            }
            false => self.command("GET", key),
        };
        match self.ask(command).await? {
            Value::Nil => Ok(None),
            Value::BulkString(bytes) => serde_json::from_slice(&bytes).map(Some).map_err(|error| {
                // Without serde's words, which may repeat the value.
                let at = (error.line(), error.column());
                invalid(format!(
                    "the cached value of `{key}` is no {} (line {}, column {})",
                    std::any::type_name::<T>(),
                    at.0,
                    at.1
                ))
            }),
            _ => Err(invalid(format!("redis holds no value under `{key}`"))),
        }
    }

    /// The entry, or `None` also where Redis cannot be asked: for what can be had elsewhere.
    pub async fn get_or_none<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        self.get(key).await.ok().flatten()
    }

    /// Puts an entry, over one that is there.
    ///
    /// # Errors
    /// If Redis cannot take it; it may have. Or if `value` cannot be written as JSON ([`ErrorKind::Invalid`]).
    pub async fn put<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<(), Error> {
        let text = serde_json::to_vec(value)
            .map_err(|error| invalid(format!("the value of `{key}` cannot be written")).with_source(error))?;
        let mut set = self.command("SET", key);
        set.arg(text).arg("PX").arg(self.cache.ttl.millis(key));
        self.ask(set).await.map(drop)
    }

    /// The entry, or what `make` makes and puts. Several that find none at once each make it, and the last stays.
    ///
    /// # Errors
    /// What `make` answers. While Redis cannot be asked, `make` makes it each time, and nothing is put.
    pub async fn get_or_make<T, E, F>(&self, key: &str, make: impl FnOnce() -> F) -> Result<T, E>
    where
        T: DeserializeOwned + Serialize,
        F: Future<Output = Result<T, E>>,
    {
        let there = self.get(key).await;
        if let Ok(Some(value)) = there {
            return Ok(value);
        }
        let made = make().await?;
        if there.is_ok() {
            // It is a cache: what could not be put is made again.
            let _ = self.put(key, &made).await;
        }
        Ok(made)
    }

    /// Removes an entry; it may be none.
    ///
    /// # Errors
    /// If Redis cannot be asked; it may have been removed.
    pub async fn remove(&self, key: &str) -> Result<(), Error> {
        self.ask(self.command("DEL", key)).await.map(drop)
    }

    fn command(&self, name: &str, key: &str) -> Cmd {
        let mut command = cmd(name);
        command.arg(format!("{}{key}", self.prefix));
        command
    }

    async fn ask(&self, command: Cmd) -> Result<Value, Error> {
        Ok(self.cache.link.call(vec![command], Operation::Cache).await?.pop().unwrap_or(Value::Nil))
    }
}

impl fmt::Debug for NamespacedCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NamespacedCache({}, {})", self.cache.link.address(), self.prefix)
    }
}

fn invalid(why: String) -> Error {
    Error::new(ErrorKind::Invalid, Operation::Cache, why)
}
