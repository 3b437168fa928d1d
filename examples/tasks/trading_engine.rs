//! A service with a state: signals of two brokers come in, fills go out, each in the namespace it came from.

use millstream::prelude::*;
use millstream::testkit::TestBench;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const FILLED: Sibling = Sibling::new("orders", "filled");

#[derive(Serialize, Deserialize)]
struct Signal {
    symbol: String,
    quantity: u32,
}

impl EventData for Signal {
    const TYPE: &'static str = "trading_signal";

    fn key(&self) -> Key<'_> {
        (&self.symbol).into()
    }
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct OrderFilled {
    symbol: String,
    quantity: u32,
}

impl EventData for OrderFilled {
    const TYPE: &'static str = "order_filled";

    fn key(&self) -> Key<'_> {
        (&self.symbol).into()
    }
}

/// What executes orders of one broker.
struct Trader;

impl Trader {
    async fn execute(&self, signal: &Signal) -> Result<OrderFilled, std::io::Error> {
        tokio::task::yield_now().await;
        Ok(OrderFilled { symbol: signal.symbol.clone(), quantity: signal.quantity })
    }
}

struct Engine {
    traders: BTreeMap<&'static str, Trader>,
}

impl Engine {
    fn new() -> Self {
        Engine { traders: BTreeMap::from([("paper", Trader), ("zerodha", Trader)]) }
    }

    /// `&self` is the state, the signal and the namespace come from the record, `out` is what goes out.
    async fn on_signal(&self, signal: Event<Signal>, broker: Namespace, out: &mut Outputs) -> Result<(), HandlerError> {
        let trader = self.traders.get(broker.as_str()).or_permanent("no trader for this broker")?;
        let filled = trader.execute(&signal).await?;
        out.emit(FILLED, &filled)?;
        Ok(())
    }
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("trading-engine", transport)
        .with_deduplicator(WindowDeduplicator::default())
        .with_error_handling(ErrorHandling::default())
        .with_metrics()
        .with_state(Engine::new())
        .add_producer()
        .add_consumer_handler(
            ["paper.signals.validated", "zerodha.signals.validated"],
            "alpha-panda.trading-engine.signals",
            Engine::on_signal,
        )
        .build()
}

/// Paper in, paper out; zerodha in, zerodha out.
pub(crate) async fn run() -> Result<(), Error> {
    let bench = TestBench::start(service).await?;
    bench.publish("paper.signals.validated", &Signal { symbol: "EURUSD".into(), quantity: 10 }).await;
    bench.publish("zerodha.signals.validated", &Signal { symbol: "NIFTY".into(), quantity: 20 }).await;
    bench.settled().await;
    let filled = |symbol: &str, quantity| OrderFilled { symbol: symbol.into(), quantity };
    assert_eq!(bench.events::<OrderFilled>("paper.orders.filled"), [filled("EURUSD", 10)]);
    assert_eq!(bench.events::<OrderFilled>("zerodha.orders.filled"), [filled("NIFTY", 20)]);
    bench.stop().await
}
