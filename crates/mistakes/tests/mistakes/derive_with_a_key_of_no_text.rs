//! `#[derive(EventData)]` with a key that is neither text nor an integer

use millstream::prelude::*;

#[derive(EventData, serde::Serialize)]
#[event(type = "market_tick", key = price)]
struct Tick {
    price: f64,
}

fn main() {}
