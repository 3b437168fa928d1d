//! `#[derive(EventData)]` without `#[event(…)]`

use millstream::prelude::*;

#[derive(EventData, serde::Serialize)]
struct Tick {
    instrument: u32,
}

fn main() {}
