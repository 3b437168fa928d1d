//! a lock's guard held over an await

use millstream::prelude::*;

struct Engine(std::sync::Mutex<u64>);

impl Engine {
    async fn on_tick(&self, _: RawEvent<'_>) {
        let mut count = self.0.lock().unwrap();
        tokio::task::yield_now().await;
        *count += 1;
    }
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(Engine(Default::default()))
        .add_consumer_handler("market.ticks", "mistake.ticks", Engine::on_tick)
        .build()
}

fn main() {}
