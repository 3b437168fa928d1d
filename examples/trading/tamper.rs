//! A transport that breaks its promises at one record, to see whether the audit notices.
//!
//! Owns four lies: a record that is not delivered, one that is acknowledged and not written, one that is written twice
//! under two ids, and a topic that goes silent. Everything else is the log's own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use millstream::contract::{
    Capabilities, Close, Command, Consumer, ConsumerEvent, ConsumerRequest, DescribedTopic, Error, Produce, Producer, Receipt,
    RecordBatch, RecordSetBuilder,
};
use millstream::memory::{Memory, MemoryConsumer, MemoryProducer};
use millstream::prelude::{Topic, Transport};

/// What is broken, and in which topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// The record at this offset of partition 0 is not delivered.
    Undelivered(&'static str, u64),
    /// The output with this number is acknowledged and not written.
    Unwritten(&'static str, u64),
    /// The output with this number is written twice, the second time under another id.
    Echoed(&'static str, u64),
    /// No record of the topic is delivered, and nothing is said of it.
    Silent(&'static str),
}

/// The log, seen through a lie.
#[derive(Debug, Clone)]
pub(crate) struct Tampered {
    memory: Memory,
    lie: Lie,
    /// Outputs of the topic so far, by whichever producer.
    seen: Arc<AtomicU64>,
}

impl Tampered {
    pub(crate) fn new(memory: Memory, lie: Lie) -> Self {
        Self { memory, lie, seen: Arc::default() }
    }
}

impl Transport for Tampered {
    type Producer = LyingProducer;
    type Consumer = LyingConsumer;

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn producer(&self) -> Result<LyingProducer, Error> {
        Ok(LyingProducer { inner: self.memory.producer().await?, lie: self.lie, seen: self.seen.clone() })
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<LyingConsumer, Error> {
        Ok(LyingConsumer { inner: self.memory.consumer(request).await?, lie: self.lie, rest: VecDeque::new() })
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        Transport::describe(&self.memory, topics).await
    }
}

pub(crate) struct LyingProducer {
    inner: MemoryProducer,
    lie: Lie,
    seen: Arc<AtomicU64>,
}

impl LyingProducer {
    /// The batch as it is really written; how often each of its records is in it.
    fn really(&self, batch: &Produce) -> Option<(Produce, Vec<usize>)> {
        let (Lie::Unwritten(topic, number) | Lie::Echoed(topic, number)) = self.lie else { return None };
        let (mut set, mut to, mut times) = (RecordSetBuilder::new(0), Vec::new(), Vec::new());
        for (index, (place, record)) in batch.iter().enumerate() {
            let hit = place.topic.as_str() == topic && self.seen.fetch_add(1, Ordering::Relaxed) == number;
            let count = match self.lie {
                Lie::Unwritten(..) if hit => 0,
                Lie::Echoed(..) if hit => 2,
                _ => 1,
            };
            for time in 0..count {
                to.push(u32::try_from(batch.place(index)).unwrap_or(0));
                let mut value = record.value().unwrap_or_default().to_vec();
                if time > 0 {
                    // The id's last digit stands before the first quote after it.
                    let id = String::from_utf8_lossy(&value).find(r#""id":""#).expect("an envelope has an id") + 6;
                    value[id + 35] = if value[id + 35] == b'0' { b'1' } else { b'0' };
                }
                set.push(to.len() as u64 - 1, record.timestamp(), record.key(), Some(&value));
            }
            times.push(count);
        }
        Some((Produce::new(batch.places().to_vec(), to, set.build()), times))
    }
}

impl Producer for LyingProducer {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        let dead_letters = batch.places().iter().any(|place| place.topic.is_dlq());
        match self.really(batch).filter(|_| !dead_letters) {
            None => self.inner.send(batch).await,
            Some((really, times)) => {
                let mut answers = self.inner.send(&really).await.into_iter();
                let answer = |count| match count {
                    0 => Ok(Receipt::new(0, 0, 0)),
                    count => answers.by_ref().take(count).last().expect("one answer a record"),
                };
                times.into_iter().map(answer).collect()
            }
        }
    }

    async fn flush(&self, within: Duration) -> Result<(), Error> {
        self.inner.flush(within).await
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        self.inner.partitions(topic).await
    }
}

pub(crate) struct LyingConsumer {
    inner: MemoryConsumer,
    lie: Lie,
    rest: VecDeque<ConsumerEvent>,
}

impl LyingConsumer {
    /// Where in a batch the record lies that is not to be delivered.
    fn hidden(&self, batch: &RecordBatch) -> Option<usize> {
        let Lie::Undelivered(topic, offset) = self.lie else { return None };
        let here = batch.partition.topic.as_str() == topic && batch.partition.partition == 0;
        batch.iter().position(|record| here && record.offset() == offset)
    }
}

impl Consumer for LyingConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        if let Some(event) = self.rest.pop_front() {
            return event;
        }
        let event = loop {
            match (self.inner.poll().await, self.lie) {
                (ConsumerEvent::Records(batch), Lie::Silent(topic)) if batch.partition.topic.as_str() == topic => {}
                (event, _) => break event,
            }
        };
        let ConsumerEvent::Records(batch) = &event else { return event };
        let Some(at) = self.hidden(batch) else { return event };
        for part in [0..at, at + 1..batch.len()] {
            if !part.is_empty() {
                self.rest.push_back(ConsumerEvent::Records(batch.slice(part)));
            }
        }
        self.rest.push_back(ConsumerEvent::Advanced { epoch: batch.epoch, next: batch.next });
        self.rest.pop_front().expect("one was pushed")
    }

    fn submit(&mut self, command: Command) {
        self.inner.submit(command);
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        self.inner.close(how).await
    }
}
