//! I6: a dead letter is the record as it was, says what happened within bounds, and is acknowledged before its record
//! settles. F34, F35, F50, F51, F52; B05, B20, B28.

use super::support::*;
use super::world::*;
use millstream::contract::{Capabilities, ConsumerRequest, Error, ErrorKind, Operation, Produce, Producer, Receipt, Transport};
use millstream::memory::{Memory, SendFault, TopicConfig};
use millstream::prelude::*;
use std::collections::BTreeSet;
use std::time::Duration;

async fn refuses(_order: Event<Order>) -> Result<(), HandlerError> {
    Err(HandlerError::permanent("x".repeat(100_000)))
}

fn service(memory: &Memory) -> StreamService {
    builder(memory.clone(), 1).add_consumer_handler(NEW, GROUP, refuses).build().expect("a valid service")
}

fn is_ours(name: &str) -> bool {
    name.starts_with("__dlq.errors.") || name.starts_with("millstream-dlq-")
}

fn header_bytes(record: &Record) -> usize {
    record.headers.iter().map(|(name, value)| name.len() + value.as_deref().map_or(0, <[u8]>::len)).sum()
}

#[tokio::test(start_paused = true)]
async fn bytes_key_headers_and_timestamp_are_kept() {
    let memory = log(1);
    let poison = Record::new(topic(NEW), "account", &b"\xff\x00 not json"[..]);
    let mut odd = Record::new(topic(NEW), "account", "[]").header("tag", "one").header("tag", "two").header("", "nameless");
    odd.headers.push((String::from("null"), None));
    let records = vec![
        poison.clone().at(1_700_000_000_123),
        poison.clone().without_key().at(5),
        Record::tombstone(topic(NEW), "account").at(6),
        Record::tombstone(topic(NEW), "account").without_key().at(7),
        odd.at(8),
        poison.at(0),
    ];
    send(&memory, records.clone()).await;
    let running = Running::start(service(&memory)).await;
    running.settled(6).await;
    running.stop().await.expect("a clean end");
    let letters = memory.records(&topic(LETTERS));
    assert_eq!(letters.len(), 6);
    for (offset, record) in records.iter().enumerate() {
        let at = offset.to_string();
        let letter =
            letters.iter().find(|letter| header(letter, "__dlq.errors.offset").as_deref() == Some(&at)).expect("a letter");
        assert_eq!((&letter.key, &letter.value, letter.timestamp), (&record.key, &record.value, record.timestamp));
        let kept: Vec<_> = letter.headers.iter().filter(|(name, _)| !is_ours(name)).collect();
        assert_eq!(kept, record.headers.iter().collect::<Vec<_>>());
        assert_eq!(header(letter, "__dlq.errors.topic").as_deref(), Some(NEW));
        assert_eq!(header(letter, "__dlq.errors.partition").as_deref(), Some("0"));
        assert_eq!(header(letter, "__dlq.errors.group").as_deref(), Some(GROUP));
        assert_eq!(header(letter, "millstream-dlq-reason").as_deref(), Some("poison"));
        assert_eq!(header(letter, "millstream-dlq-service").as_deref(), Some("desk"));
    }
    let ids: BTreeSet<_> = letters.iter().map(|letter| header(letter, "millstream-dlq-id")).collect();
    assert_eq!(ids.len(), 6, "each failure has an id of its own");
}

/// F35, B28: a letter that comes back and fails again has its headers replaced, and an endless message is cut.
#[tokio::test(start_paused = true)]
async fn a_letter_that_fails_again_and_again_does_not_grow() {
    let memory = log(1);
    send(&memory, vec![record(NEW, &order("a", 1)).header("tenant", "blue")]).await;
    let running = Running::start(service(&memory)).await;
    let mut sizes = Vec::new();
    for round in 1..=5 {
        running.settled(round).await;
        let mut letter = memory.records(&topic(LETTERS)).pop().expect("a letter");
        assert!(header_bytes(&letter) < 8_192, "{} bytes of headers", header_bytes(&letter));
        assert_eq!(header(&letter, "tenant").as_deref(), Some("blue"));
        assert_eq!(header(&letter, "__dlq.errors.offset"), Some((round - 1).to_string()));
        sizes.push((letter.headers.len(), header_bytes(&letter)));
        letter.topic = topic(NEW);
        send(&memory, vec![letter]).await;
    }
    running.stop().await.expect("a clean end");
    assert!(sizes.iter().all(|size| *size == sizes[0]), "{sizes:?}");
}

/// F50, F51: the acknowledgement is lost; the letter is written again under the same id, and once is what a reader counts.
#[tokio::test(start_paused = true)]
async fn a_letter_whose_acknowledgement_is_lost_is_written_again_under_the_same_id() {
    let memory = log(1);
    let history = History::watch(&memory, false);
    memory.fail_sends(&topic(LETTERS), 2, SendFault::UnknownApplied).expect("a topic");
    memory.fail_sends(&topic(LETTERS), 1, SendFault::UnknownNotApplied).expect("a topic");
    memory.fail_sends(&topic(LETTERS), 2, SendFault::Unavailable).expect("a topic");
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let running = Running::start(service(&memory)).await;
    running.settled(1).await;
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    history.assert_safe();
    let letters = memory.records(&topic(LETTERS));
    assert_eq!(letters.len(), 3, "two whose answers were lost, and the one that was confirmed");
    let ids: BTreeSet<_> = letters.iter().map(|letter| header(letter, "millstream-dlq-id").expect("an id")).collect();
    assert_eq!(ids.len(), 1);
}

/// F51: after a crash between letter and commit the record fails again; its second letter has the first one's id.
#[tokio::test(start_paused = true)]
async fn a_redelivered_failure_has_the_same_letter_id() {
    let memory = log(1);
    send_orders(&memory, NEW, [order("a", 1)]).await;
    for seed in 0..2 {
        let service = builder(memory.clone(), seed)
            .commit_every(std::time::Duration::from_secs(3600))
            .add_consumer_handler(NEW, GROUP, refuses)
            .build()
            .expect("a valid service");
        let running = Running::start(service).await;
        running.settled(1).await;
        running.crash().await;
    }
    let letters = memory.records(&topic(LETTERS));
    let ids: BTreeSet<_> = letters.iter().map(|letter| header(letter, "millstream-dlq-id").expect("an id")).collect();
    assert_eq!((letters.len(), ids.len()), (2, 1));
}

/// F52, B20: a consumer of dead letters has no dead-letter topic of its own, and is told so before it starts.
#[tokio::test(start_paused = true)]
async fn a_reader_of_dead_letters_never_writes_to_its_own_topic() {
    let built = builder(log(1), 1).add_consumer_handler(LETTERS, GROUP, refuses).build();
    let error = built.expect_err("no topic for its dead letters");
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("remedy"), "{error}");
    // With a sink of its own it may.
    let (memory, sink) = (log(1), millstream_testkit::FlakySink::new());
    send(&memory, vec![record(LETTERS, &order("a", 1))]).await;
    let service = builder(memory.clone(), 1)
        .with_error_handling(into_sink(&sink))
        .add_consumer_handler(LETTERS, GROUP, refuses)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    assert_eq!((sink.letters().len(), memory.records(&topic(LETTERS)).len()), (1, 1));
}

/// B30: a dead-lettered id is not marked done, so replaying the letter runs the handler again.
#[tokio::test(start_paused = true)]
async fn a_replayed_letter_runs_again() {
    let (memory, store) = (log(1), store());
    let history = History::watch(&memory, false);
    let seen = history.clone();
    let service = builder(memory.clone(), 1)
        .with_deduplicator(store.clone())
        .add_consumer_handler(NEW, GROUP, move |order: Event<Order>| {
            let seen = seen.clone();
            async move {
                if seen.called(order.number) == 1 {
                    return Err(HandlerError::permanent("a bug that is fixed meanwhile"));
                }
                seen.effect(order.number);
                Ok(())
            }
        })
        .build()
        .expect("a valid service");
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let running = Running::start(service).await;
    running.settled(1).await;
    let mut letter = memory.records(&topic(LETTERS)).pop().expect("a letter");
    letter.topic = topic(NEW);
    send(&memory, vec![letter]).await;
    running.settled(2).await;
    assert_eq!(running.handle.account().total().done, 1);
    running.stop().await.expect("a clean end");
    assert_eq!(history.effects(1), 1);
}

/// I6, F35: a letter that its topic refuses as too large is written as a pointer, and the record settles.
#[tokio::test(start_paused = true)]
async fn a_letter_too_large_for_its_topic_becomes_a_pointer_to_the_original() {
    let memory = Memory::new();
    let name = topic("paper.orders.new");
    memory.create_topic(&topic("paper.orders.new.dlq"), TopicConfig::new(1).max_record_bytes(2_048)).expect("a new topic");
    let value = vec![b'x'; 4_000];
    send(&memory, vec![Record::new(name.clone(), "a", value)]).await;
    let service = StreamServiceBuilder::new("large", memory.clone())
        .add_consumer_handler("paper.orders.new", "large", async |_: Event<Order>| {})
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    let pointer: serde_json::Value = serde_json::from_slice(letters[0].value.as_deref().expect("a value")).expect("JSON");
    assert_eq!((pointer["offset"].as_u64(), pointer["bytes"].as_u64()), (Some(0), Some(4_000)));
    assert_eq!(pointer["sha256"].as_str().map(str::len), Some(64));
    assert_eq!(letters[0].key.as_deref(), Some(b"a".as_slice()));
    assert!(letters[0].headers.iter().any(|(name, _)| name == "millstream-dlq-pointer"));
}

/// Memory whose producer sends all records of a request to a partition as one batch, and refuses what is larger than `most`.
#[derive(Clone)]
struct Batching(Memory, usize);

struct BatchingProducer(<Memory as Transport>::Producer, usize);

impl Producer for BatchingProducer {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        let mut sizes = vec![0; batch.places().len()];
        for index in 0..batch.len() {
            sizes[batch.place(index)] += batch.record(index).size();
        }
        if sizes.iter().all(|size| *size <= self.1) {
            return self.0.send(batch).await;
        }
        let refused = || Err(Error::new(ErrorKind::TooLarge, Operation::Send, "the batch is too large"));
        (0..batch.len()).map(|_| refused()).collect()
    }

    async fn flush(&self, within: Duration) -> Result<(), Error> {
        self.0.flush(within).await
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        self.0.partitions(topic).await
    }
}

impl Transport for Batching {
    type Producer = BatchingProducer;
    type Consumer = <Memory as Transport>::Consumer;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn producer(&self) -> Result<BatchingProducer, Error> {
        Ok(BatchingProducer(self.0.producer().await?, self.1))
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
        self.0.consumer(request).await
    }
}

/// F35, F50: brokers refuse a batch as a whole; letters that fit by themselves are written whole all the same.
#[tokio::test(start_paused = true)]
async fn letters_that_are_too_large_only_together_are_written_whole() {
    let memory = log(1);
    let name = topic(NEW);
    // Of different keys: those of one wait for each other's letters.
    let values = [("a", 1_000), ("b", 9_000), ("c", 1_000), ("d", 1_000)];
    let values = values.map(|(key, bytes)| Record::new(name.clone(), key, vec![b'x'; bytes]));
    send(&memory, values.to_vec()).await;
    let service = StreamServiceBuilder::new("batches", Batching(memory.clone(), 4_000))
        .add_consumer_handler(NEW, GROUP, async |_: Event<Order>| {})
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(4)).await.expect("all letters are taken");
    running.stop().await.expect("a clean end");
    let letters = memory.records(&topic(LETTERS));
    let is_pointer = |letter: &Record| letter.headers.iter().any(|(name, _)| name == "millstream-dlq-pointer");
    let whole = letters.iter().filter(|letter| !is_pointer(letter));
    let sizes: Vec<_> = whole.map(|letter| letter.value.as_ref().map_or(0, |value| value.len())).collect();
    assert_eq!((letters.len(), sizes), (4, vec![1_000; 3]));
}
