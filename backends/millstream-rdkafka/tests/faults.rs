//! What befalls a cluster while a service reads from it, each on a broker of the test's own: every event is handled, and settled.

mod common;

use common::Wait;
use common::orders::{ORDERS, Order, publish};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use millstream::prelude::*;
use millstream_rdkafka::{NewTopic, Rdkafka};
use millstream_services::{Kafka, offered};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

const GROUP: &str = "desk.orders";
/// Longer than a member may be silent.
const HUNG: Duration = Duration::from_secs(9);

fn main() -> ExitCode {
    let tests = [
        test("records_of_partitions_that_are_added_are_handled", partitions_added),
        test("a_broker_that_hangs_past_the_session_costs_no_record", hung),
        test("a_broker_that_is_killed_and_comes_back_costs_no_record", killed),
    ];
    libtest_mimic::run(&Arguments::from_args(), tests.into()).exit_code()
}

fn test<F: Future<Output = ()> + 'static>(name: &'static str, body: fn(Kafka) -> F) -> Trial {
    Trial::ignorable_test(name, move || {
        if let Err(absent) = offered::own() {
            return Ok(Completion::ignored_with(absent));
        }
        let kafka = Kafka::start().map_err(|error| Failed::from(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(body(kafka));
        Ok(Completion::Completed)
    })
}

/// How often each order was handled.
#[derive(Default)]
struct Handled(Mutex<BTreeMap<u64, u32>>);

impl Handled {
    async fn on_order(self: &Arc<Self>, order: Event<Order>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(order.number).or_default() += 1;
    }

    fn orders(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

/// A running service, and who publishes to it.
struct Desk {
    kafka: Rdkafka,
    shop: Publisher,
    handled: Arc<Handled>,
    handle: ServiceHandle,
    running: JoinHandle<Result<(), Error>>,
}

impl Desk {
    async fn start(servers: String) -> Self {
        let kafka = Rdkafka::builder(servers).set("topic.metadata.refresh.interval.ms", "1000").build().expect("good settings");
        let topics = [NewTopic::new(ORDERS, 1), NewTopic::new(ORDERS.dlq().expect("a short name"), 1)];
        kafka.admin().await.expect("a cluster").create(&topics).await.expect("two topics");
        let shop = Publisher::new("shop", kafka.clone()).await.expect("a publisher");
        let handled = Arc::new(Handled::default());
        let service = StreamServiceBuilder::new("desk", kafka.clone())
            .with_state(handled.clone())
            .membership(Duration::from_secs(6), Duration::from_secs(5))
            .add_consumer_handler(ORDERS, GROUP, Handled::on_order)
            .build()
            .expect("nothing is wrong with it");
        let handle = service.handle();
        let running = tokio::spawn(service.run());
        let desk = Desk { kafka, shop, handled, handle, running };
        publish(&desk.shop, 0..50).await;
        desk.settles(50).await;
        desk
    }

    /// Waits until so many different orders were handled, and nothing is left to be settled.
    async fn settles(&self, orders: usize) {
        Wait::until("all orders", async || {
            assert!(!self.running.is_finished(), "it ended early");
            self.handled.orders() >= orders && self.handle.health().is_ready()
        })
        .await;
        assert_eq!(self.handled.orders(), orders);
    }

    async fn stop(self) {
        self.handle.stop();
        self.running.await.expect("no panic").expect("it ends well");
    }
}

async fn partitions_added(kafka: Kafka) {
    let mut desk = Desk::start(kafka.bootstrap_servers()).await;
    desk.kafka.admin().await.expect("a cluster").grow(&ORDERS, 4).await.expect("it grows");
    let grown = async || {
        desk.kafka.describe(&[ORDERS]).await.is_ok_and(|topics| topics[0].as_ref().is_some_and(|topic| topic.partitions == 4))
    };
    Wait::until("the new partitions", grown).await;
    // Those that know of the new partitions write to them, whether readers know of them or not.
    let other = Publisher::new("shop", desk.kafka.clone()).await.expect("a publisher");
    desk.shop = other;
    publish(&desk.shop, 50..150).await;
    desk.settles(150).await;
    desk.stop().await;
}

async fn hung(mut kafka: Kafka) {
    let desk = Desk::start(kafka.bootstrap_servers()).await;
    kafka.node_mut(1).pause().expect("it runs");
    tokio::time::sleep(HUNG).await;
    kafka.node_mut(1).resume().expect("it was paused");
    publish(&desk.shop, 50..150).await;
    desk.settles(150).await;
    desk.stop().await;
}

async fn killed(mut kafka: Kafka) {
    let desk = Desk::start(kafka.bootstrap_servers()).await;
    kafka.node_mut(1).kill().expect("it runs");
    tokio::task::block_in_place(|| kafka.node_mut(1).start()).expect("it comes back");
    publish(&desk.shop, 50..150).await;
    desk.settles(150).await;
    desk.stop().await;
}
