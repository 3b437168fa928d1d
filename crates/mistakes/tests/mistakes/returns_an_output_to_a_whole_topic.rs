//! a handler that returns an output to a whole topic

use millstream::prelude::*;

#[derive(EventData, serde::Serialize, serde::Deserialize)]
#[event(type = "tick", key = instrument)]
struct Tick {
    instrument: u32,
}

async fn handler(tick: Event<Tick>) -> Emit<Tick> {
    Emit::to(Topic::literal("zerodha.ticks.seen"), tick.into_data())
}

fn main() {
    let _ = handler;
}
