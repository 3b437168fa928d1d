//! Owns the broker's side: who is in the group, who has the partition, what is committed, and which requests are under
//! way. Here a commit is judged, at the instant at which it is applied (I2, I3).
//!
//! It checks the member and its generation, as Kafka does, and never who owns the partition (F92).

use super::client::Request;
use super::member::Cx;
use super::search::Violation;
use millstream_core::clock::MonoTime;
use millstream_core::contract::{Applied, CommitId, Epoch, NotApplied, Offset};

/// A process: which member, and after how many crashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Process {
    /// The member's number.
    pub(super) member: u8,
    /// Its crashes before.
    pub(super) life: u8,
}

/// How the partition is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Holding {
    /// Nobody has it.
    Free,
    /// It is owned.
    Owned,
    /// It is being taken away, until this point.
    Revoking(MonoTime),
}

/// Where a request is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Leg {
    /// On its way to the broker.
    There,
    /// On its way to the broker, and nobody waits for an answer. It cannot arrive after this point.
    Orphan(MonoTime),
    /// Its answer is on its way back.
    Back(Applied),
}

/// A commit on the wire.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct OnWire {
    /// Who sent it.
    pub(super) from: Process,
    /// The generation it carries.
    pub(super) generation: u8,
    /// What it asks for.
    pub(super) request: Request,
    /// Where it is.
    pub(super) leg: Leg,
}

/// What is committed, and by which request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Stored {
    /// The committed offset.
    pub(super) offset: Offset,
    /// The text beside it.
    pub(super) metadata: Option<String>,
    /// Who committed it, under which epoch.
    pub(super) by: (Process, Epoch),
    /// The newest request of that epoch that was applied.
    pub(super) newest: CommitId,
}

/// The group.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Group {
    /// Rises with every change of members or ownership.
    pub(super) generation: u8,
    /// The generation each member's client knows.
    pub(super) known: [u8; 2],
    /// The life of each member that is in the group.
    pub(super) joined: [Option<u8>; 2],
    /// Who has the partition, or had it last.
    pub(super) holder: Option<(Process, Epoch)>,
    /// How it is held.
    pub(super) holding: Holding,
    /// What is committed.
    pub(super) stored: Option<Stored>,
    /// Commits under way, the oldest first.
    pub(super) wire: Vec<OnWire>,
}

impl Group {
    /// Two members, and a partition nobody has yet.
    pub(super) fn new() -> Self {
        Group {
            generation: 1,
            known: [1; 2],
            joined: [Some(0); 2],
            holder: None,
            holding: Holding::Free,
            stored: None,
            wire: Vec::new(),
        }
    }

    /// Whether requests of a process pass the group's check. Those of one that crashed do until it is missed.
    fn knows(&self, process: Process) -> bool {
        let ghost = self.holding != Holding::Free && self.holder.is_some_and(|(holder, _)| holder == process);
        self.joined[usize::from(process.member)] == Some(process.life) || ghost && self.is_ghost(process)
    }

    /// Whether a process crashed and the group does not know yet.
    pub(super) fn is_ghost(&self, process: Process) -> bool {
        self.joined[usize::from(process.member)].is_some_and(|life| life > process.life)
    }

    fn bump(&mut self) {
        self.generation += 1;
        for (joined, known) in self.joined.iter().zip(&mut self.known) {
            if joined.is_some() {
                *known = self.generation;
            }
        }
    }

    /// The partition is given to a process.
    pub(super) fn assign(&mut self, process: Process, epoch: Epoch) {
        self.holder = Some((process, epoch));
        self.holding = Holding::Owned;
        self.bump();
    }

    /// A process joins: the first time, or again. One that takes a crashed one's place changes nothing until that is missed.
    pub(super) fn join(&mut self, process: Process) {
        let anew = self.joined[usize::from(process.member)].is_none();
        self.joined[usize::from(process.member)] = Some(process.life);
        if anew {
            self.bump();
        }
    }

    /// A process leaves, and all it has is free.
    pub(super) fn leave(&mut self, process: Process) {
        self.joined[usize::from(process.member)] = None;
        if self.holder.is_some_and(|(holder, _)| holder == process) {
            self.holding = Holding::Free;
        }
    }

    /// A process gives an epoch up.
    pub(super) fn release(&mut self, process: Process, epoch: Epoch) {
        if self.holder == Some((process, epoch)) {
            self.holding = Holding::Free;
        }
    }

    /// A request arrives; answers what is said of it.
    pub(super) fn receive(&mut self, from: Process, generation: u8, request: &Request, cx: &mut Cx<'_>) -> Applied {
        if !self.knows(from) || generation != self.generation {
            return Applied::NotApplied(NotApplied::Stale);
        }
        for entry in &request.entries {
            let (offset, by) = (entry.offset, (from, entry.epoch));
            if self.holder != Some(by) {
                let what = format!("a commit of {offset} under epoch {} of an owner before is applied", entry.epoch.0);
                cx.broken.push(Violation::new("I3", what));
            }
            if let Some(open) = cx.truth.first_unsettled(cx.world, offset) {
                cx.broken.push(Violation::new("I2", format!("{offset} is committed while record {open} is not settled")));
            }
            let newest = match self.stored.as_ref().filter(|stored| stored.by == by) {
                Some(stored) => stored.newest.max(request.id),
                None => request.id,
            };
            if let Some(stored) = &self.stored
                && offset < stored.offset
                && (stored.by != by || newest == request.id)
            {
                let what =
                    format!("the committed offset goes back from {} to {offset}, and not by an older request", stored.offset);
                cx.broken.push(Violation::new("I3", what));
            }
            self.stored = Some(Stored { offset, metadata: entry.metadata.clone(), by, newest });
        }
        Applied::Applied
    }
}
