//! One service on whatever transport: by type, by URL, and by the crate of a third party.

use millstream::contract::{Capabilities, ConsumerRequest, ErrorKind};
use millstream::prelude::*;

async fn on_order(_: Event<serde_json::Value>) {}

/// The last generic one: the builder erases the type.
fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("billing", transport).add_consumer_handler("paper.orders.new", "billing.orders", on_order).build()
}

/// A transport of somebody else's crate; here it is memory in disguise.
struct Nats(Memory);

impl Nats {
    fn open(_url: &str) -> Result<Self, Error> {
        Ok(Nats(Memory::new()))
    }
}

impl Transport for Nats {
    type Producer = <Memory as Transport>::Producer;
    type Consumer = <Memory as Transport>::Consumer;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn producer(&self) -> Result<Self::Producer, Error> {
        self.0.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
        self.0.consumer(request).await
    }
}

async fn starts_and_stops(service: StreamService) -> Result<(), Error> {
    let handle = service.handle();
    let running = tokio::spawn(service.run());
    handle.ready().await;
    handle.stop();
    running.await.expect("it does not panic")
}

pub(crate) async fn run() -> Result<(), Error> {
    starts_and_stops(service(Memory::new())?).await?;
    starts_and_stops(service(AnyTransport::open("memory://orders")?)?).await?;

    let transports = Transports::builtin().with("nats", Nats::open);
    starts_and_stops(service(transports.open("nats://localhost:4222")?)?).await?;

    // What is misspelt is told what there is; the password is not repeated.
    let error = transports.open("nat://ann:s3cret@localhost").expect_err("there is no such transport");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("did you mean `nats://`?") && !error.to_string().contains("s3cret"));
    Ok(())
}
