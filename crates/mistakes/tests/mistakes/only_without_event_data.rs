//! a filter by a type that names no event type
//! Weak: it speaks of publishing

use millstream::prelude::*;

#[derive(serde::Deserialize)]
struct Tick {
    price: f64,
}

fn main() {
    let _ = HandlerSettings::new().only::<Tick>();
}
