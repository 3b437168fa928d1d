//! a closure whose argument has no type
//! Weak: the message stands at the method and at `event`, and speaks of `Extract::Item`; write the type of the argument

use millstream::prelude::*;

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", async |event| { let _ = event; })
        .build()
}

fn main() {}
