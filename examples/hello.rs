//! The smallest service: prints every tick of `market.ticks` until Ctrl-C. Here it publishes three ticks itself.

use millstream::prelude::*;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let memory = Memory::new();
    for price in 1..=3 {
        let tick = EventEnvelope::new(EventId::v7(0, price), "market_tick", Timestamp::from_millis(0), "hello", price as u64);
        let json = tick.to_json().expect("a number is JSON");
        memory.producer().await?.send_one(Record::new(Topic::literal("market.ticks"), "EURUSD", json)).await?;
    }
    StreamServiceBuilder::new("hello", memory)
        .add_consumer_handler("market.ticks", "hello.ticks", print)
        .build()?
        .run_until_signal()
        .await
}

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
async fn print(event: Event<serde_json::Value>) {
    println!("{} {}", event.timestamp(), *event);
}
