//! Owns writing: the records of a request, each partition's together. A backend for production would leave the disk to a thread
//! of its own; here a write holds the runtime up.

use crate::files::{Shared, io};
use crate::frame;
use millstream::clock::Clock;
use millstream::contract::{Error, ErrorKind, Operation, Produce, Producer, Receipt};
use millstream::topic::Topic;
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct FilesProducer {
    shared: Arc<Shared>,
    clock: Clock,
    most: usize,
}

impl FilesProducer {
    pub(crate) fn new(shared: Arc<Shared>, most: usize) -> Self {
        FilesProducer { shared, clock: Clock::new(), most }
    }

    /// Writes the records of one destination and notes their answers.
    fn write(&self, batch: &Produce, place: usize, answers: &mut [Option<Result<Receipt, Error>>]) {
        let to = &batch.places()[place];
        let now = i64::try_from(self.clock.wall_millis()).unwrap_or(i64::MAX);
        let (mut frames, mut written) = (Vec::new(), Vec::new());
        for at in (0..batch.len()).filter(|at| batch.place(*at) == place) {
            let record = batch.record(at);
            if record.size() > self.most {
                let text = format!("a record of {} bytes; {to} takes {}", record.size(), self.most);
                answers[at] = Some(Err(Error::new(ErrorKind::TooLarge, Operation::Send, text)));
                continue;
            }
            let timestamp = if record.timestamp() < 0 { now } else { record.timestamp() };
            frame::write(record, timestamp, &mut frames);
            written.push((at, timestamp));
        }
        let topic = self.shared.topic(&to.topic, Operation::Send);
        let partition = topic.as_ref().ok().and_then(|topic| topic.get(to.partition as usize));
        let appended = partition.map(|partition| partition.append(&frames));
        for (nth, (at, timestamp)) in written.into_iter().enumerate() {
            // One answer a record, also when all of them failed (P1).
            answers[at] = Some(match &appended {
                None => Err(Error::new(ErrorKind::UnknownTopic, Operation::Send, format!("there is no partition {to}"))),
                Some(Err(error)) => Err(io(Operation::Send, std::io::Error::new(error.kind(), error.to_string()))),
                Some(Ok(first)) => Ok(Receipt::new(to.partition, first + nth as u64, timestamp)),
            });
        }
    }
}

impl Producer for FilesProducer {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        let mut answers: Vec<Option<Result<Receipt, Error>>> = (0..batch.len()).map(|_| None).collect();
        for place in 0..batch.places().len() {
            self.write(batch, place, &mut answers);
        }
        self.shared.changes.send_replace(());
        answers.into_iter().map(|answer| answer.expect("every record has a place")).collect()
    }

    async fn flush(&self, _within: Duration) -> Result<(), Error> {
        // What was sent is on the disk.
        Ok(())
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        let partitions = self.shared.topic(topic, Operation::Lookup)?;
        Ok(u32::try_from(partitions.len()).unwrap_or(u32::MAX))
    }
}
