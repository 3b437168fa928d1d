//! `#[derive(EventData)]` with a word that is not known

use millstream::prelude::*;

#[derive(EventData, serde::Serialize)]
#[event(name = "market_tick", key = instrument)]
struct Tick {
    instrument: u32,
}

fn main() {}
