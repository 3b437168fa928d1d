//! Owns the dead-letter topic as a sink: the record byte for byte, with two sets of headers that say where it came from
//! and what happened.
//!
//! Headers of an earlier dead letter are replaced, not appended, and all of ours stay within 8 KiB, so that a letter that
//! fails again and again never grows (F35, B28).

use super::settings::DeadLetterTopic;
use crate::contract::{
    AnyProducer, DeadLetter, Durability, Error, ErrorKind, ErrorSink, Operation, Produce, Producer, Record, partition_for_key,
};
use crate::topic::Topic;
use bytes::Bytes;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Headers of Apache's KIP-1191 begin with this.
const APACHE: &str = "__dlq.errors.";
/// Our own begin with this.
const OURS: &str = "millstream-dlq-";
/// Bytes of the error text that are kept: with the other headers below 8 KiB in all.
const MAX_TEXT: usize = 2_048;
/// Bytes of any other header text.
const MAX_WORD: usize = 512;
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

    async fn addressed(&self, letter: &DeadLetter) -> Result<Record, Error> {
        let mut record = to_record(letter, &self.naming)?;
        let id = letter_id(letter);
        let partition = self.partition(&record.topic, record.key.as_deref().unwrap_or(id.as_bytes())).await?;
        record.partition = Some(partition);
        Ok(record)
    }
}

impl ErrorSink for TopicSink {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let accept = async {
            let mut answers = Vec::with_capacity(letters.len());
            let mut records = Vec::with_capacity(letters.len());
            for letter in letters {
                match self.addressed(letter).await {
                    Ok(record) => {
                        records.push(record);
                        answers.push(None);
                    }
                    Err(error) => answers.push(Some(Err(error))),
                }
            }
            let mut sent = match Produce::of(&records) {
                Ok(produce) if !produce.is_empty() => self.producer.send(&produce).await,
                _ => Vec::new(),
            }
            .into_iter();
            let missing = || Err(Error::new(ErrorKind::TimedOut, Operation::DeadLetter, "the producer gave no answer"));
            let mut of_send = || sent.next().unwrap_or_else(missing).map(|_| ());
            let mut topics = records.iter().map(|record| &record.topic);
            let mut of_send = || {
                let (answer, topic) = (of_send(), topics.next());
                if answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::UnknownTopic)
                    && let Some(topic) = topic
                {
                    // It may have been made again with other partitions: they are asked for anew.
                    self.partitions.lock().unwrap_or_else(PoisonError::into_inner).remove(topic);
                }
                answer
            };
            answers.into_iter().map(|decided| decided.unwrap_or_else(&mut of_send)).collect::<Vec<_>>()
        };
        match tokio::time::timeout(DEADLINE, accept).await {
            Ok(answers) => answers,
            Err(_) => letters
                .iter()
                .map(|_| Err(Error::new(ErrorKind::TimedOut, Operation::DeadLetter, "no answer within 30 s")))
                .collect(),
        }
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

/// The name under which a second write of the same failure is recognised: a hash of group, topic, partition and offset.
pub(crate) fn letter_id(letter: &DeadLetter) -> String {
    let place = format!("{}\n{}\n{}\n{}", letter.group, letter.record.topic, letter.position.partition, letter.position.offset);
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(place.as_bytes()))
}

/// The topic of a letter.
pub(crate) fn letter_topic(topic: &Topic, group: &str, naming: &DeadLetterTopic) -> Result<Topic, Error> {
    let named = match naming {
        DeadLetterTopic::PerTopic => topic.dlq(),
        DeadLetterTopic::GroupPrefixed => topic.group_dlq(group),
    };
    named.map_err(|error| {
        Error::new(ErrorKind::Configuration, Operation::DeadLetter, format!("{topic} has no dead-letter topic: {error}"))
    })
}

fn to_record(letter: &DeadLetter, naming: &DeadLetterTopic) -> Result<Record, Error> {
    let mut record = letter.record.clone();
    record.topic = letter_topic(&letter.record.topic, &letter.group, naming)?;
    record.headers.retain(|(name, _)| !name.starts_with(APACHE) && !name.starts_with(OURS));
    let fingerprint = super::fingerprint::fingerprint(letter.record.value.as_deref());
    let mut put = |prefix: &str, name: &str, value: &str, most: usize| {
        record.headers.push((format!("{prefix}{name}"), Some(Bytes::copy_from_slice(cut(value, most).as_bytes()))));
    };
    put(APACHE, "topic", letter.record.topic.as_str(), MAX_WORD);
    put(APACHE, "partition", &letter.position.partition.to_string(), MAX_WORD);
    put(APACHE, "offset", &letter.position.offset.to_string(), MAX_WORD);
    put(APACHE, "group", &letter.group, MAX_WORD);
    put(APACHE, "delivery.count", &letter.attempts.to_string(), MAX_WORD);
    put(APACHE, "message", &letter.message, MAX_TEXT);
    put(OURS, "id", &letter_id(letter), MAX_WORD);
    put(OURS, "reason", letter.reason.as_str(), MAX_WORD);
    put(OURS, "fingerprint", &format!("{:08x}", fingerprint.0), MAX_WORD);
    put(OURS, "error-type", &letter.error_type, MAX_WORD);
    put(OURS, "attempts", &letter.attempts.to_string(), MAX_WORD);
    put(OURS, "handler", &letter.handler, MAX_WORD);
    put(OURS, "service", &letter.service, MAX_WORD);
    put(OURS, "first-failed-at", &rfc3339(letter.first_failed_at), MAX_WORD);
    put(OURS, "last-failed-at", &rfc3339(letter.last_failed_at), MAX_WORD);
    Ok(record)
}

fn rfc3339(millis: u64) -> String {
    crate::envelope::Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)).to_string()
}

/// The text's first bytes, cut at a character.
fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
