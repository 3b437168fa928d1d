//! Owns a member's side of the wire: the consumer of the contract, as thin as its clauses allow. Leaves what is asked of it
//! to `member`, and what the group does to `group`.

use millstream_core::contract::{CommitEntry, CommitId, Epoch, Offset};
use std::collections::VecDeque;

/// What the group has told and the member has not heard yet.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Told {
    /// The partition is given to this member, with what was committed at that time.
    Assigned(Epoch, Option<(Offset, Option<String>)>),
    /// It is taken away in order.
    Revoking(Epoch),
    /// It was taken away.
    Lost(Epoch),
}

/// The partition, as the client has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Owned {
    /// The epoch under which it is owned.
    pub(super) epoch: Epoch,
    /// The next offset to fetch, once started.
    pub(super) position: Option<Offset>,
    /// Records that may still be yielded.
    pub(super) demand: u32,
}

/// A commit on its way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Request {
    /// The member's name for it.
    pub(super) id: CommitId,
    /// What is to be committed.
    pub(super) entries: Vec<CommitEntry>,
}

/// One batch of one record, or of none where the log's tail holds none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Fetched {
    /// The epoch under which it was fetched.
    pub(super) epoch: Epoch,
    /// The record.
    pub(super) record: Option<Offset>,
    /// Everything below this is delivered or does not exist.
    pub(super) next: Offset,
}

/// The consumer of one member.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Client {
    /// Epochs given out so far.
    pub(super) epochs: u64,
    /// What it owns, as far as it knows.
    pub(super) owned: Option<Owned>,
    /// What it was told, in order.
    pub(super) told: VecDeque<Told>,
    /// A batch that is held up.
    pub(super) late: Option<Fetched>,
    /// A commit that was submitted and not written yet.
    pub(super) submitted: Option<Request>,
}

impl Client {
    /// Whether it owns `epoch`, as far as it knows.
    pub(super) fn owns(&self, epoch: Epoch) -> bool {
        self.owned.is_some_and(|owned| owned.epoch == epoch)
    }

    /// Demand, in place of the one before (C4).
    pub(super) fn want(&mut self, epoch: Epoch, records: u32) {
        if let Some(owned) = self.owned.as_mut().filter(|owned| owned.epoch == epoch) {
            owned.demand = records;
        }
    }

    /// Begins delivery (C1).
    pub(super) fn start(&mut self, epoch: Epoch, at: Offset) {
        if let Some(owned) = self.owned.as_mut().filter(|owned| owned.epoch == epoch && owned.position.is_none()) {
            owned.position = Some(at);
        }
    }

    /// A batch was fetched.
    pub(super) fn fetched(&mut self, batch: Fetched) {
        if let Some(owned) = self.owned.as_mut().filter(|owned| owned.epoch == batch.epoch) {
            owned.position = Some(batch.next);
            owned.demand -= u32::from(batch.record.is_some());
        }
    }

    /// Gives an epoch up.
    pub(super) fn release(&mut self, epoch: Epoch) {
        if self.owns(epoch) {
            self.owned = None;
        }
    }
}
