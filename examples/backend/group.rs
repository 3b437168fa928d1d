//! Owns a consumer group: who holds its partitions, and what is committed. One member holds all of them; who came later stands
//! by.

use millstream::contract::{CommitEntry, CommittedOffset, TopicPartition};
use millstream::topic::Topic;
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{Read, Result, Write};
use std::path::Path;
use std::time::Duration;
use tokio::time::Instant;

/// A line of the group's file.
type Line = (Topic, u32, u64, Option<String>);

/// A group. Its file holds every commit, the last one of a partition counts.
pub(crate) struct Group {
    file: File,
    /// Where its whole lines end.
    end: u64,
    committed: BTreeMap<TopicPartition, CommittedOffset>,
    /// In the order in which they came: the first one holds the partitions.
    members: Vec<Member>,
    generation: u64,
}

struct Member {
    id: u64,
    seen: Instant,
    session: Duration,
}

impl Group {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        // A line that a crash left half written was never answered, and must not stand before the next one.
        let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        file.set_len(end as u64)?;
        let mut committed = BTreeMap::new();
        for line in bytes[..end].split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let (topic, partition, offset, metadata) = serde_json::from_slice::<Line>(line)?;
            committed.insert(TopicPartition::new(topic, partition), CommittedOffset::new(offset, metadata));
        }
        Ok(Group { file, end: end as u64, committed, members: Vec::new(), generation: 0 })
    }

    /// Says that a member polls, which makes it one, and throws out those that fell silent. Answers the generation under which
    /// it holds the partitions, if it does.
    pub(crate) fn polls(&mut self, id: u64, session: Duration) -> Option<u64> {
        let now = Instant::now();
        let holder = self.members.first().map(|member| member.id);
        self.members.retain(|member| member.id == id || member.seen + member.session > now);
        match self.members.iter_mut().find(|member| member.id == id) {
            Some(member) => member.seen = now,
            None => self.members.push(Member { id, seen: now, session }),
        }
        self.next_generation_unless(holder);
        self.held_by(id)
    }

    pub(crate) fn leaves(&mut self, id: u64) {
        let holder = self.members.first().map(|member| member.id);
        self.members.retain(|member| member.id != id);
        self.next_generation_unless(holder);
    }

    /// The generation under which a member holds the partitions, if it does.
    pub(crate) fn held_by(&self, id: u64) -> Option<u64> {
        self.members.first().filter(|member| member.id == id).map(|_| self.generation)
    }

    pub(crate) fn committed(&self, place: &TopicPartition) -> Option<CommittedOffset> {
        self.committed.get(place).cloned()
    }

    pub(crate) fn commit(&mut self, entry: &CommitEntry) -> Result<()> {
        let place = &entry.partition;
        let line: Line = (place.topic.clone(), place.partition, entry.offset, entry.metadata.clone());
        let mut text = serde_json::to_string(&line)?;
        text.push('\n');
        if let Err(error) = self.file.write_all(text.as_bytes()).and_then(|()| self.file.sync_data()) {
            // Half a line must not stand before the next one.
            self.file.set_len(self.end)?;
            return Err(error);
        }
        self.end += text.len() as u64;
        self.committed.insert(place.clone(), CommittedOffset::new(entry.offset, entry.metadata.clone()));
        Ok(())
    }

    fn next_generation_unless(&mut self, holder: Option<u64>) {
        if self.members.first().map(|member| member.id) != holder {
            self.generation += 1;
        }
    }
}
