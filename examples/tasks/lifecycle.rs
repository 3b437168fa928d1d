//! Two services and a feed in one process: each ready before the next one starts, stopped in the reverse order.

use millstream::prelude::*;
use millstream::service::{Life, StopSignal};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const TICKS: Topic = Topic::literal("market.ticks");

#[derive(Serialize, Deserialize)]
struct Tick {
    instrument: String,
    price: String,
}

impl EventData for Tick {
    const TYPE: &'static str = "market_tick";

    fn key(&self) -> Key<'_> {
        (&self.instrument).into()
    }
}

async fn on_tick(_: Event<Tick>) {}

fn service(name: &str, transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new(name, transport)
        // Kubernetes kills after 30 s: less than that, for all of them together.
        .with_shutdown(Shutdown::within(Duration::from_secs(20)))
        .add_consumer_handler(&TICKS, name, on_tick)
        .build()
}

/// A loop of one's own: it ends when it is told to.
async fn feed(market: Publisher, stop: StopSignal) -> Result<(), Error> {
    let tick = || async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        Tick { instrument: "EURUSD".into(), price: "1.0832".into() }
    };
    while let Some(tick) = stop.unless_told(tick()).await {
        market.publish(&TICKS, &tick).await?;
    }
    Ok(())
}

pub(crate) async fn run() -> Result<(), Error> {
    let memory = Memory::new();
    let market = Publisher::new("feed", memory.clone()).await?;
    let services = Services::new()
        .add(service("portfolio", memory.clone())?)
        .add(service("engine", memory.clone())?)
        .add_task("feed", move |stop| feed(market, stop));

    // A program would say `services.run_until_signal().await`, and `millstream::exit_code(…)` around it.
    let all = services.handle();
    let running = tokio::spawn(services.run());
    all.ready().await;
    assert!(all.services().all(|(_, service)| service.health().is_ready()));

    // What readiness and liveness probes ask, and what an operator wants to know.
    let (_, portfolio) = all.services().next().expect("there are two");
    assert!(portfolio.health().troubles.is_empty());
    while portfolio.account().total().done < 3 && !running.is_finished() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }

    all.stop();
    running.await.expect("they do not panic")?;
    for (_, service) in all.services() {
        let total = service.account().total();
        assert_eq!((service.health().life, total.delivered), (Life::Ended, total.settled()));
    }
    Ok(())
}
