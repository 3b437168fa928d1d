//! Owns the switches for what goes wrong in production: topics closed to writes, commits that fail or whose answers are
//! lost, members thrown out or stalled, offsets without records. Leaves deciding when to those who test.

use crate::Memory;
use crate::member::MemberId;
use crate::signal::Signal;
use millstream_core::contract::{Error, Offset, Operation, PartitionId};
use millstream_core::topic::Topic;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// What befalls a commit whose entries would all have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CommitFault {
    /// Not written, answered `NotApplied(Stale)` though the epoch is open, as during another partition's rebalance (F91).
    Stale,
    /// Not written, answered `NotApplied(Refused)`.
    Refused,
    /// Written, and the answer lost.
    UnknownApplied,
    /// The request lost: not written, answered `Unknown`.
    UnknownNotApplied,
}

/// What befalls a record that would have been written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SendFault {
    /// Not written, and said so: to be tried again.
    Unavailable,
    /// Written, and the answer lost.
    UnknownApplied,
    /// The request lost: not written, answered `Unknown`.
    UnknownNotApplied,
}

/// What is wrong with a topic.
#[derive(Debug, Default)]
pub(crate) struct Trouble {
    closed: AtomicBool,
    armed: AtomicBool,
    sends: Mutex<VecDeque<SendFault>>,
}

impl Trouble {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// What befalls the next record.
    pub(crate) fn next(&self) -> Option<SendFault> {
        if !self.armed.load(Ordering::Acquire) {
            return None;
        }
        let mut sends = self.sends.lock().unwrap_or_else(PoisonError::into_inner);
        let fault = sends.pop_front();
        self.armed.store(!sends.is_empty(), Ordering::Release);
        fault
    }

    fn arm(&self, records: usize, fault: SendFault) {
        let mut sends = self.sends.lock().unwrap_or_else(PoisonError::into_inner);
        sends.extend(std::iter::repeat_n(fault, records));
        self.armed.store(!sends.is_empty(), Ordering::Release);
    }
}

/// A consumer that does not get to poll, as behind a stopped process or a peer that hangs: nor is it heard as it leaves. Ends
/// when dropped.
#[derive(Debug)]
#[must_use = "the stall ends when this is dropped"]
pub struct Stall(Arc<Signal>);

impl Drop for Stall {
    fn drop(&mut self) {
        self.0.go();
    }
}

impl Memory {
    /// Opens or closes a topic to writes. Records sent to a closed one are answered
    /// [`Unwritable`](millstream_core::contract::ErrorKind::Unwritable), to be tried again.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn set_writable(&self, topic: &Topic, writable: bool) -> Result<(), Error> {
        self.broker.topic(topic, Operation::Lookup)?.trouble.closed.store(!writable, Ordering::Release);
        Ok(())
    }

    /// The next `records` records sent to a topic meet `fault`, after those already arranged.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn fail_sends(&self, topic: &Topic, records: usize, fault: SendFault) -> Result<(), Error> {
        self.broker.topic(topic, Operation::Lookup)?.trouble.arm(records, fault);
        Ok(())
    }

    /// The next `commits` commits of a group meet `fault`, after those already arranged.
    pub fn fail_commits(&self, group: &str, commits: usize, fault: CommitFault) {
        self.broker.group(group).enter(|group| group.offsets.faults.extend(std::iter::repeat_n(fault, commits)));
    }

    /// Ends a member's session as if its time had passed. Answers whether there was such a member.
    pub fn expire(&self, group: &str, member: MemberId) -> bool {
        self.broker.find_group(group).is_some_and(|group| group.enter(|group| group.remove(member, &self.broker)))
    }

    /// Keeps a member from polling until the answer is dropped: its polls stay pending, its session runs out, and it comes
    /// back as a zombie. If it is closed meanwhile, the close runs into its deadline and the session ends the membership.
    /// `None` if there is no such member.
    pub fn stall(&self, group: &str, member: MemberId) -> Option<Stall> {
        let group = self.broker.find_group(group)?;
        let signal = group.enter(|group| group.members.get(&member).map(|member| member.signal.clone()))?;
        signal.stall();
        Some(Stall(signal))
    }

    /// Takes an offset of a partition without a record, as the marker of a transaction does (F107). Answers the offset.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn append_control(&self, topic: &Topic, partition: PartitionId) -> Result<Offset, Error> {
        Ok(self.existing(topic, partition)?.change(|log| log.append_control()))
    }

    /// Cuts a partition to end at `to`, as a new leader does that lacks the rest (F103): acknowledged records are lost.
    /// Readers past it are told by a fault.
    ///
    /// # Errors
    /// [`UnknownTopic`](millstream_core::contract::ErrorKind::UnknownTopic).
    pub fn truncate(&self, topic: &Topic, partition: PartitionId, to: Offset) -> Result<(), Error> {
        self.existing(topic, partition)?.change(|log| log.truncate(to));
        Ok(())
    }
}
