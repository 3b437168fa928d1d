//! Owns letters that the error sink keeps: whether they are the records they were, and what is settled by them (I1, I6). Leaves
//! those of dead-letter topics to `settled`.

use super::Checks;
use super::outputs::id_of;
use super::settled::Of;
use crate::sim::world::World;
use millstream_core::contract::{DeadLetter, Offset};
use millstream_core::envelope::EventKey;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// The records whose letters are kept.
#[derive(Debug, Default)]
pub(super) struct Letters(BTreeMap<Of, BTreeSet<Offset>>);

impl Letters {
    /// Whether the letter of a record is kept.
    pub(super) fn has(&self, of: &Of, offset: Offset) -> bool {
        self.0.get(of).is_some_and(|offsets| offsets.contains(&offset))
    }
}

fn of(letter: &DeadLetter) -> Of {
    (letter.group.clone(), letter.partition.clone())
}

/// What a retry topic adds is not the original's.
fn is_a_copys(name: &str) -> bool {
    name.starts_with("millstream-retry-")
}

/// Whether a letter is the record that lies where it says; one that lies there no more is not compared.
fn is_faithful(world: &World, letter: &DeadLetter) -> bool {
    let (place, offset) = (&letter.partition, letter.position.offset);
    let found = world.memory.read(&place.topic, place.partition, offset, 1);
    let Some(original) = found.first().map(|batch| batch.view(0)).filter(|found| found.offset() == offset) else { return true };
    let record = &letter.record;
    let own = original.headers().filter(|(name, _)| !is_a_copys(name));
    let kept = record.headers.iter().map(|(name, value)| (name.as_str(), value.as_deref())).filter(|(name, _)| !is_a_copys(name));
    original.key() == record.key.as_deref()
        && original.value() == record.value.as_deref()
        && record.timestamp == Some(original.timestamp())
        && own.eq(kept)
}

impl Checks {
    /// The sink keeps a letter.
    pub(crate) fn kept(&mut self, world: &World, letter: &DeadLetter) {
        if !is_faithful(world, letter) {
            let text = format!("the letter of {}@{} is not the record it was", letter.partition, letter.position.offset);
            self.violated("I6", world.at(), text);
        }
        self.letters.0.entry(of(letter)).or_default().insert(letter.position.offset);
    }

    /// The sink has lost a letter of a partition that its group has committed so far: what is not settled without it must not be
    /// below that, nor below a later commit.
    pub(crate) fn lost(&mut self, letter: &DeadLetter, committed: Offset, at: Duration) {
        let (of, offset) = (of(letter), letter.position.offset);
        self.letters.0.entry(of.clone()).or_default().remove(&offset);
        self.settled.doubt(&of.0);
        let id = id_of(letter.record.value.as_deref()).map(EventKey::as_u128);
        if offset < committed && !self.is_settled_as(&of, offset, id) {
            let text = format!("the letter of {}@{offset}, which {} has committed, was accepted and is lost", of.1, of.0);
            self.violated("I1", at, text);
        }
    }
}
