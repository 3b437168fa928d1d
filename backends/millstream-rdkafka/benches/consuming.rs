//! What consuming costs: CPU a record of a whole service, against a bare loop over librdkafka's own consumer that stores offsets.
//! Both in this process, by turns, over the same records of a real broker; the ratio is what carries over to other machines.
//!
//! ```text
//! KAFKA_BOOTSTRAP_SERVERS=… cargo bench -p millstream-rdkafka --bench consuming
//! ```

#![allow(clippy::print_stdout, reason = "it is what a bench does")]

use millstream::prelude::*;
use millstream_core::contract::{Produce, Producer, Record, Transport};
use millstream_rdkafka::{NewTopic, Preset, Rdkafka};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{ClientConfig, Message};
use rustix::time::{ClockId, clock_gettime};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const RECORDS: u64 = 600_000;
const PARTITIONS: u32 = 4;
const ROUNDS: usize = 7;

/// CPU of all threads of this process, librdkafka's among them.
fn cpu() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::new(spent.tv_sec.unsigned_abs(), u32::try_from(spent.tv_nsec).unwrap_or(0))
}

/// Nanoseconds of CPU and of time a record.
#[derive(Clone, Copy)]
struct Cost {
    cpu: f64,
    time: f64,
}

impl Cost {
    fn since(began: (Duration, Instant)) -> Self {
        let each = |time: Duration| time.as_secs_f64() * 1e9 / RECORDS as f64;
        Cost { cpu: each(cpu().saturating_sub(began.0)), time: each(began.1.elapsed()) }
    }
}

#[derive(Default)]
struct Seen(AtomicU64);

impl Seen {
    async fn on_event(self: &Arc<Self>, event: RawEvent<'_>) {
        std::hint::black_box(&event);
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

async fn service(kafka: &Rdkafka, topic: &Topic, group: &str) -> Cost {
    let seen = Arc::new(Seen::default());
    let service = StreamServiceBuilder::new("bench", kafka.clone())
        .with_state(seen.clone())
        .add_consumer_handler(topic.clone(), group, Seen::on_event)
        .build()
        .expect("nothing is wrong with it");
    let handle = service.handle();
    let began = (cpu(), Instant::now());
    let running = tokio::spawn(service.run());
    while handle.account().total().settled() < RECORDS {
        assert!(!running.is_finished(), "it ended early");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    handle.stop();
    running.await.expect("no panic").expect("it ends well");
    let cost = Cost::since(began);
    assert_eq!(seen.0.load(Ordering::Relaxed), RECORDS);
    cost
}

/// The loop that one would write by hand, with the same settings of librdkafka's.
fn bare(servers: &str, topic: &Topic, group: &str) -> Cost {
    let mut config = ClientConfig::new();
    for setting in Preset::LowLatency.consumer() {
        config.set(setting.name, setting.value);
    }
    config.set("bootstrap.servers", servers).set("group.id", group).set("auto.offset.reset", "earliest");
    config.set("enable.auto.commit", "true").set("enable.auto.offset.store", "false").set("check.crcs", "true");
    config.set("partition.assignment.strategy", "cooperative-sticky");
    let began = (cpu(), Instant::now());
    let consumer: BaseConsumer = config.create().expect("good settings");
    consumer.subscribe(&[topic.as_str()]).expect("a topic");
    let mut seen = 0;
    while seen < RECORDS {
        let Some(message) = consumer.poll(Duration::from_millis(100)) else { continue };
        let message = message.expect("no trouble");
        std::hint::black_box(message.payload());
        consumer.store_offset(message.topic(), message.partition(), message.offset()).expect("it is assigned");
        seen += 1;
    }
    drop(consumer);
    Cost::since(began)
}

async fn fill(kafka: &Rdkafka, topic: &Topic) {
    kafka.admin().await.expect("a cluster").create(&[NewTopic::new(topic.clone(), PARTITIONS)]).await.expect("a topic");
    let letters = NewTopic::new(topic.dlq().expect("a short name"), PARTITIONS);
    kafka.admin().await.expect("a cluster").create(&[letters]).await.expect("a topic");
    let producer = kafka.producer().await.expect("a cluster");
    while producer.partitions(topic).await.is_err() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for first in (0..RECORDS).step_by(10_000) {
        let record = |number: u64| {
            let value = format!(
                r#"{{"id":"0198c0de-0000-7000-8000-{number:012x}","type":"tick","timestamp":"2026-01-01T00:00:00Z","source":"bench","data":{{"price":"{}.25"}}}}"#,
                number % 1_000
            );
            let record = Record::new(topic.clone(), format!("key-{}", number % 64), value);
            record.to_partition(u32::try_from(number % u64::from(PARTITIONS)).expect("few"))
        };
        let records: Vec<Record> = (first..first + 10_000).map(record).collect();
        let answers = producer.send(&Produce::of(&records).expect("partitions are chosen")).await;
        assert!(answers.iter().all(Result::is_ok), "all of it is written");
    }
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[tokio::main(worker_threads = 2)]
async fn main() {
    // `cargo test --all-targets` runs benches too, without saying so.
    if !std::env::args().any(|argument| argument == "--bench") {
        return;
    }
    let Ok(servers) = std::env::var("KAFKA_BOOTSTRAP_SERVERS") else {
        println!("KAFKA_BOOTSTRAP_SERVERS names no broker: nothing is measured");
        return;
    };
    let kafka = Rdkafka::new(servers.clone()).expect("good settings");
    let run = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_millis();
    let topic: Topic = format!("shared.bench-{run}").parse().expect("a topic");
    fill(&kafka, &topic).await;
    println!("{RECORDS} records, {PARTITIONS} partitions; ns a record: CPU (time)");
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let group = |kind: &str| format!("bench-{kind}-{run}-{round}");
        let (of_loop, topic_of_loop, servers) = (group("loop"), topic.clone(), servers.clone());
        let bare = tokio::task::spawn_blocking(move || bare(&servers, &topic_of_loop, &of_loop)).await.expect("no panic");
        let service = service(&kafka, &topic, &group("service")).await;
        println!(
            "loop {:.0} ({:.0})   service {:.0} ({:.0})   ratio {:.2}{}",
            bare.cpu,
            bare.time,
            service.cpu,
            service.time,
            service.cpu / bare.cpu,
            if round == 0 { "   (not counted)" } else { "" }
        );
        rounds.push((bare, service));
    }
    // The first round finds cold caches.
    let counted = &rounds[1..];
    let of = |figure: fn(&(Cost, Cost)) -> f64| median(counted.iter().map(figure).collect());
    println!(
        "median: loop {:.0}, service {:.0}, ratio {:.2} of CPU, {:.2} of time",
        of(|(bare, _)| bare.cpu),
        of(|(_, service)| service.cpu),
        of(|(bare, service)| service.cpu / bare.cpu),
        of(|(bare, service)| service.time / bare.time)
    );
}
