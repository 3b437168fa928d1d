//! A service whose restart does nothing twice: run it again and again against the same Redis.
//!
//! ```text
//! REDIS_URL=redis://localhost:6379 cargo run -p millstream-redis --example shared
//! ```

#![expect(clippy::print_stdout, reason = "it shows what happens")]

use millstream::prelude::*;
use millstream::redis::{RedisCache, Ttl};
use std::time::Duration;

/// What handlers share: the cache, in which each broker has keys of its own.
struct Desk {
    cache: RedisCache,
}

impl Desk {
    async fn on_price(&self, price: Event<f64>, broker: Namespace) -> Result<(), HandlerError> {
        let last = self.cache.of(&broker);
        let before: Option<f64> = last.get_or_none("last-price").await;
        last.put("last-price", &*price).await?;
        println!("{broker}: {} (before: {before:?})", *price);
        Ok(())
    }
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let redis = Redis::from_env()?;
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("desk", memory.clone())
        .with_redis(&redis)
        .with_state(Desk { cache: redis.cache().ttl(Ttl::after(Duration::from_secs(600)).spread(10)) })
        .add_consumer_handler("paper.market.price", "alpha-panda.desk.prices", Desk::on_price)
        .build()?;
    let handle = service.handle();
    let running = tokio::spawn(service.run());

    // The same ids in each run: only the first run within a week handles them.
    let producer = memory.producer().await?;
    let topic = Topic::literal("paper.market.price");
    let records = (1..=3_u32).map(|n| {
        let id = EventId::v7(1_700_000_000_000, u128::from(n));
        let envelope = EventEnvelope::new(id, "price", Timestamp::from_millis(1_700_000_000_000), "shared", f64::from(n));
        Record::new(topic.clone(), "NIFTY", envelope.to_json().expect("a number is JSON"))
    });
    for receipt in producer.send_all(records.collect()).await? {
        receipt?;
    }
    while handle.account().total().settled() < 3 && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let total = handle.account().total();
    handle.stop();
    running.await.expect("the service does not panic")?;
    println!("handled {}, known from earlier runs {}", total.done, total.duplicates + total.redeliveries);
    for kept in redis.metrics().of("paper").await? {
        println!("{} {}: {:?}", kept.service, kept.member, kept.numbers);
    }
    Ok(())
}
