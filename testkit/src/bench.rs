//! Owns the test bench: a whole service on memory, fed and watched by a test, without a sleep. Leaves faults to
//! [`Switches`](crate::Switches) and to memory's own.

use crate::FoundLetter;
use millstream_core::contract::{Error, ProducerExt, Record, Transport};
use millstream_core::envelope::{EventData, EventEnvelope};
use millstream_core::process::Process;
use millstream_core::service::{Counts, Publisher, ServiceHandle, StreamService};
use millstream_core::topic::Topic;
use millstream_memory::Memory;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::Any;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How long [`TestBench::settled`] waits: longer than the default retries of a record (5 minutes), and no time at all
/// where tokio's clock is paused.
const PATIENCE: Duration = Duration::from_secs(600);

/// What a bench's wall clock shows when its log begins: 2026-01-01T00:00:00Z, in milliseconds since the Unix epoch.
pub(crate) const BEGINNING: i64 = 1_767_225_600_000;

/// A service on memory that a test feeds and watches.
///
/// Use it with a paused clock (`#[tokio::test(start_paused = true)]`): time then jumps over back-offs and delays, and the
/// run is the same each time. The wall clock of the service and of the log follows tokio's time, from
/// 2026-01-01T00:00:00Z on, through restarts on one log; and what looks random is the same each time. A log that
/// had its clock before, or was given one, keeps it, and the service has the same. Its methods panic where a test would: on a wrong topic name, or if the service has ended.
///
/// ```
/// use millstream_core::builder::StreamServiceBuilder;
/// use millstream_core::contract::Error;
/// use millstream_core::handler::Event;
/// use millstream_core::service::StreamService;
/// use millstream_memory::Memory;
/// use millstream_testkit::TestBench;
///
/// fn service(memory: Memory) -> Result<StreamService, Error> {
///     StreamServiceBuilder::new("counter", memory)
///         .add_consumer_handler("market.ticks", "counter.ticks", async |_: Event<f64>| {})
///         .build()
/// }
///
/// # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
/// let bench = TestBench::start(service).await?;
/// bench.send_raw("market.ticks", "EURUSD", b"{not json").await;
/// bench.settled().await;
/// assert_eq!(bench.account().dead_lettered, 1);
/// assert_eq!(bench.dead_letters("market.ticks.dlq")[0].reason, "poison");
/// bench.stop().await?;
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
pub struct TestBench {
    memory: Memory,
    handle: ServiceHandle,
    publisher: Publisher,
    /// Taken by whoever waits for its end.
    task: Mutex<Option<Task>>,
}

type Task = JoinHandle<Result<(), Error>>;

impl TestBench {
    /// Starts a service on a new log and waits until it is assigned.
    ///
    /// # Errors
    /// If it cannot be built, or ends before it runs.
    pub async fn start(service: impl FnOnce(Memory) -> Result<StreamService, Error>) -> Result<Self, Error> {
        Self::start_on(Memory::new(), service).await
    }

    /// Starts a service on a log of your own: with more partitions, with records in it, or with what an earlier run left.
    ///
    /// # Errors
    /// If it cannot be built, or ends before it runs.
    pub async fn start_on(memory: Memory, service: impl FnOnce(Memory) -> Result<StreamService, Error>) -> Result<Self, Error> {
        // A number of its own for each start: two runs must not take each other for themselves.
        let process = Process::new("bench", memory.epochs(), BEGINNING.unsigned_abs());
        let wall = process.enter(|| memory.wall_millis());
        process.jump(wall - i64::try_from(process.wall_millis()).unwrap_or(i64::MAX));
        let service = process.enter(|| service(memory.clone()))?;
        let (handle, publisher) = (service.handle(), process.run(Publisher::new("test", memory.clone())).await?);
        let task = tokio::spawn(process.run(service.run()));
        handle.ready().await;
        if task.is_finished() {
            end_of(task).await?;
            panic!("the service ended before it ran");
        }
        Ok(TestBench { memory, handle, publisher, task: Mutex::new(Some(task)) })
    }

    /// Publishes a root event and waits until it is in the log.
    ///
    /// # Panics
    /// If the service does not read `topic`, or memory refuses the record.
    pub async fn publish<T: EventData + Serialize + Sync>(&self, topic: &str, data: &T) {
        self.assert_read(&parse(topic));
        self.publisher.publish(&parse(topic), data).await.unwrap_or_else(|error| panic!("publish to {topic}: {error}"));
    }

    /// A misspelt topic would be settled at once, with nothing done.
    fn assert_read(&self, topic: &Topic) {
        let lines = self.handle.account().lines;
        let read: Vec<&str> = lines.iter().map(|line| line.topic.as_str()).collect();
        assert!(read.contains(&topic.as_str()), "the service does not read `{topic}`; it reads {}", read.join(", "));
    }

    /// Writes bytes as they are, with a key: a poison record, another system's, or one with a wrong version.
    ///
    /// # Panics
    /// If the service does not read `topic`, or memory refuses the record.
    pub async fn send_raw(&self, topic: &str, key: &str, value: &[u8]) {
        self.send(Record::new(parse(topic), key.to_owned(), value.to_vec())).await;
    }

    /// Writes a record as it is, with its headers, or without a key or a value.
    ///
    /// # Panics
    /// If the service does not read its topic, or memory refuses it.
    pub async fn send(&self, record: Record) {
        self.assert_read(&record.topic);
        let producer = self.memory.producer().await.expect("memory has a producer");
        let topic = record.topic.clone();
        producer.send_one(record).await.unwrap_or_else(|error| panic!("send to {topic}: {error}"));
    }

    /// Writes records, one after the other, and waits until all is [`settled`](Self::settled): what most tests do before they
    /// look. Records come from [`TestEvent::to`](crate::TestEvent::to), or from [`Record`] itself.
    ///
    /// # Panics
    /// As [`send`](Self::send) and [`settled`](Self::settled).
    pub async fn feed(&self, records: impl IntoIterator<Item = Record>) {
        for record in records {
            self.send(record).await;
        }
        self.settled().await;
    }

    /// Lets so much time pass: what a timer, a back-off or a deferral does until then is done, in its order. With a paused
    /// clock it takes none.
    pub async fn advance(&self, by: Duration) {
        tokio::time::sleep(by).await;
    }

    /// Waits until every record of the service's topics is settled and committed by its groups.
    ///
    /// # Panics
    /// If the service ends, with how it ended; or after 10 minutes of tokio's clock, which jumps if it is paused, with what is
    /// not settled and what is wrong. What is put off for longer comes by [`advance`](Self::advance).
    pub async fn settled(&self) {
        let waited = tokio::time::timeout(PATIENCE, async {
            while !self.unsettled().is_empty() {
                if let Some(end) = self.end().await {
                    panic!("{end}\n  not settled: {}", self.unsettled().join("\n  not settled: "));
                }
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        let started = std::time::Instant::now();
        if waited.await.is_err() {
            let health = self.handle.health();
            let mut text = format!("not settled within {PATIENCE:?}");
            self.unsettled().iter().for_each(|place| text += &format!("\n  not settled: {place}"));
            health.restoring.iter().for_each(|place| text += &format!("\n  restoring: {place}"));
            health.troubles.iter().for_each(|(place, trouble)| text += &format!("\n  trouble: {place}: {trouble}"));
            if started.elapsed() >= PATIENCE {
                text += "\n  this took as long as it says: with a paused clock, `#[tokio::test(start_paused = true)]`, it takes no time";
            }
            panic!("{text}");
        }
    }

    /// How the service ended, if it did.
    async fn end(&self) -> Option<String> {
        let task = {
            let mut task = self.task();
            if task.as_ref().is_some_and(|task| !task.is_finished()) {
                return None;
            }
            task.take()
        };
        let Some(task) = task else { return Some("the service has ended".to_owned()) };
        Some(match task.await {
            Ok(Ok(())) => "the service ended in order".to_owned(),
            // With its causes: what a part of the service panicked with is one.
            Ok(Err(error)) => format!("the service ended: {error:?}"),
            Err(error) => format!("the service panicked: {}", words_of(&*error.into_panic())),
        })
    }

    fn task(&self) -> MutexGuard<'_, Option<Task>> {
        self.task.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is not settled and committed yet, partition by partition.
    fn unsettled(&self) -> Vec<String> {
        let mut left = Vec::new();
        for line in self.handle.account().lines {
            let partitions = self.memory.describe(&line.topic).map_or(0, |(_, partitions)| partitions);
            for partition in 0..partitions {
                let end = self.memory.end(&line.topic, partition).unwrap_or_default();
                let committed = self.memory.committed(&line.group, &line.topic, partition).map_or(0, |at| at.offset);
                if committed < end {
                    let (group, topic) = (&line.group, &line.topic);
                    left.push(format!("{topic}-{partition} from {committed} to {end} by group {group}"));
                }
            }
        }
        left
    }

    /// What became of all records so far.
    pub fn account(&self) -> Counts {
        self.handle.account().total()
    }

    /// The entry of `key` in a table's topic: what was written last, and `None` if that is a tombstone or nothing was.
    ///
    /// # Panics
    /// If `topic` is none or the entry is no `T`.
    pub fn entry<T: DeserializeOwned>(&self, topic: &str, key: &str) -> Option<T> {
        let records = self.memory.records(&parse(topic));
        // A key has one partition, so the last of its records is the newest.
        let last = records.into_iter().rev().find(|record| record.key.as_deref() == Some(key.as_bytes()))?;
        let value = last.value?;
        let event = EventEnvelope::from_json(&value);
        Some(event.unwrap_or_else(|error| panic!("the entry of {key} in {topic}: {error}")).data)
    }

    /// The data of all events of a topic, partition by partition, in the order of the log.
    ///
    /// # Panics
    /// If `topic` is none or a record of it is no event with such data.
    pub fn events<T: DeserializeOwned>(&self, topic: &str) -> Vec<T> {
        self.envelopes(topic).into_iter().map(|envelope| envelope.data).collect()
    }

    /// As [`events`](Self::events), with their envelopes: ids, correlation, cause.
    ///
    /// # Panics
    /// As [`events`](Self::events).
    pub fn envelopes<T: DeserializeOwned>(&self, topic: &str) -> Vec<EventEnvelope<T>> {
        let mut envelopes = Vec::new();
        for batch in self.memory.batches(&parse(topic)) {
            for record in batch.iter() {
                let place = format!("{topic}-{} at offset {}", batch.partition.partition, record.offset());
                envelopes.push(EventEnvelope::from_record(record).unwrap_or_else(|error| panic!("{place}: {error}")));
            }
        }
        envelopes
    }

    /// The dead letters of a topic, in the order of the log.
    ///
    /// # Panics
    /// If `topic` is none.
    pub fn dead_letters(&self, topic: &str) -> Vec<FoundLetter> {
        self.memory.records(&parse(topic)).into_iter().map(FoundLetter::of).collect()
    }

    /// The log: to look into it, to make it fail, or to start a second service on it.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    /// The service from outside: its health, its account, and stopping it.
    pub fn handle(&self) -> &ServiceHandle {
        &self.handle
    }

    /// Stops the service in order and waits for its end.
    ///
    /// # Errors
    /// What its run answered.
    ///
    /// # Panics
    /// If its run panicked, with the same: what a mock says of a call that was not expected, or did not come. And if
    /// [`settled`](Self::settled) has told its end already.
    pub async fn stop(self) -> Result<(), Error> {
        self.handle.stop();
        let task = self.task().take();
        end_of(task.expect("the end of the service has not been told")).await
    }

    /// Ends the service as a crash would: its run is dropped where it is. The log stays: start again with
    /// [`start_on`](Self::start_on).
    pub async fn crash(self) -> Memory {
        let task = self.task().take();
        if let Some(task) = task {
            task.abort();
            let _ = task.await;
        }
        self.memory
    }
}

/// What the run answered, or its panic.
async fn end_of(task: Task) -> Result<(), Error> {
    match task.await {
        Ok(answer) => answer,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// What a panic says.
fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&'static str>().copied()).unwrap_or("no text")
}

fn parse(topic: &str) -> Topic {
    topic.parse().unwrap_or_else(|error| panic!("{error}"))
}
