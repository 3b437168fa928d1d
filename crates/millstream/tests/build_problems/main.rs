//! What `build()` says, word for word: each problem with its remedy, all of them at once. The texts are part of the API.

#[path = "../support/mod.rs"]
mod support;

mod batches;
mod handlers;
mod letters;
mod names;
mod whole;

use millstream::contract::{Capabilities, ConsumerRequest, ErrorKind, Support};
use millstream::prelude::*;
use support::*;

async fn quiet(_: Event<Order>) {}

async fn speaking(_: Event<Order>, _out: &mut Outputs) {}

/// The text of a service's only problem.
fn said(builder: StreamServiceBuilder) -> String {
    let error = builder.build().expect_err("it has a problem");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let text = error.to_string();
    let (head, problem) = text.split_once("\n  1. ").expect("a first problem");
    assert!(head.ends_with("has 1 problem:"), "{text}");
    problem.to_owned()
}

/// A service with one handler, to which a mistake can be added.
fn sound() -> StreamServiceBuilder {
    StreamServiceBuilder::new("desk", Memory::new()).add_consumer_handler("paper.orders.new", "desk.orders", quiet)
}

/// A service whose only handler has these settings.
fn with(settings: HandlerSettings) -> StreamServiceBuilder {
    let builder = StreamServiceBuilder::new("desk", Memory::new());
    builder.add_consumer_handler_with("paper.orders.new", "desk.orders", quiet, settings)
}

/// A transport that can do less than memory.
#[derive(Clone)]
struct Poor(Memory, Capabilities);

impl Poor {
    fn new(poorer: impl FnOnce(&mut Capabilities)) -> Self {
        let mut capabilities = Capabilities::all("pigeons");
        poorer(&mut capabilities);
        Poor(Memory::new(), capabilities)
    }

    /// One that keeps no headers.
    fn without_headers() -> Self {
        Poor::new(|can| can.headers = Support::No("a pigeon carries one leaf"))
    }
}

impl Transport for Poor {
    type Producer = <Memory as Transport>::Producer;
    type Consumer = <Memory as Transport>::Consumer;

    fn capabilities(&self) -> Capabilities {
        self.1.clone()
    }

    async fn producer(&self) -> Result<Self::Producer, Error> {
        self.0.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
        self.0.consumer(request).await
    }
}

#[test]
fn all_problems_are_told_at_once_and_the_process_ends_with_78() {
    async fn lost(_: Namespace, _: &mut Outputs, _: &mut Outputs) {}
    let error = StreamServiceBuilder::new("", Memory::new())
        .with_shutdown(Shutdown::within(std::time::Duration::ZERO))
        .commit_every(std::time::Duration::ZERO)
        .with_error_handling(ErrorHandling::new().breaker(Breaker::after(1).probe_every(std::time::Duration::ZERO)))
        .add_consumer_handler("paper.orders.*", "desk", quiet)
        .add_consumer_handler("market.ticks", "desk/ticks", lost)
        .add_consumer_handler_with("market.ticks.dlq", "desk", quiet, HandlerSettings::new().name("letters"))
        .build()
        .expect_err("it has many problems");
    assert_eq!(
        error.to_string(),
        "build failed: service `` has 10 problems:
  1. the service has no name
     remedy: name it, since its events say where they come from: `StreamServiceBuilder::new(\"trading-engine\", …)`
  2. there is no time between commits, so one would follow the other
     remedy: give some: `.commit_every(Duration::from_millis(100))`, the default
  3. the shutdown has no time, so nothing could be finished
     remedy: give it some: `.with_shutdown(Shutdown::within(Duration::from_secs(25)))`, the default
  4. the breaker waits no time before it probes, so it would never hold anything back
     remedy: give it some: `Breaker::after(20).within(Duration::from_secs(10)).probe_every(Duration::from_secs(5))`, the default
  5. handler 1: the topic `paper.orders.*` cannot be used: topics are named one by one: wildcard subscriptions are not supported
     remedy: name each of them: `[\"paper.signals.raw\", \"zerodha.signals.raw\"]`
  6. handler `market.ticks`: the group `desk/ticks` cannot be used: only the characters a-z, A-Z, 0-9, `.`, `_` and `-` are allowed
     remedy: a group's name is like `\"alpha-panda.trading-engine.signals\"`
  7. handler `market.ticks` takes `&mut Outputs`, but the service has no producer
     remedy: add it before `build()`: `.add_producer()`; or take the argument out
  8. handler `market.ticks` takes `&mut Outputs` 2 times
     remedy: take it once, it is one list: `async fn on_signal(signal: Event<Signal>, out: &mut Outputs)`
  9. handler `market.ticks` takes a `Namespace`, and the shared topic `market.ticks` has none
     remedy: take it where there is one: `namespace: Option<Namespace>`; or read the topic by another handler
  10. handler `letters` reads the dead-letter topic `market.ticks.dlq`, and its own dead letters would feed it
     remedy: give the service a sink of its own: `ErrorHandling::new().error_sink(my_sink)`"
    );
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(millstream::exit_code(Err(error)), std::process::ExitCode::from(78));
}
