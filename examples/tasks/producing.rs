//! A market feed: events without a cause, which a publisher makes; with headers of their own, and as CloudEvents.

use millstream::envelope::ContentMode;
use millstream::prelude::*;
use millstream::service::{ProducerSettings, Publisher};
use serde::{Deserialize, Serialize};

const TICKS: Topic = Topic::literal("market.ticks");

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tick {
    instrument: String,
    /// Money travels as text, never as a float.
    price: String,
}

impl EventData for Tick {
    const TYPE: &'static str = "market_tick";

    fn key(&self) -> Key<'_> {
        (&self.instrument).into()
    }
}

pub(crate) async fn run() -> Result<(), Error> {
    let memory = Memory::new();
    let tick = Tick { instrument: "EURUSD".into(), price: "1.0832".into() };

    let feed = Publisher::new("feed", memory.clone()).await?;
    let receipt = feed.publish(&TICKS, &tick).await?;
    assert_eq!(receipt.offset, 0);

    // Another key than the data's, and a header.
    let draft = EventEnvelope::root(tick.clone()).key("fx").header("tenant", "blue");
    feed.publish_envelope(&TICKS, draft).await?;

    // The same event for readers that speak CloudEvents.
    let settings = ProducerSettings::new().content_mode(ContentMode::CloudEventsBinary);
    Publisher::with("feed", memory.clone(), settings).await?.publish(&TICKS, &tick).await?;

    for (record, mode) in memory.batches(&TICKS)[0].iter().zip(["envelope", "envelope", "binary"]) {
        // Whatever the mode, it reads as one and the same event.
        let event = EventEnvelope::<Tick>::from_record(record).expect("it was just written");
        assert_eq!((event.data, event.source.as_ref()), (tick.clone(), "feed"), "{mode}");
        assert_eq!(record.headers().text("ce_type").is_some(), mode == "binary");
    }
    Ok(())
}
