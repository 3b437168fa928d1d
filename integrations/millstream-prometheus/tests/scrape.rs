//! A scrape over loopback: the page holds the names that the conventions promise, and they say what happened.

use millstream::contract::{Producer, ProducerExt};
use millstream::memory::TopicConfig;
use millstream::prelude::*;
use millstream_prometheus::Prometheus;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The names of the conventions, and what each is.
const PROMISED: [(&str, &str); 14] = [
    ("messaging_client_consumed_messages_total", "counter"),
    ("messaging_client_operation_duration_seconds", "histogram"),
    ("messaging_client_sent_messages_total", "counter"),
    ("messaging_process_duration_seconds", "histogram"),
    ("millstream_build_info", "gauge"),
    ("millstream_consumer_lag_records", "gauge"),
    ("millstream_consumer_lag_seconds", "gauge"),
    ("millstream_dead_letters_total", "counter"),
    ("millstream_dedup_total", "counter"),
    ("millstream_filtered_total", "counter"),
    ("millstream_in_flight_records", "gauge"),
    ("millstream_partition_last_progress_timestamp_seconds", "gauge"),
    ("millstream_partition_records_total", "counter"),
    ("millstream_retries_total", "counter"),
];

const IN: &str = "paper.orders.new";
const DONE: Sibling = Sibling::new("orders", "done");
const MARKER: &str = "KEY-MARKER";

#[derive(Clone, Serialize, Deserialize)]
struct Order {
    account: String,
    number: u64,
}

impl EventData for Order {
    const TYPE: &'static str = "order";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

async fn handler(order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
    match order.number {
        0 => return Err(HandlerError::permanent("no")),
        1 => return Err(HandlerError::transient("not now")),
        2 => tokio::time::sleep(Duration::from_millis(30)).await,
        _ => drop(out.emit(DONE, &*order)?),
    }
    Ok(())
}

/// A page, parsed: the type of each metric, the names with a help, and the value of each series.
#[derive(Default)]
struct Page {
    types: BTreeMap<String, String>,
    help: BTreeSet<String>,
    series: BTreeMap<String, f64>,
}

impl Page {
    fn parse(text: &str) -> Self {
        let mut page = Page::default();
        for line in text.lines().filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["#", "HELP", name, _] => assert!(page.help.insert(name.to_owned()), "{name} is explained twice"),
                ["#", "TYPE", name, kind] => {
                    let before = page.types.insert(name.to_owned(), kind.to_owned());
                    assert_eq!(before, None, "{name} has two types");
                }
                _ => {
                    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
                    let value = value.parse().unwrap_or_else(|_| panic!("no number: {line}"));
                    assert_eq!(page.series.insert(series.to_owned(), value), None, "twice: {line}");
                }
            }
        }
        page
    }

    /// The sum of a metric's series that hold all these texts.
    fn sum(&self, name: &str, with: &[&str]) -> f64 {
        let of = |series: &str| series.split(['{', ' ']).next() == Some(name) && with.iter().all(|text| series.contains(text));
        self.series.iter().filter(|(series, _)| of(series)).map(|(_, value)| value).sum()
    }
}

async fn scrape(address: std::net::SocketAddr, path: &str) -> (String, String) {
    let mut stream = tokio::net::TcpStream::connect(address).await.expect("it listens");
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

fn record(number: u64) -> Record {
    let order = Order { account: format!("{MARKER}-{number}"), number };
    let id = EventId::v7(1_700_000_000_000 + number, u128::from(number) << 3);
    let envelope = EventEnvelope::new(id, Order::TYPE, Timestamp::from_millis(1_700_000_000_000), "test", &order);
    Record::new(IN.parse().expect("a topic"), order.account.clone(), envelope.to_json().expect("JSON"))
}

async fn send(memory: &Memory, records: Vec<Record>) {
    let producer = Transport::producer(memory).await.expect("a producer");
    for answer in producer.send_all(records).await.expect("topics are known") {
        answer.expect("memory takes records");
    }
    producer.flush(Duration::from_secs(1)).await.expect("all is there");
}

#[tokio::test]
async fn a_scrape_finds_every_promised_name_and_what_happened() {
    let prometheus = Prometheus::install().expect("the first of this process");
    assert!(Prometheus::install().is_err(), "a second would count into nothing");
    let listening = prometheus.listen("127.0.0.1:0").await.expect("a free port");
    let memory = Memory::new();
    memory.create_topic(&IN.parse().expect("a topic"), TopicConfig::new(1)).expect("a new topic");
    let build = |memory: &Memory| {
        let retry = Retry::exponential(Duration::from_millis(1), Duration::from_millis(1)).attempts(3);
        StreamServiceBuilder::new("desk", memory.clone())
            .add_producer()
            .with_metrics()
            .with_error_handling(ErrorHandling::new().retry(retry))
            .with_deduplicator(WindowDeduplicator::default())
            .add_consumer_handler(IN, "desk.orders", handler)
            .build()
            .expect("a valid service")
    };
    // One comes twice.
    send(&memory, (0..100).chain([50]).map(record).collect()).await;
    let service = build(&memory);
    let handle = service.handle();
    let running = tokio::spawn(service.run());
    while handle.account().total().settled() < 101 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    // The gauges follow the next commit.
    let mut page;
    loop {
        let (head, body) = scrape(listening.address(), "/metrics").await;
        assert!(head.starts_with("HTTP/1.1 200") && head.contains("text/plain; version=0.0.4"), "{head}");
        assert!(!body.contains(MARKER), "no key is a label");
        page = Page::parse(&body);
        if page.sum("millstream_partition_last_progress_timestamp_seconds", &[]) > 0.0
            && page.sum("millstream_consumer_lag_records", &[]) == 0.0
            && page.sum("messaging_client_operation_duration_seconds_count", &["commit"]) > 0.0
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    for (name, kind) in PROMISED {
        assert_eq!(page.types.get(name).map(String::as_str), Some(kind), "{name}");
        assert!(page.help.contains(name), "{name} is not explained");
    }
    let ours = page.types.keys().filter(|name| name.starts_with("millstream_") || name.starts_with("messaging_"));
    let promised: BTreeSet<&str> = PROMISED.iter().map(|(name, _)| *name).collect();
    assert_eq!(ours.map(String::as_str).collect::<BTreeSet<_>>(), promised, "no name that nobody promised");
    let topic = "messaging_destination_name=\"paper.orders.new\"";
    assert_eq!(page.sum("messaging_client_consumed_messages_total", &[topic, "desk.orders"]), 101.0);
    assert_eq!(page.sum("millstream_partition_records_total", &[topic, "messaging_destination_partition_id=\"0\""]), 101.0);
    assert_eq!(page.sum("messaging_client_sent_messages_total", &["messaging_destination_name=\"paper.orders.done\""]), 97.0);
    assert_eq!(page.sum("millstream_retries_total", &[topic]), 2.0);
    assert_eq!(page.sum("millstream_retries_total", &[topic, "reason=\"transient\""]), 2.0);
    assert_eq!(page.sum("millstream_dead_letters_total", &[topic]), 2.0);
    for reason in ["permanent", "exhausted"] {
        let label = format!("reason=\"{reason}\"");
        assert_eq!(page.sum("millstream_dead_letters_total", &[topic, &label]), 1.0, "{reason}");
    }
    assert_eq!(page.sum("millstream_dedup_total", &["outcome=\"duplicate\""]), 1.0);
    assert_eq!(page.sum("millstream_in_flight_records", &[]), 0.0);
    // 100 records with an attempt each, and two retries.
    assert_eq!(page.sum("messaging_process_duration_seconds_count", &[topic]), 102.0);
    assert!(page.sum("messaging_process_duration_seconds_sum", &[topic]) >= 0.03, "one waited for 30 ms");
    for operation in ["send", "poll", "commit"] {
        let label = format!("messaging_operation_name=\"{operation}\"");
        assert!(page.sum("messaging_client_operation_duration_seconds_count", &[&label]) >= 1.0, "{operation}");
    }
    assert_eq!(page.sum("millstream_build_info", &["version="]), 1.0);
    handle.stop();
    running.await.expect("no panic").expect("a clean end");
    let page = Page::parse(&prometheus.render());
    for gauge in ["millstream_consumer_lag_seconds", "millstream_partition_last_progress_timestamp_seconds"] {
        assert_eq!(page.sum(gauge, &[]), 0.0, "{gauge}: the partition has left");
    }
    assert!(scrape(listening.address(), "/").await.0.starts_with("HTTP/1.1 404"));
    let address = listening.address();
    drop(listening);
    while tokio::net::TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
}
