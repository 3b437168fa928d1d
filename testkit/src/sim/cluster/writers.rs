//! Owns what keeps a producer's records once and in order although its requests are repeated and arrive late: Kafka's
//! idempotence. A producer has an epoch, which rises when it has given a request up, and numbers its requests to a
//! partition.

use millstream_core::contract::{Receipt, TopicPartition};
use std::collections::BTreeMap;

/// How many requests of a producer to a partition are remembered, as in Kafka.
const REMEMBERED: usize = 5;

/// A request to write, as far as its producer is concerned.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Write {
    pub(crate) producer: u64,
    pub(crate) epoch: u32,
    pub(crate) number: u64,
}

/// What is to be done with one.
#[derive(Debug)]
pub(crate) enum Wrote<T> {
    /// It is new.
    New,
    /// It was written before, with these answers.
    Before(T),
    /// A later epoch of the producer has written.
    Fenced,
    /// One before it is missing.
    OutOfOrder,
}

type Answers = Vec<Result<Receipt, ()>>;

#[derive(Debug, Default)]
struct Writer {
    epoch: u32,
    next: u64,
    last: Vec<(u64, Answers)>,
}

/// What was written by whom.
#[derive(Debug, Default)]
pub(crate) struct Writers(BTreeMap<(u64, TopicPartition), Writer>);

impl Writers {
    /// What is to be done with a request.
    pub(crate) fn look(&mut self, write: Write, place: &TopicPartition) -> Wrote<Answers> {
        let writer = self.0.entry((write.producer, place.clone())).or_default();
        if write.epoch < writer.epoch {
            return Wrote::Fenced;
        }
        if write.epoch > writer.epoch {
            *writer = Writer { epoch: write.epoch, ..Writer::default() };
        }
        match writer.last.iter().find(|(number, _)| *number == write.number) {
            Some((_, answers)) => Wrote::Before(answers.clone()),
            None if write.number == writer.next => Wrote::New,
            None => Wrote::OutOfOrder,
        }
    }

    /// A new request was written.
    pub(crate) fn wrote(&mut self, write: Write, place: &TopicPartition, answers: Answers) {
        let writer = self.0.entry((write.producer, place.clone())).or_default();
        writer.next = write.number + 1;
        writer.last.push((write.number, answers));
        if writer.last.len() > REMEMBERED {
            writer.last.remove(0);
        }
    }
}
