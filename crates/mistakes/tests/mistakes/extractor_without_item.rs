//! an extractor that does not name its item

use millstream::prelude::*;

struct Engine;

struct Trader;

impl Extract<Engine> for Trader {
    fn extract<'d>(_: &mut Delivery<'d, Engine>) -> Result<Trader, Rejection> {
        Ok(Trader)
    }
}

fn main() {}
