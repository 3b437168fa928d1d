//! Tables: state that a service keeps, one entry a key, in a compacted topic.
//!
//! | file | noun |
//! | --- | --- |
//! | `settings` | what can be set |
//! | `position` | which record is in an entry, as its header says it |
//! | `entries` | what is kept of one partition |
//! | `writes` | entries on their way into the topic |
//! | `restore` | reading the topic back, before the partition starts |
//!
//! The rules (an entry is written behind the outputs of its record and of all before it with its key):
//!
//! 1. An attempt works on a copy. At `Ok` it is taken over, and the next record of the key sees it.
//! 2. An entry goes out when the outputs of its record, and of every record before it with its key, are acknowledged. So an
//!    entry in the log says that all its records led to is in the log too, and a record at or below it need not run again.
//!    Written beside them it could land alone: after a crash the record would be known, and its outputs lost. Of a record of
//!    which an output is refused for good, its dead letter stands for them: the entry goes out behind it.
//! 3. A record is marked and settled when its entry is acknowledged, one with such a letter settled only.
//! 4. An entry names the dead letters up to it that may come again: those below it are no part of it, its own stands for outputs
//!    that were refused, and none must be marked as done. One that comes is settled, for its letter is where it was.
//! 5. Restoring reads up to the topic's end and takes, of each key, the entry with the highest position: one that a zombie
//!    wrote late is below it.

mod entries;
mod position;
mod restore;
mod settings;
mod writes;

pub use settings::{TableSettings, TableStart};

pub(crate) use entries::{Entries, Found};
pub(crate) use position::EntryPosition;
pub(crate) use restore::{Restored, restore};
pub(crate) use writes::{Owner, Write, Writes};

use super::client_meters::Watch;
use crate::contract::{AnyProducer, AnyTransport, TopicPartition};
use crate::handler::TableOf;
use crate::topic::Topic;

/// What is fixed for the table of one handler and topic.
pub(crate) struct TablePlan {
    pub(crate) of: TableOf,
    /// The table's topic.
    pub(crate) topic: Topic,
    pub(crate) settings: TableSettings,
    pub(crate) transport: AnyTransport,
    pub(crate) producer: AnyProducer,
    pub(crate) watch: Watch,
}

impl TablePlan {
    /// Where the entries of an input's partition are kept.
    pub(crate) fn place(&self, input: &TopicPartition) -> TopicPartition {
        TopicPartition::new(self.topic.clone(), input.partition)
    }
}
