//! Owns the direct tier's way of reading: batches and commits, with ownership changes answered for those who do not want to
//! see them. Leaves retries, dead letters and order after failures to services.

use super::{
    AnyConsumer, Applied, Close, Command, CommitEntry, CommitId, Committed, Consumer, ConsumerEvent, Epoch, EpochEnd, Error,
    ErrorKind, NotApplied, Operation, RecordBatch, TopicPartition,
};
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// What a partition may send ahead: one batch of the default size.
const AHEAD: (u32, u64) = (512, 8 << 20);

/// Reads batches and commits them, for tools and for code that wants to own its loop.
///
/// Assigned partitions start at their committed offset, or at the log's beginning. Revoked ones are given up at once: what
/// was read of them and not committed comes again to their next owner. At most 512 records a partition wait here.
///
/// A `Reader` must be polled: [`next_batch`](Self::next_batch) and [`commit_batch`](Self::commit_batch) keep it in its group.
/// Whoever takes longer for a batch than the session lasts (45 s) loses its partitions.
pub struct Reader<C = AnyConsumer> {
    consumer: C,
    held: BTreeMap<Epoch, TopicPartition>,
    /// What is to be read next, of which epoch, in the order in which it came; at most one fault an epoch.
    waiting: VecDeque<(Epoch, Result<RecordBatch, Error>)>,
    commits: u64,
}

impl<C> std::fmt::Debug for Reader<C> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("held", &self.held.values()).finish_non_exhaustive()
    }
}

impl<C: Consumer> Reader<C> {
    /// Reads with a consumer that nobody has polled yet.
    pub fn new(consumer: C) -> Self {
        Reader { consumer, held: BTreeMap::new(), waiting: VecDeque::new(), commits: 0 }
    }

    /// The next batch of any partition. Waits while there is none. Cancel safe.
    ///
    /// # Errors
    /// If the consumer cannot go on, or a partition is at fault (named in the error; the others can be read on).
    pub async fn next_batch(&mut self) -> Result<RecordBatch, Error> {
        loop {
            if let Some((epoch, read)) = self.waiting.pop_front() {
                if read.is_ok() && !self.waiting.iter().any(|(of, other)| *of == epoch && other.is_ok()) {
                    self.want(epoch);
                }
                return read;
            }
            self.step().await?;
        }
    }

    /// Commits everything up to the end of `batch` and waits for the outcome, so that `Ok` means committed.
    ///
    /// # Errors
    /// If it was not committed ([`Error::applied`] says what is known): mostly because the partition has gone to another
    /// member, to whom the records come again, which is of kind [`Ended`](ErrorKind::Ended) and lets the loop go on. If the
    /// consumer cannot go on, and nobody can tell what became of the commit. A partition at fault is left to the next
    /// [`next_batch`](Self::next_batch).
    ///
    /// # Cancel safety
    /// Dropped while it waits, the commit may be made or not, and a later one of the same partition covers it.
    pub async fn commit_batch(&mut self, batch: &RecordBatch) -> Result<(), Error> {
        self.commits += 1;
        let id = CommitId(self.commits);
        let entries = vec![CommitEntry::new(batch.partition.clone(), batch.epoch, batch.next)];
        self.consumer.submit(Command::Commit { id, entries });
        loop {
            // What ends the consumer says nothing of the commit, which may have been made before.
            let step = self.step().await.map_err(|error| error.with_applied(Applied::Unknown))?;
            if let Some(committed) = step
                && committed.id == id
            {
                let applied = committed.results.first().map_or(Applied::Unknown, |(_, _, applied)| *applied);
                return outcome(batch, applied);
            }
        }
    }

    /// Leaves the group, so that others take over at once. Commits that were awaited are made; nothing else is.
    ///
    /// # Errors
    /// If leaving could not be told within 5 s; the session then expires by itself.
    pub async fn close(mut self) -> Result<(), Error> {
        self.consumer.close(Close::Leave(Duration::from_secs(5))).await
    }

    /// One event, answered. The outcome of a commit is for the caller.
    async fn step(&mut self) -> Result<Option<Committed>, Error> {
        match self.consumer.poll().await {
            ConsumerEvent::Records(batch) => self.waiting.push_back((batch.epoch, Ok(batch))),
            ConsumerEvent::Assigned(assigned) => {
                let committed = assigned.committed.map(|committed| committed.offset);
                let at = assigned.resume.or(committed).or(assigned.log_start).unwrap_or(0);
                self.held.insert(assigned.epoch, assigned.partition);
                self.consumer.submit(Command::Start { epoch: assigned.epoch, at });
                self.want(assigned.epoch);
            }
            ConsumerEvent::Ending { epoch, how } => {
                self.held.remove(&epoch);
                self.waiting.retain(|(of, _)| *of != epoch);
                if let EpochEnd::Revoking(_) = how {
                    self.consumer.submit(Command::Release { epoch });
                }
            }
            ConsumerEvent::Committed(committed) => return Ok(Some(committed)),
            ConsumerEvent::Fatal(error) => return Err(error),
            ConsumerEvent::Fault { epoch, fault } => {
                let place = self.held.get(&epoch).map_or("a partition".to_owned(), ToString::to_string);
                let error = Error::new(ErrorKind::Invalid, Operation::Fetch, format!("{place} is at fault: {fault:?}"));
                if !self.waiting.iter().any(|(of, read)| *of == epoch && read.is_err()) {
                    self.waiting.push_back((epoch, Err(error)));
                }
            }
            // Trouble that passes, and positions that nobody here keeps.
            _ => {}
        }
        Ok(None)
    }

    fn want(&mut self, epoch: Epoch) {
        let (records, bytes) = AHEAD;
        self.consumer.submit(Command::Want { epoch, records, bytes });
    }
}

fn outcome(batch: &RecordBatch, applied: Applied) -> Result<(), Error> {
    let place = &batch.partition;
    let (kind, text) = match applied {
        Applied::Applied => return Ok(()),
        Applied::NotApplied(NotApplied::Stale | NotApplied::Fenced) => {
            (ErrorKind::Ended, format!("{place} was given to another member, to whom these records come again"))
        }
        Applied::NotApplied(NotApplied::Refused) => (ErrorKind::Invalid, format!("{place}: the commit was refused")),
        Applied::NotApplied(NotApplied::NotSent) => (ErrorKind::Unavailable, format!("{place}: the commit was not sent")),
        Applied::Unknown => (ErrorKind::TimedOut, format!("{place}: nobody can tell whether it was committed")),
    };
    Err(Error::new(kind, Operation::Commit, text).with_applied(applied))
}
