//! Owns the world in memory, in which everything can be arranged. Leaves the log to `millstream-memory`.

use super::{Act, Excuse, World};
use millstream_core::topic::Topic;
use millstream_memory::{CommitFault, MemberId, Memory, SendFault, Stall, TopicConfig};
use std::sync::{Mutex, PoisonError};

/// A log in memory as a case's world: for the memory backend itself, and for wrappers around it, whose worlds pass on what
/// this one does.
#[derive(Debug, Default)]
pub struct MemoryWorld {
    memory: Memory,
    /// Members that hear nothing any more.
    silent: Mutex<Vec<Stall>>,
}

impl MemoryWorld {
    /// An empty log.
    pub fn new() -> Self {
        Self::default()
    }

    /// The log.
    pub fn memory(&self) -> &Memory {
        &self.memory
    }

    fn member(&self, group: &str, client_id: &str) -> MemberId {
        let members = self.memory.group_members(group);
        let found = members.iter().find(|member| member.client_id == client_id);
        found.unwrap_or_else(|| panic!("{group} has no member {client_id}")).id
    }
}

impl World for MemoryWorld {
    type Transport = Memory;

    async fn transport(&self) -> Memory {
        self.memory.clone()
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        let topic: Topic = format!("shared.{name}").parse().expect("cases name topics well");
        self.memory.create_topic(&topic, TopicConfig::new(partitions)).expect("names are unique");
        topic
    }

    async fn act(&self, act: Act<'_>) -> Result<(), Excuse> {
        let memory = &self.memory;
        let done = match act {
            Act::Expire { group, client_id } => {
                assert!(memory.expire(group, self.member(group, client_id)), "there was such a member");
                Ok(())
            }
            Act::Silence { group, client_id } => {
                let stall = memory.stall(group, self.member(group, client_id));
                self.silent.lock().unwrap_or_else(PoisonError::into_inner).extend(stall);
                Ok(())
            }
            Act::StaleCommit { group } => {
                memory.fail_commits(group, 1, CommitFault::Stale);
                Ok(())
            }
            Act::UnknownCommit { group, written } => {
                let fault = if written { CommitFault::UnknownApplied } else { CommitFault::UnknownNotApplied };
                memory.fail_commits(group, 1, fault);
                Ok(())
            }
            Act::FailSend { topic } => memory.fail_sends(topic, 1, SendFault::Unavailable),
            Act::UnknownSend { topic, written } => {
                let fault = if written { SendFault::UnknownApplied } else { SendFault::UnknownNotApplied };
                memory.fail_sends(topic, 1, fault)
            }
            Act::Gap { place } => memory.append_control(&place.topic, place.partition).map(drop),
            Act::Compact { topic } => memory.compact(topic),
            Act::Trim { place, before } => memory.delete_records(&place.topic, place.partition, before),
            Act::Truncate { place, to } => memory.truncate(&place.topic, place.partition, to),
            Act::Recreate { topic } => memory.recreate(topic).map(drop),
        };
        done.expect("the case has made the topic");
        Ok(())
    }
}
