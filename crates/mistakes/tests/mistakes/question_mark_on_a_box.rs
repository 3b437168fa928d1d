//! `?` on a boxed error
//! Weak: it does not name the way out: `.map_err(|error| HandlerError::transient(error.to_string()))?`

use millstream::prelude::*;

#[derive(serde::Serialize, serde::Deserialize)]
struct Tick {
    price: f64,
}

fn check(_: &Tick) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    Ok(())
}

async fn handler(tick: Event<Tick>) -> Result<(), HandlerError> {
    check(&tick)?;
    Ok(())
}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
