//! Owns `with_redis`: one Redis as deduplicator and as the place where a service's metrics are kept. Leaves both to
//! `millstream-redis`.

pub use millstream_redis::*;

use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::Error;
use millstream_core::service::{AccountLine, Counts, Report, Reporter};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often metrics are kept: as often as monitoring usually looks.
const KEPT_EVERY: Duration = Duration::from_secs(10);

/// [`StreamServiceBuilder::with_redis`].
pub trait WithRedis: Sized {
    /// Switches on what a shared store brings: deduplication by event ids with the defaults of
    /// [`Redis::deduplicator`], and metrics of the service kept in Redis every ten seconds and at the end
    /// ([`Redis::metrics`]), by namespace. Takes a [`Redis`], or its URL.
    ///
    /// The cache ([`Redis::cache`]) is the handlers' to use: give it to the state. With other settings:
    /// `.with_deduplicator(redis.deduplicator().ttl(…))` instead of this, or after it.
    ///
    /// Nothing is connected before the service runs. While Redis is away the service waits, is not ready, and goes on by
    /// itself; metrics are not kept for so long, and nothing waits for them.
    ///
    /// ```
    /// use millstream::prelude::*;
    /// use millstream::redis::{Redis, RedisCache};
    ///
    /// struct Desk {
    ///     cache: RedisCache,
    /// }
    ///
    /// impl Desk {
    ///     async fn on_price(&self, price: Event<f64>, broker: Namespace) -> Result<(), HandlerError> {
    ///         self.cache.of(&broker).put("last-price", &*price).await?;
    ///         Ok(())
    ///     }
    /// }
    ///
    /// # fn main() -> Result<(), Error> {
    /// let redis = Redis::open("redis://localhost:6379")?;
    /// let service = StreamServiceBuilder::new("desk", Memory::new())
    ///     .with_redis(&redis)
    ///     .with_state(Desk { cache: redis.cache() })
    ///     .add_consumer_handler("paper.market.price", "alpha-panda.desk.prices", Desk::on_price)
    ///     .build()?;
    /// # drop(service);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    fn with_redis(self, redis: impl IntoRedis) -> Self;
}

impl<S: Send + Sync + 'static> WithRedis for StreamServiceBuilder<S> {
    fn with_redis(self, redis: impl IntoRedis) -> Self {
        match redis.into_redis() {
            Ok(redis) => self.with_deduplicator(redis.deduplicator()).report_every(KEPT_EVERY, Keeper(redis.metrics())),
            Err(error) => self.with_problem(error),
        }
    }
}

/// Keeps a service's account, each namespace's lines under its own keys.
struct Keeper(RedisMetrics);

impl Reporter for Keeper {
    async fn report(&self, report: Report) -> Result<(), Error> {
        let member = format!("{:016x}", report.member);
        let mut by_namespace: BTreeMap<&str, BTreeMap<String, u64>> = BTreeMap::new();
        for line in &report.account.lines {
            let numbers = by_namespace.entry(line.topic.namespace_name().unwrap_or("-")).or_default();
            numbers.extend(
                named(line).map(|(name, number)| (format!("{} {} {} {name}", line.topic, line.group, line.handler), number)),
            );
            numbers.insert("ready".into(), u64::from(report.health.is_ready()));
        }
        for (namespace, numbers) in by_namespace {
            self.0.keep(namespace, &report.service, &member, &numbers).await?;
        }
        Ok(())
    }
}

/// The numbers of a line, without those of which there is none.
fn named(line: &AccountLine) -> impl Iterator<Item = (&'static str, u64)> {
    let Counts { delivered, done, skipped, filtered, duplicates, redeliveries, conflicts, .. } = line.counts;
    let Counts { retries, failures, deferred, dead_lettered, handed_on, outputs, abandoned, timeouts, .. } = line.counts;
    let all = [
        ("delivered", delivered),
        ("done", done),
        ("skipped", skipped),
        ("filtered", filtered),
        ("duplicates", duplicates),
        ("redeliveries", redeliveries),
        ("conflicts", conflicts),
        ("retries", retries),
        ("failures", failures),
        ("deferred", deferred),
        ("dead_lettered", dead_lettered),
        ("handed_on", handed_on),
        ("outputs", outputs),
        ("abandoned", abandoned),
        ("timeouts", timeouts),
    ];
    all.into_iter().filter(|(_, number)| *number > 0)
}
