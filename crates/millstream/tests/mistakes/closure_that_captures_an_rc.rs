//! a closure that captures an `Rc`

use millstream::prelude::*;

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    let seen = std::rc::Rc::new(std::cell::Cell::new(0));
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", move |_: Topic| {
            seen.set(seen.get() + 1);
            async {}
        })
        .build()
}

fn main() {}
