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
use tokio::sync::RwLock;

/// A call that never answers is given up after this long, and made again.
const DEADLINE: Duration = Duration::from_secs(30);

/// Writes dead letters to topics named after where the records came from.
pub(crate) struct TopicSink {
    writer: TopicWriter,
    naming: DeadLetterTopic,
    /// Held by all who write several, or by one who writes one.
    company: RwLock<()>,
}

impl TopicSink {
    pub(crate) fn new(producer: AnyProducer, naming: DeadLetterTopic) -> Self {
        TopicSink { writer: TopicWriter::new(producer), naming, company: RwLock::default() }
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

    /// Writes letters, and sets each one's answer as it comes.
    async fn accept_all(&self, letters: &[DeadLetter], answers: &mut [Result<(), Error>]) {
        let all: Vec<&DeadLetter> = letters.iter().collect();
        let came = {
            let _company = self.company.read().await;
            self.write(&all, true).await
        };
        for (answer, came) in answers.iter_mut().zip(came) {
            *answer = came;
        }
        for (letter, answer) in letters.iter().zip(answers).filter(|(_, answer)| is_too_large(answer)) {
            *answer = self.write_alone(letter).await;
        }
    }

    /// Writes a letter by itself: a client may write several as one batch, those of other workers too, and a broker refuses that
    /// as a whole where its topic takes less, though it takes each of them.
    async fn write_alone(&self, letter: &DeadLetter) -> Result<(), Error> {
        let _alone = self.company.write().await;
        for whole in [true, false] {
            match self.write(&[letter], whole).await.pop() {
                Some(answer) if whole && is_too_large(&answer) => {}
                Some(answer) => return answer,
                None => break,
            }
        }
        Err(Error::new(ErrorKind::TimedOut, Operation::DeadLetter, "the producer gave no answer"))
    }
}

fn is_too_large(answer: &Result<(), Error>) -> bool {
    answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::TooLarge)
}

impl ErrorSink for TopicSink {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        let late = || Err(Error::new(ErrorKind::TimedOut, Operation::DeadLetter, "no answer within 30 s"));
        let mut answers: Vec<_> = letters.iter().map(|_| late()).collect();
        // What is answered by then is answered: handed over again with the rest, many could never be done in time.
        let _ = tokio::time::timeout(DEADLINE, self.accept_all(letters, &mut answers)).await;
        answers
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}
