//! Owns watching commits at the moment in which they are written: there a commit that passes an unsettled record shows,
//! long before a restart would lose it. Leaves judging to the watcher.

use crate::Memory;
use crate::member::MemberId;
use millstream_core::contract::{Epoch, Offset, TopicPartition};
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

/// A commit that is being written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Commit<'a> {
    /// The group.
    pub group: &'a str,
    /// The member that commits.
    pub member: MemberId,
    /// The partition.
    pub partition: &'a TopicPartition,
    /// The epoch under which the member holds it.
    pub epoch: Epoch,
    /// The next offset to read.
    pub offset: Offset,
    /// The offset it replaces.
    pub before: Option<Offset>,
}

type Watcher = dyn Fn(Commit<'_>) + Send + Sync;

/// Who watches.
#[derive(Default)]
pub(crate) struct Watchers(Mutex<Vec<Arc<Watcher>>>);

impl fmt::Debug for Watchers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watchers")
    }
}

impl Watchers {
    pub(crate) fn tell(&self, commit: Commit<'_>) {
        let watchers = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        watchers.iter().for_each(|watcher| watcher(commit));
    }
}

impl Memory {
    /// `watcher` sees every commit of every group at the moment in which it is written, on the committer's thread. The
    /// group is locked meanwhile, so the watcher must not ask the log about the group.
    pub fn on_commit(&self, watcher: impl Fn(Commit<'_>) + Send + Sync + 'static) {
        self.broker.watchers.0.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::new(watcher));
    }
}
