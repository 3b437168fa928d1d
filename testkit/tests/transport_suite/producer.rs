//! Owns the producer with a flaw.

use crate::flaw::Flaw;
use crate::transport::Counters;
use bytes::Bytes;
use millstream_core::contract::{
    Applied, Error, ErrorKind, NotApplied, Operation, Produce, Producer, Receipt, Record, partition_for_key,
};
use millstream_core::topic::Topic;
use millstream_memory::MemoryProducer;
use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::yield_now;
use tokio::time::sleep;

pub(crate) struct BrokenProducer {
    inner: MemoryProducer,
    flaw: Option<Flaw>,
    counters: Arc<Counters>,
    busy: AtomicBool,
}

type Answers = Vec<Result<Receipt, Error>>;

impl BrokenProducer {
    pub(crate) fn new(inner: MemoryProducer, flaw: Option<Flaw>, counters: Arc<Counters>) -> Self {
        BrokenProducer { inner, flaw, counters, busy: AtomicBool::new(false) }
    }

    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }

    /// The records as they are sent.
    fn records(&self, batch: &Produce) -> Vec<Record> {
        let mut records = Vec::new();
        for (place, view) in batch.iter() {
            let mut record = Record::new(place.topic.clone(), "", "").to_partition(place.partition);
            (record.key, record.value) = (view.key_bytes(), view.value_bytes());
            record.timestamp = (view.timestamp() >= 0).then_some(view.timestamp());
            record.headers = view.headers().map(|(name, value)| (name.to_owned(), value.map(Bytes::copy_from_slice))).collect();
            self.bend(&mut record);
            records.push(record);
        }
        if self.has(Flaw::RequestsReversed) {
            records.reverse();
        }
        records
    }

    fn bend(&self, record: &mut Record) {
        match self.flaw {
            Some(Flaw::KeysDecide) => {
                let key = record.key.clone().unwrap_or_default();
                record.partition = record.partition.filter(|named| *named > 2).or(Some(partition_for_key(&key, 3)));
            }
            Some(Flaw::TimestampsReplaced) => record.timestamp = None,
            Some(Flaw::NullsAreEmpty) => record.value = Some(record.value.take().unwrap_or_default()),
            Some(Flaw::HeadersAreAMap) => {
                let all = std::mem::take(&mut record.headers);
                for (at, header) in all.iter().enumerate() {
                    if all[at + 1..].iter().all(|(name, _)| *name != header.0) {
                        record.headers.push(header.clone());
                    }
                }
            }
            Some(Flaw::LargeValuesCut) => {
                if let Some(value) = record.value.as_mut().filter(|value| value.len() < 1_000_000) {
                    value.truncate(64 << 10);
                }
            }
            _ => {}
        }
    }

    async fn append(&self, records: Vec<Record>) -> Answers {
        if !self.has(Flaw::FailedAreOvertaken) {
            return self.inner.send(&Produce::of(&records).expect("partitions are chosen")).await;
        }
        let mut answers = Vec::new();
        for record in records {
            answers.extend(self.inner.send(&Produce::of(&[record]).expect("a partition is chosen")).await);
        }
        answers
    }

    fn answer(&self, mut answers: Answers) -> Answers {
        let refusal = |kind| Err(Error::new(kind, Operation::Send, "as the flaw has it"));
        match self.flaw {
            Some(Flaw::AnswersReversed) => answers.reverse(),
            Some(Flaw::OneAnswerForAll) if answers.iter().all(Result::is_err) => answers.truncate(1),
            Some(Flaw::ReceiptsPointBehind) => {
                answers.iter_mut().flatten().for_each(|receipt| receipt.offset += 1);
            }
            Some(Flaw::OneRefusalFailsAll) if answers.iter().any(Result::is_err) => {
                answers.iter_mut().for_each(|answer| *answer = refusal(ErrorKind::TooLarge));
            }
            Some(Flaw::EveryErrorPasses) => {
                answers.iter_mut().filter(|answer| answer.is_err()).for_each(|answer| *answer = refusal(ErrorKind::Unavailable));
            }
            Some(Flaw::LostAnswersAreNo) => {
                let lost = |answer: &&mut Result<Receipt, Error>| answer.as_ref().is_err_and(|e| e.applied() == Applied::Unknown);
                let no = Applied::NotApplied(NotApplied::Refused);
                answers.iter_mut().filter(lost).for_each(|answer| {
                    *answer = Err(Error::new(ErrorKind::TimedOut, Operation::Send, "as the flaw has it").with_applied(no));
                });
            }
            _ => {}
        }
        answers
    }
}

impl Producer for BrokenProducer {
    async fn send(&self, batch: &Produce) -> Answers {
        if self.has(Flaw::FullBufferBlocks) && self.counters.sent.fetch_add(batch.len(), Ordering::Relaxed) > 1_000 {
            pending::<()>().await;
        }
        if self.has(Flaw::FlushLies) {
            sleep(Duration::from_secs(1)).await;
        }
        if self.has(Flaw::DroppedSendWedges) {
            if self.busy.swap(true, Ordering::Relaxed) {
                pending::<()>().await;
            }
            yield_now().await;
            self.busy.store(false, Ordering::Relaxed);
        }
        let answers = self.append(self.records(batch)).await;
        self.answer(answers)
    }

    async fn flush(&self, within: Duration) -> Result<(), Error> {
        self.inner.flush(within).await
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        self.inner.partitions(topic).await
    }
}
