//! Owns the dead-letter topic as a sink: the record byte for byte, with two sets of headers that say where it came from
//! and what happened.
//!
//! Headers of an earlier dead letter are replaced, not appended, and all of ours stay within 8 KiB, so that a letter that
//! fails again and again never grows (F35, B28).

mod headers;
mod naming;

pub use naming::{DeadLetterTopic, Naming};

pub(crate) use headers::letter_id;
pub(crate) use naming::letter_topic;

use super::topic_writer::TopicWriter;
use crate::contract::{AnyProducer, DeadLetter, Durability, Error, ErrorKind, ErrorSink, Operation};
use headers::{to_pointer, to_record};
use std::time::Duration;

/// A call that never answers is given up after this long, and made again.
const DEADLINE: Duration = Duration::from_secs(30);

/// Writes dead letters to topics named after where the records came from.
pub(crate) struct TopicSink {
    writer: TopicWriter,
    naming: DeadLetterTopic,
}

impl TopicSink {
    pub(crate) fn new(producer: AnyProducer, naming: DeadLetterTopic) -> Self {
        TopicSink { writer: TopicWriter::new(producer), naming }
    }

    /// Writes letters, whole or as pointers where the whole is too large; an answer each.
    async fn write(&self, letters: &[&DeadLetter], whole: bool) -> Vec<Result<(), Error>> {
        let addressed = letters.iter().map(|letter| {
            let topic = letter_topic(&letter.record.topic, &letter.group, &self.naming)?;
            let record = if whole { to_record(letter, topic) } else { to_pointer(letter, topic) };
            Ok((record, letter_id(letter)))
        });
        self.writer.write(addressed.collect()).await
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
