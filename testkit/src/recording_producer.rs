//! Owns a producer that keeps what it is given. Leaves what befalls a record on the way to [`FlakyProducer`], and whole
//! services to [`TestBench`](crate::TestBench).

use crate::published::{FoundRecord, Published, record_of};
use crate::{FlakyProducer, SendCall, Switches};
use millstream_core::contract::{Error, ErrorKind, Operation, Position, Produce, Producer, Receipt, Record};
use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Keeps what it is given, for unit tests of code that takes a [`Producer`]. Clones share everything: give one away, keep
/// one to look at.
///
/// Every topic exists. Code that takes a `Publisher` needs a transport: give that a `Memory`, and look at the log.
///
/// ```
/// use millstream_core::contract::{Error, Producer, ProducerExt, Record};
/// use millstream_core::topic::Topic;
/// use millstream_testkit::RecordingProducer;
///
/// async fn archive(producer: &impl Producer, tick: &str) -> Result<(), Error> {
///     producer.send_one(Record::new(Topic::literal("archive.ticks"), "EURUSD", tick.to_owned())).await.map(drop)
/// }
///
/// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
/// let producer = RecordingProducer::new();
/// archive(&producer, "1.12").await?;
/// assert_eq!(producer.sent("archive.ticks")[0].value.as_deref(), Some(&b"1.12"[..]));
///
/// producer.to("archive.ticks").refuse(true);
/// assert!(archive(&producer, "1.13").await.is_err());
/// assert_eq!(producer.sent("archive.ticks").len(), 1, "what was refused is not there");
/// assert_eq!(producer.sends().len(), 2, "but it was asked for");
/// # Ok::<(), Error>(()) }).unwrap();
/// ```
#[derive(Clone, Debug)]
pub struct RecordingProducer {
    flaky: Arc<FlakyProducer<Kept>>,
}

impl RecordingProducer {
    /// One that has been given nothing, and takes everything. Topics have one partition.
    pub fn new() -> Self {
        Self::with_partitions(1)
    }

    /// The same, with so many partitions a topic (1 at least).
    pub fn with_partitions(partitions: u32) -> Self {
        let kept = Kept { partitions: partitions.max(1), log: Mutex::default() };
        RecordingProducer { flaky: Arc::new(FlakyProducer::new(kept)) }
    }

    /// What befalls records sent to `topic`: one fate a record.
    ///
    /// # Panics
    /// If `topic` is none.
    #[track_caller]
    pub fn to(&self, topic: impl AsRef<str>) -> Switches {
        self.flaky.to(&parse(topic.as_ref()))
    }

    /// The records that lie in `topic`, partition by partition.
    ///
    /// # Panics
    /// If `topic` is none.
    #[track_caller]
    pub fn sent(&self, topic: impl AsRef<str>) -> Vec<Record> {
        self.published_to(&parse(topic.as_ref())).into_iter().map(|found| found.record).collect()
    }

    /// All records that it was handed, in order, and what befell them.
    pub fn sends(&self) -> Vec<SendCall> {
        self.flaky.sends()
    }
}

impl Default for RecordingProducer {
    fn default() -> Self {
        Self::new()
    }
}

impl Producer for RecordingProducer {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        self.flaky.send(batch).await
    }

    async fn flush(&self, within: Duration) -> Result<(), Error> {
        self.flaky.flush(within).await
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        self.flaky.partitions(topic).await
    }
}

impl Published for RecordingProducer {
    fn published_topics(&self) -> Vec<Topic> {
        self.flaky.inner().log().keys().cloned().collect()
    }

    fn published_to(&self, topic: &Topic) -> Vec<FoundRecord> {
        let log = self.flaky.inner().log();
        let mut found = Vec::new();
        for (&partition, records) in log.get(topic).into_iter().flatten() {
            for (offset, record) in (0..).zip(records) {
                found.push(FoundRecord::new(Position { partition, offset }.to_string(), record.clone()));
            }
        }
        found
    }
}

/// A log that only grows.
#[derive(Debug)]
struct Kept {
    partitions: u32,
    log: Mutex<BTreeMap<Topic, BTreeMap<u32, Vec<Record>>>>,
}

impl Kept {
    fn log(&self) -> MutexGuard<'_, BTreeMap<Topic, BTreeMap<u32, Vec<Record>>>> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Producer for Kept {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        let mut log = self.log();
        let mut take = |index: usize| {
            let (place, view) = (&batch.places()[batch.place(index)], batch.record(index));
            let partition = place.partition;
            if partition >= self.partitions {
                return Err(Error::new(ErrorKind::UnknownTopic, Operation::Send, format!("there is no partition {place}")));
            }
            let mut record = record_of(&place.topic, view).to_partition(partition);
            record.timestamp = (view.timestamp() >= 0).then(|| view.timestamp());
            let records = log.entry(place.topic.clone()).or_default().entry(partition).or_default();
            let offset = records.len() as u64;
            records.push(record);
            // Whoever leaves the stamp to the log gets none here: nothing reads a clock.
            Ok(Receipt::new(partition, offset, view.timestamp().max(0)))
        };
        (0..batch.len()).map(&mut take).collect()
    }

    async fn flush(&self, _: Duration) -> Result<(), Error> {
        Ok(())
    }

    async fn partitions(&self, _: &Topic) -> Result<u32, Error> {
        Ok(self.partitions)
    }
}

#[track_caller]
fn parse(topic: &str) -> Topic {
    topic.parse().unwrap_or_else(|error| panic!("{error}"))
}
