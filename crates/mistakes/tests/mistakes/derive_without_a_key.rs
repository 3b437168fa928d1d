//! `#[derive(EventData)]` without a partition key

use millstream::prelude::*;

#[derive(EventData, serde::Serialize)]
#[event(type = "market_tick")]
struct Tick {
    instrument: u32,
}

fn main() {}
