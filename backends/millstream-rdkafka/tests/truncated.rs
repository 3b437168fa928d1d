//! A partition whose log was cut while nobody read it: an unclean election made a replica its leader that had not all of it, and
//! new records took the offsets of those that are gone. Who reads on from what was committed would pass over them in silence.

mod common;

use common::Wait;
use common::orders::{ORDERS, Order, publish};
use libtest_mimic::{Arguments, Completion, Failed, Trial};
use millstream::prelude::*;
use millstream_rdkafka::{NewTopic, Rdkafka};
use millstream_services::{Kafka, KafkaSettings};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

fn main() -> ExitCode {
    let test = Trial::ignorable_test("a_log_that_was_cut_below_what_was_committed_is_not_read_on", || {
        if let Err(absent) = common::processes() {
            return Ok(Completion::ignored_with(absent));
        }
        let kafka = KafkaSettings::default().brokers(3).start().map_err(|error| Failed::from(error.to_string()))?;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(cut_below_the_commit(kafka));
        Ok(Completion::Completed)
    });
    libtest_mimic::run(&Arguments::from_args(), vec![test]).exit_code()
}

/// The orders that were handled.
#[derive(Default)]
struct Handled(Mutex<BTreeSet<u64>>);

impl Handled {
    async fn on_order(self: &Arc<Self>, order: Event<Order>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(order.number);
    }

    fn all(&self) -> BTreeSet<u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// A service that runs.
struct Desk {
    handled: Arc<Handled>,
    handle: ServiceHandle,
    running: JoinHandle<Result<(), Error>>,
}

impl Desk {
    fn start(kafka: &Rdkafka) -> Self {
        let handled = Arc::new(Handled::default());
        let service = StreamServiceBuilder::new("desk", kafka.clone())
            .with_state(handled.clone())
            .membership(Duration::from_secs(6), Duration::from_secs(5))
            .add_consumer_handler(ORDERS, "desk.orders", Handled::on_order)
            .build()
            .expect("nothing is wrong with it");
        let handle = service.handle();
        Desk { handled, handle, running: tokio::spawn(service.run()) }
    }

    async fn stop(self) {
        self.handle.stop();
        self.running.await.expect("no panic").expect("it ends well");
    }
}

/// Who leads the partition and who has it, by the ids of brokers.
struct Leadership {
    leader: i32,
    replicas: Vec<i32>,
    in_sync: Vec<i32>,
}

/// As the brokers that can be reached say.
async fn leadership(servers: &str) -> Option<Leadership> {
    let servers = servers.to_owned();
    let asked = tokio::task::spawn_blocking(move || {
        let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", servers).create().ok()?;
        let metadata = client.fetch_metadata(Some(ORDERS.as_str()), Duration::from_secs(5)).ok()?;
        let partition = metadata.topics().first()?.partitions().first()?;
        let (replicas, in_sync) = (partition.replicas().to_vec(), partition.isr().to_vec());
        Some(Leadership { leader: partition.leader(), replicas, in_sync })
    });
    asked.await.expect("no panic")
}

/// By a producer of its own: a log that was cut knows nothing of the numbers of one that wrote before.
async fn publish_as_new(kafka: &Rdkafka, numbers: std::ops::Range<u64>) {
    let shop = Publisher::new("shop", kafka.clone()).await.expect("a publisher");
    publish(&shop, numbers).await;
}

fn node(kafka: &mut Kafka, id: i32) -> &mut millstream_services::Node {
    kafka.node_mut(usize::try_from(id).expect("ids are small"))
}

async fn cut_below_the_commit(mut kafka: Kafka) {
    let servers = kafka.bootstrap_servers();
    let client = Rdkafka::builder(servers.clone()).build().expect("good settings");
    let orders = NewTopic::new(ORDERS, 1).replicas(2).set("min.insync.replicas", "1");
    let orders = orders.set("unclean.leader.election.enable", "true");
    let letters = NewTopic::new(ORDERS.dlq().expect("a short name"), 1);
    client.admin().await.expect("a cluster").create(&[orders, letters]).await.expect("two topics");
    let known = async || leadership(&servers).await.is_some_and(|now| now.in_sync.len() == 2);
    Wait::until("two replicas", known).await;
    let Leadership { leader, replicas, .. } = leadership(&servers).await.expect("brokers answer");
    let follower = *replicas.iter().find(|id| **id != leader).expect("there are two");
    publish_as_new(&client, 0..5).await;

    // Only the leader has the second half.
    tokio::task::block_in_place(|| node(&mut kafka, follower).stop()).expect("it stops");
    let alone = async || leadership(&servers).await.is_some_and(|now| now.in_sync == [leader]);
    Wait::until("a leader alone", alone).await;
    publish_as_new(&client, 5..10).await;
    let desk = Desk::start(&client);
    Wait::until("ten orders", async || desk.handled.all().len() == 10 && desk.handle.health().is_ready()).await;
    desk.stop().await;

    node(&mut kafka, leader).kill().expect("it runs");
    tokio::task::block_in_place(|| node(&mut kafka, follower).start()).expect("it comes back");
    Wait::until("the other one leads", async || leadership(&servers).await.is_some_and(|now| now.leader == follower)).await;
    // Those at 5 to 9 have new records in their place, and there are some behind what was committed.
    publish_as_new(&client, 10..20).await;

    let desk = Desk::start(&client);
    let told = async || {
        assert_eq!(desk.handled.all(), BTreeSet::new(), "it has passed over what took the place of what is gone");
        desk.handle.health().troubles.values().any(|why| why.contains("Truncated"))
    };
    Wait::until("the fault", told).await;
    desk.stop().await;
}
