//! A service is the same on whatever transport, however it is named: by type, by URL, or by a third party's crate.

mod support;

use millstream::contract::{
    AnyTransport, Capabilities, ConsumerRequest, Error, ErrorKind, Operation, Producer, Transport, Transports,
};
use millstream::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use support::*;

async fn ignore(_: Event<Order>) {}

fn service(transport: impl Transport) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("seen", transport).add_consumer_handler("paper.orders.new", "seen.orders", ignore).build()
}

async fn works(transport: impl Transport, log: &Memory) {
    send_orders(log, "paper.orders.new", [order("a", 1), order("a", 2)]).await;
    let running = Running::start(service(transport).expect("a valid service")).await;
    running.settled(2).await;
    running.stop().await.expect("a clean end");
    assert_eq!(committed(log, "seen.orders", "paper.orders.new", 0), Some(2));
}

/// A third party's transport; it counts its clones of the world.
#[derive(Clone)]
struct Nats(Memory, Arc<AtomicUsize>);

impl Nats {
    fn open(url: &str) -> Result<Self, Error> {
        Ok(Nats(Memory::open(&url.replace("nats://", "memory://"))?, Arc::default()))
    }
}

impl Transport for Nats {
    type Producer = <Memory as Transport>::Producer;
    type Consumer = <Memory as Transport>::Consumer;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn producer(&self) -> Result<Self::Producer, Error> {
        self.1.fetch_add(1, Ordering::SeqCst);
        self.0.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
        self.0.consumer(request).await
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_runs_on_a_transport_by_type() {
    let memory = Memory::new();
    works(memory.clone(), &memory).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_runs_on_a_transport_by_url() {
    let log = Memory::open("memory://by-url").expect("a log");
    works(AnyTransport::open("memory://by-url").expect("it is built in"), &log).await;
}

#[tokio::test(start_paused = true)]
async fn a_service_runs_on_a_third_partys_transport_by_url() {
    let transports = Transports::builtin().with("nats", Nats::open);
    let log = Memory::open("memory://third").expect("a log");
    works(transports.open("nats://third").expect("it was added"), &log).await;
}

#[test]
fn a_scheme_is_known_in_whatever_case() {
    AnyTransport::open("MEMORY://").expect_err("memory itself takes no such thing");
    Transports::new().with("Nats", Nats::open).open("nats://x").expect("it was added");
    Transports::new().with("nats", |_| Ok(Memory::new())).open("NATS://x").expect("it was added");
}

#[test]
fn an_unknown_scheme_is_told_the_nearest_and_all_there_are() {
    let transports = Transports::builtin().with("nats", Nats::open);
    let error = transports.open("nat://ann:s3cret@localhost").expect_err("no such transport");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    let all = if cfg!(feature = "rdkafka") {
        "`kafka://`, `kafka+rdkafka://`, `memory://`, `nats://`"
    } else {
        "`memory://`, `nats://`"
    };
    let text = format!("connect failed: there is no transport `nat://`; did you mean `nats://`? there are: {all}");
    assert_eq!(format!("{error:?}"), text);
    let error = transports.open("sqs://queue").expect_err("no such transport");
    assert_eq!(error.context(), format!("there is no transport `sqs://`; there are: {all}"));
    assert_eq!(Transports::new().open("a://").expect_err("none").context(), "there is no transport `a://`; there are: none");
}

/// I13.
#[test]
fn an_error_of_opening_never_repeats_a_secret_of_the_url() {
    let quoting = Transports::new().with("nats", |url: &str| -> Result<Nats, Error> {
        Err(Error::new(ErrorKind::Unauthorized, Operation::Connect, format!("cannot use {url}"))
            .with_source(std::io::Error::other(url.to_owned())))
    });
    for url in ["nats://ann:s3cret@host/x", "nats://host?token=s3cret", "nats://ann:s3%63ret@host"] {
        let error = quoting.open(url).expect_err("it cannot be opened");
        let said = format!("{error} {error:?}");
        assert!(!said.contains("s3cret") && !said.contains("s3%63ret"), "{said}");
        assert!(said.contains("nats://"), "{said}");
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    }
    let plain = quoting.open("nats://host/x").expect_err("it cannot be opened");
    assert!(plain.to_string().contains("cannot use nats://host/x"), "what holds no secret is told: {plain}");
}

#[test]
#[should_panic(expected = "cannot be the scheme of a URL")]
fn a_scheme_that_no_url_can_have_is_a_bug() {
    let _ = Transports::new().with("nats://", Nats::open);
}

#[tokio::test(start_paused = true)]
async fn an_erased_transport_is_a_transport_like_any_other() {
    let nats = Nats::open("nats://").expect("a log");
    let (counted, any) = (nats.1.clone(), AnyTransport::new(nats));
    let again = AnyTransport::new(any.clone());
    let producer = Transport::producer(&again).await.expect("a producer");
    assert_eq!((producer.partitions(&topic("paper.orders.new")).await.expect("known"), counted.load(Ordering::SeqCst)), (1, 1));
    assert_eq!(format!("{any:?}"), "AnyTransport(\"memory\")");
}
