//! Owns reading a table's partition back: from the start of its log to the end it has when it is assigned, folded by highest
//! position. Leaves where the input then starts to the intake.

use super::TablePlan;
use super::entries::{Entries, Read};
use super::position::{EntryPosition, letters};
use crate::contract::{
    Assigned, Close, Command, Consumer, ConsumerEvent, ConsumerRequest, Error, ErrorKind, Offset, Operation, RecordBatch,
    TopicPartition, Transport,
};
use crate::engine::Backoff;
use crate::envelope::{EventEnvelope, Limits};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::Duration;

/// What was read back.
pub(crate) struct Restored {
    pub(crate) entries: Entries,
    /// The end of the table's log: the next owner must not find less.
    pub(crate) end: Offset,
}

/// How long closing the reader may take: nobody waits for it but us.
const CLOSE: Duration = Duration::from_secs(1);

/// Reads the entries of the input partition that was assigned. What passes is tried again until the deadline.
pub(crate) async fn restore(plan: &TablePlan, assigned: &Assigned, run: u32, limits: &Limits) -> Result<Restored, Error> {
    let place = plan.place(&assigned.partition);
    let within = plan.settings.restore_within;
    let mut last = None;
    let tries = async {
        let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
        for failures in 1.. {
            match read(plan, &place, assigned, run, limits).await {
                Err(error) if error.is_retriable() => {
                    tracing::warn!(%place, error = crate::service::quote(&error.to_string()), "restoring failed, will be retried");
                    last = Some(error);
                    tokio::time::sleep(backoff.delay(failures, u64::from(failures))).await;
                }
                decided => return decided,
            }
        }
        unreachable!("tries do not end")
    };
    match tokio::time::timeout(within, tries).await {
        Ok(decided) => decided,
        Err(_) => {
            let text = format!("{place} was not restored within {within:?}; nothing was started with half a table");
            let error = Error::new(ErrorKind::TimedOut, Operation::Restore, text);
            Err(match last {
                Some(cause) => error.with_source(cause),
                None => error,
            })
        }
    }
}

async fn read(
    plan: &TablePlan,
    place: &TopicPartition,
    assigned: &Assigned,
    run: u32,
    limits: &Limits,
) -> Result<Restored, Error> {
    let request = ConsumerRequest::assigned(vec![place.clone()]);
    let mut consumer = plan.transport.consumer(request).await.map_err(|error| match error.kind() {
        ErrorKind::UnknownTopic => missing(place).with_source(error),
        _ => error,
    })?;
    let most = (plan.settings.entries, plan.settings.bytes);
    let mut folding = Folding { plan, place, run, limits, entries: Entries::new(assigned.topic_id, most) };
    let end = fold_all(&mut consumer, &mut folding).await;
    // Closing says nothing of what was read.
    let _ = tokio::time::timeout(CLOSE, consumer.close(Close::Leave(CLOSE))).await;
    let end = end?;
    let entries = folding.entries;
    for (key, text) in entries.texts() {
        if let Err(error) = (plan.of.check)(text) {
            let text = format!(
                "the entry of key `{}` in {place} cannot be read: {error}; give what was added a `#[serde(default)]`, or the table another name",
                crate::service::quote(&key.escape_ascii().to_string())
            );
            return Err(Error::new(ErrorKind::Configuration, Operation::Restore, text));
        }
    }
    tracing::info!(%place, entries = entries.len(), end, "restored");
    Ok(Restored { entries, end })
}

/// What is folded, and into what.
struct Folding<'a> {
    plan: &'a TablePlan,
    place: &'a TopicPartition,
    run: u32,
    limits: &'a Limits,
    entries: Entries,
}

async fn fold_all(consumer: &mut impl Consumer, folding: &mut Folding<'_>) -> Result<Offset, Error> {
    let mut until = None;
    loop {
        let next = match consumer.poll().await {
            ConsumerEvent::Assigned(assigned) => {
                let (Some(start), Some(end)) = (assigned.log_start, assigned.end) else {
                    let text = format!("the transport does not say where {} ends (clause C17)", folding.place);
                    return Err(Error::new(ErrorKind::Invalid, Operation::Restore, text));
                };
                until = Some(end);
                consumer.submit(Command::Start { epoch: assigned.epoch, at: start });
                consumer.submit(Command::Want { epoch: assigned.epoch, records: u32::MAX, bytes: u64::MAX });
                start
            }
            ConsumerEvent::Records(batch) => {
                folding.fold(&batch)?;
                consumer.submit(Command::Want { epoch: batch.epoch, records: u32::MAX, bytes: u64::MAX });
                batch.next
            }
            ConsumerEvent::Advanced { next, .. } => next,
            ConsumerEvent::Fatal(error) => return Err(error),
            ConsumerEvent::Ending { .. } => {
                let text = format!("{} was taken from its reader", folding.place);
                return Err(Error::new(ErrorKind::Unavailable, Operation::Restore, text));
            }
            ConsumerEvent::Fault { fault, .. } => {
                let text = format!("{} is at fault: {fault:?}", folding.place);
                return Err(Error::new(ErrorKind::Invalid, Operation::Restore, text));
            }
            _ => continue,
        };
        if let Some(end) = until.filter(|end| next >= *end) {
            return Ok(end);
        }
        // A long log on a runtime of one thread leaves the others their turn.
        tokio::task::yield_now().await;
    }
}

impl Folding<'_> {
    fn fold(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        for record in batch.iter() {
            let foreign = |why: &str| {
                let text = format!("{} has a record at {} that is no entry: {why}", self.place, record.offset());
                Error::new(ErrorKind::Invalid, Operation::Restore, text)
            };
            let position = EntryPosition::read(record.headers());
            let position = position.ok_or_else(|| foreign("it has no position; nobody else may write to a table's topic"))?;
            let key = record.key().ok_or_else(|| foreign("it has no key"))?;
            if position.run != self.run {
                continue;
            }
            let text: Option<Arc<str>> = match record.value() {
                None => None,
                Some(_) => {
                    let event = EventEnvelope::<&RawValue>::from_record_within(record, self.limits);
                    let event = event.map_err(|error| foreign("its value is no event").with_source(error))?;
                    if event.event_type != self.plan.of.name.event_type() {
                        return Err(foreign(&format!("its type is `{}`", event.event_type)));
                    }
                    Some(event.data.get().into())
                }
            };
            let letters = letters(record.headers());
            self.entries.fold(Read { key, topic: position.topic, offset: position.offset, text, letters });
        }
        Ok(())
    }
}

/// The table's topic, or its partition, is not there.
pub(super) fn missing(place: &TopicPartition) -> Error {
    let text = format!("{place} does not exist: create the table's topic, compacted, with as many partitions as its input");
    Error::new(ErrorKind::Configuration, Operation::Restore, text)
}
