//! `#[derive(EventData)]` with a key that is no field

use millstream::prelude::*;

#[derive(EventData, serde::Serialize)]
#[event(type = "market_tick", key = instrumnt)]
struct Tick {
    instrument: u32,
}

fn main() {}
