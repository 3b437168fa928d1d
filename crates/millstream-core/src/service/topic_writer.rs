//! Owns the writing of records that left their handler's way, dead letters and copies for retry topics: each to the
//! partition of its key. Leaves outputs to the outbox, which keeps their order.

use crate::contract::{AnyProducer, Error, ErrorKind, Operation, Produce, Producer, Record, partition_for_key};
use crate::topic::Topic;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// A record and, if it has no key, what stands for one when its partition is chosen.
pub(crate) type Addressed = (Record, String);

/// Writes records and answers for each.
pub(crate) struct TopicWriter {
    producer: AnyProducer,
    partitions: Mutex<BTreeMap<Topic, u32>>,
}

impl TopicWriter {
    pub(crate) fn new(producer: AnyProducer) -> Self {
        TopicWriter { producer, partitions: Mutex::default() }
    }

    async fn partition(&self, topic: &Topic, key: &[u8]) -> Result<u32, Error> {
        let known = self.partitions.lock().unwrap_or_else(PoisonError::into_inner).get(topic).copied();
        let count = match known {
            Some(count) => count,
            None => {
                let count = self.producer.partitions(topic).await?;
                self.partitions.lock().unwrap_or_else(PoisonError::into_inner).insert(topic.clone(), count);
                count
            }
        };
        Ok(partition_for_key(key, count))
    }

    /// Writes the records that are some; an answer each.
    pub(crate) async fn write(&self, addressed: Vec<Result<Addressed, Error>>) -> Vec<Result<(), Error>> {
        let mut answers = Vec::with_capacity(addressed.len());
        let mut records = Vec::with_capacity(addressed.len());
        for one in addressed {
            let placed = match one {
                Ok((mut record, id)) => {
                    let key = record.key.clone();
                    let partition = self.partition(&record.topic, key.as_deref().unwrap_or(id.as_bytes())).await;
                    partition.map(|partition| {
                        record.partition = Some(partition);
                        records.push(record);
                        records.len() - 1
                    })
                }
                Err(error) => Err(error),
            };
            answers.push(placed);
        }
        let mut sent: Vec<Option<Result<(), Error>>> = match Produce::of(&records) {
            Ok(produce) if !produce.is_empty() => {
                let answers = self.producer.send(&produce).await;
                answers.into_iter().map(|answer| Some(answer.map(|_| ()))).collect()
            }
            _ => Vec::new(),
        };
        let missing = || Err(Error::new(ErrorKind::TimedOut, Operation::DeadLetter, "the producer gave no answer"));
        let answers = answers.into_iter().map(|decided| {
            let index = decided?;
            let answer = sent.get_mut(index).and_then(Option::take).unwrap_or_else(missing);
            if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::UnknownTopic) {
                // It may have been made again with other partitions: they are asked for anew.
                self.partitions.lock().unwrap_or_else(PoisonError::into_inner).remove(&records[index].topic);
            }
            answer
        });
        answers.collect()
    }
}
