//! an `EventData` without a key

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

impl EventData for Tick {
    const TYPE: &'static str = "market_tick";
}

fn main() {}
