//! What `#[derive(EventData)]` writes is what would be written by hand.

use millstream::prelude::*;
use millstream_testkit::TestBench;
use serde::{Deserialize, Serialize};

#[derive(EventData, Debug, PartialEq, Serialize, Deserialize)]
#[event(type = "market_tick", key = instrument)]
struct Tick {
    instrument: u32,
    price: String,
}

#[derive(EventData, Serialize)]
#[event(type = "order_filled", key = self.order.account, version = 3)]
struct Filled<'a> {
    order: OrderOf<'a>,
}

#[derive(Serialize)]
struct OrderOf<'a> {
    account: &'a str,
}

#[derive(EventData, Serialize)]
#[event(type = "noted")]
#[event(key = 0)]
struct Noted<T>(String, T);

#[derive(EventData, Serialize)]
#[event(type = "changed", key = format!("{}.{}", self.desk(), 7))]
enum Changed {
    Opened { desk: String },
    Closed,
}

impl Changed {
    fn desk(&self) -> &str {
        match self {
            Changed::Opened { desk } => desk,
            Changed::Closed => "none",
        }
    }
}

/// What an event says of itself.
fn said<T: EventData>(data: &T) -> (&str, u32, String) {
    (T::TYPE, T::SCHEMA_VERSION, String::from_utf8_lossy(data.key().as_bytes()).into_owned())
}

#[test]
fn type_key_and_version_are_what_the_attribute_says() {
    assert_eq!(said(&Tick { instrument: 256_265, price: "1".into() }), ("market_tick", 1, "256265".into()));
    assert_eq!(said(&Filled { order: OrderOf { account: "a7" } }), ("order_filled", 3, "a7".into()));
    assert_eq!(said(&Noted("k".into(), 5)), ("noted", 1, "k".into()));
    assert_eq!(said(&Changed::Opened { desk: "fx".into() }), ("changed", 1, "fx.7".into()));
    assert_eq!(said(&Changed::Closed), ("changed", 1, "none.7".into()));
}

const SEEN: Sibling = Sibling::new("ticks", "seen");

#[tokio::test(start_paused = true)]
async fn a_derived_event_is_published_emitted_and_read() {
    let service = |memory| {
        let builder = StreamServiceBuilder::new("forms", memory).add_producer();
        let copy = async |tick: Event<Tick>| Emit::to(SEEN, tick.into_data());
        builder.add_consumer_handler("market.ticks", "forms.derived", copy).build()
    };
    let bench = TestBench::start(service).await.expect("a valid service");
    let tick = Tick { instrument: 7, price: "24350.05".into() };
    bench.publish("market.ticks", &tick).await;
    bench.settled().await;
    let seen = bench.envelopes::<Tick>("ticks.seen");
    assert_eq!((seen[0].event_type.as_str(), &seen[0].data), ("market_tick", &tick));
}
