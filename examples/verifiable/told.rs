//! A transport around another one, which tells what goes through it: partitions that come and go, records that are settled, and
//! commits with their answers.
//!
//! A service settles a record before it commits it, and commits nothing above one that is not settled: so a commit on its way to
//! the broker says which records are. Owns that reading of it. Leaves what a partition has delivered to `settled`.

use std::collections::BTreeMap;

use millstream::contract::{
    AnyConsumer, AnyProducer, AnyTransport, Applied, Capabilities, Close, Command, CommitEntry, CommitId, Committed, Consumer,
    ConsumerEvent, ConsumerRequest, DescribedTopic, EpochEnd, Error,
};
use millstream::contract::{Epoch, TopicPartition};
use millstream::prelude::*;
use serde_json::{Value, json};
use tokio::sync::watch;

use crate::lines::{Lines, place};
use crate::settled::{Range, Settled};

/// A cluster whose groups' consumers tell what they do.
pub(crate) struct Told {
    inner: AnyTransport,
    lines: Lines,
    /// How many records are told as settled.
    settled: watch::Sender<u64>,
}

impl Told {
    pub(crate) fn new(inner: AnyTransport, lines: &Lines, settled: watch::Sender<u64>) -> Self {
        Self { inner, lines: lines.clone(), settled }
    }
}

impl Transport for Told {
    type Producer = AnyProducer;
    type Consumer = TellingConsumer;

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn producer(&self) -> Result<AnyProducer, Error> {
        self.inner.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<TellingConsumer, Error> {
        // One without a group reads what is the service's own, as a table.
        let tells = !request.group.is_empty();
        let inner = self.inner.consumer(request).await?;
        let (lines, settled) = (self.lines.clone(), self.settled.clone());
        Ok(TellingConsumer { inner, tells, lines, settled, held: BTreeMap::new(), commits: BTreeMap::new() })
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        Transport::describe(&self.inner, topics).await
    }
}

pub(crate) struct TellingConsumer {
    inner: AnyConsumer,
    tells: bool,
    lines: Lines,
    settled: watch::Sender<u64>,
    held: BTreeMap<Epoch, Settled>,
    /// Commits on their way.
    commits: BTreeMap<CommitId, Vec<CommitEntry>>,
}

impl TellingConsumer {
    fn heard(&mut self, event: &ConsumerEvent) {
        match event {
            ConsumerEvent::Assigned(assigned) => {
                self.lines.tell("partitions_assigned", json!({ "partitions": [place(&assigned.partition)] }));
                self.held.insert(assigned.epoch, Settled::new(assigned.partition.clone()));
            }
            ConsumerEvent::Records(batch) => {
                if let Some(held) = self.held.get_mut(&batch.epoch) {
                    held.delivered(batch.clone());
                }
            }
            ConsumerEvent::Ending { epoch, how: EpochEnd::Lost } => self.gone(*epoch),
            ConsumerEvent::Committed(committed) => self.committed(committed),
            _ => {}
        }
    }

    fn gone(&mut self, epoch: Epoch) {
        if let Some(held) = self.held.remove(&epoch) {
            self.lines.tell("partitions_revoked", json!({ "partitions": [place(held.partition())] }));
        }
    }

    /// What a commit covers is settled, and is told before the commit leaves.
    fn commits(&mut self, id: CommitId, entries: &[CommitEntry]) {
        let (mut count, mut parts) = (0, Vec::new());
        for entry in entries {
            let Some(held) = self.held.get_mut(&entry.epoch) else { continue };
            let range: Range = held.below(entry.offset, &self.lines);
            count += range.count;
            parts.extend(held.summary(&range));
        }
        if count > 0 {
            self.lines.tell("records_consumed", json!({ "count": count, "partitions": parts }));
            self.settled.send_modify(|settled| *settled += count);
        }
        self.commits.insert(id, entries.to_vec());
    }

    fn committed(&mut self, committed: &Committed) {
        let Some(entries) = self.commits.remove(&committed.id) else { return };
        let mut by_answer: BTreeMap<Option<String>, Vec<Value>> = BTreeMap::new();
        for (epoch, offset, applied) in &committed.results {
            let Some(entry) = entries.iter().find(|entry| (entry.epoch, entry.offset) == (*epoch, *offset)) else { continue };
            let error = match applied {
                Applied::Applied => None,
                Applied::NotApplied(why) => Some(format!("not applied: {why:?}")),
                Applied::Unknown => Some("nobody can tell".to_owned()),
            };
            by_answer.entry(error).or_default().push(at(&entry.partition, *offset));
        }
        for (error, offsets) in by_answer {
            let mut fields = json!({ "offsets": offsets, "success": error.is_none() });
            if let Some(error) = error {
                fields["error"] = error.into();
            }
            self.lines.tell("offsets_committed", fields);
        }
    }
}

fn at(partition: &TopicPartition, offset: u64) -> Value {
    let mut at = place(partition);
    at["offset"] = offset.into();
    at
}

impl Consumer for TellingConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        let event = self.inner.poll().await;
        if self.tells {
            self.heard(&event);
        }
        event
    }

    fn submit(&mut self, command: Command) {
        match &command {
            Command::Commit { id, entries } if self.tells => self.commits(*id, entries),
            // The service is done with it, and the inner consumer hands it back when it hears this.
            Command::Release { epoch } => self.gone(*epoch),
            _ => {}
        }
        self.inner.submit(command);
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        let closed = self.inner.close(how).await;
        while let Some(epoch) = self.held.keys().next().copied() {
            self.gone(epoch);
        }
        closed
    }
}
