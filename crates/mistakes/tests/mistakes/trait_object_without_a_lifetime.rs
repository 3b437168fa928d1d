//! a part of the state as plain `&dyn`
//! Weak: it does not name the way out: `&(dyn Broker + 'static)`

use millstream::prelude::*;

trait Broker: Send + Sync {}
struct App;
impl Broker for App {}

impl Provide<dyn Broker> for App {
    fn provide(&self) -> &(dyn Broker + 'static) {
        self
    }
}

async fn handler(_: &dyn Broker) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("mistake", transport)
        .with_state(App)
        .add_consumer_handler("market.ticks", "mistake.ticks", handler)
        .build()
}

fn main() {}
