//! Owns the dead-letter topic as a sink: the record byte for byte, with two sets of headers that say where it came from
//! and what happened.
//!
//! Headers of an earlier dead letter are replaced, not appended, and all of ours stay within 8 KiB, so that a letter that
//! fails again and again never grows (F35, B28).

mod headers;
mod naming;

pub use naming::{DeadLetterTopic, Naming};

pub(crate) use naming::letter_topic;

use crate::contract::{
    AnyProducer, DeadLetter, Durability, Error, ErrorKind, ErrorSink, Operation, Produce, Producer, Record, partition_for_key,
};
use crate::topic::Topic;
use headers::{letter_id, to_pointer, to_record};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// A call that never answers is given up after this long, and made again.
const DEADLINE: Duration = Duration::from_secs(30);

/// Writes dead letters to topics named after where the records came from.
pub(crate) struct TopicSink {
    producer: AnyProducer,
    naming: DeadLetterTopic,
    partitions: Mutex<BTreeMap<Topic, u32>>,
}

impl TopicSink {
    pub(crate) fn new(producer: AnyProducer, naming: DeadLetterTopic) -> Self {
        TopicSink { producer, naming, partitions: Mutex::default() }
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

    /// The record of a letter, with its partition; as a pointer if the whole would be too large.
    async fn addressed(&self, letter: &DeadLetter, whole: bool) -> Result<Record, Error> {
        let topic = letter_topic(&letter.record.topic, &letter.group, &self.naming)?;
        let mut record = if whole { to_record(letter, topic) } else { to_pointer(letter, topic) };
        let id = letter_id(letter);
        let partition = self.partition(&record.topic, record.key.as_deref().unwrap_or(id.as_bytes())).await?;
        record.partition = Some(partition);
        Ok(record)
    }

    /// Writes letters, whole or as pointers; an answer each.
    async fn write(&self, letters: &[&DeadLetter], whole: bool) -> Vec<Result<(), Error>> {
        let mut answers = Vec::with_capacity(letters.len());
        let mut records = Vec::with_capacity(letters.len());
        for letter in letters {
            answers.push(self.addressed(letter, whole).await.map(|record| {
                records.push(record);
                records.len() - 1
            }));
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

    async fn accept_all(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let all: Vec<&DeadLetter> = letters.iter().collect();
        let mut answers = self.write(&all, true).await;
        let too_large = |answer: &Result<(), Error>| answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::TooLarge);
        let large: Vec<usize> = (0..answers.len()).filter(|&index| too_large(&answers[index])).collect();
        if !large.is_empty() {
            let letters: Vec<&DeadLetter> = large.iter().map(|&index| &letters[index]).collect();
            for (index, answer) in large.into_iter().zip(self.write(&letters, false).await) {
                answers[index] = answer;
            }
        }
        answers
    }
}

impl ErrorSink for TopicSink {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let late = || Err(Error::new(ErrorKind::TimedOut, Operation::DeadLetter, "no answer within 30 s"));
        let accepted = tokio::time::timeout(DEADLINE, self.accept_all(letters)).await;
        accepted.unwrap_or_else(|_| letters.iter().map(|_| late()).collect())
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}
