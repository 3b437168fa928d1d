//! Topics and namespaces: names are checked when the program is compiled, and an output stays in its input's namespace.

use millstream::prelude::*;
use millstream::testkit::TestBench;
use serde::{Deserialize, Serialize};

// A wrong name is a compile error.
const TICKS: Topic = Topic::literal("market.ticks");
const RAW: Sibling = Sibling::new("signals", "raw");
const BROKERS: [Namespace; 2] = [Namespace::literal("paper"), Namespace::literal("zerodha")];

#[derive(Serialize, Deserialize)]
struct Tick {
    instrument: String,
}

impl EventData for Tick {
    const TYPE: &'static str = "market_tick";

    fn key(&self) -> Key<'_> {
        (&self.instrument).into()
    }
}

/// `market.ticks` is shared: it has no namespace, so each output names one.
async fn fan_out(tick: Event<Tick>, out: &mut Outputs) -> Result<(), HandlerError> {
    for broker in &BROKERS {
        out.emit(RAW.of(broker), &*tick)?;
    }
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("strategy-runner", transport)
        .add_producer()
        .add_consumer_handler(TICKS, "alpha-panda.strategy-runner.ticks", fan_out)
        .build()
}

pub(crate) async fn run() -> Result<(), Error> {
    let topic: Topic = "paper.signals.validated".parse().expect("a topic by the rules");
    assert_eq!(topic.namespace(), Some(BROKERS[0].clone()));
    assert_eq!(topic.dlq().expect("it has one").as_str(), "paper.signals.validated.dlq");
    assert!("paper.signals.*".parse::<Topic>().is_err());

    let bench = TestBench::start(service).await?;
    bench.publish("market.ticks", &Tick { instrument: "EURUSD".into() }).await;
    bench.settled().await;
    for broker in ["paper", "zerodha"] {
        assert_eq!(bench.events::<Tick>(&format!("{broker}.signals.raw")).len(), 1);
    }
    bench.stop().await
}
