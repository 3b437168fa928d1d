//! Owns the entries of one worker on their way into the table's topic: behind their outputs, in order, one request at a time,
//! and again until they are acknowledged.
//!
//! One request at a time keeps their order without idempotence: nothing later is under way when one is sent again.

use crate::clock::MonoTime;
use crate::contract::{AnyProducer, Receipt};
use crate::contract::{Error, Offset, Produce, RecordSet, RecordSetBuilder, TopicPartition};
use crate::handler::POSITION_HEADER;
use crate::service::client_meters::Watch;
use crate::service::outbox::send;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A record of the tail: its generation, and its number there. Later ones are higher.
pub(crate) type Owner = (u64, u32);

/// Records in one request. 512: a consumer's batch again.
const MOST: usize = 512;

/// One entry on its way.
pub(crate) struct Write {
    pub(crate) key: Box<[u8]>,
    /// The last record in it.
    pub(crate) at: Offset,
    pub(crate) record: RecordSet,
    /// Whether all its record led to is acknowledged.
    pub(crate) ready: bool,
}

type Sending = Pin<Box<dyn Future<Output = Vec<Result<Receipt, Error>>> + Send>>;

/// The entries of one worker that are not acknowledged yet.
#[derive(Default)]
pub(crate) struct Writes {
    waiting: BTreeMap<Owner, Write>,
    sending: Option<(Sending, Vec<(Owner, Write)>)>,
    /// Whether there may be something to send.
    stirred: bool,
    pub(crate) not_before: Option<MonoTime>,
    pub(crate) failures: u32,
}

/// What a request's end means.
pub(crate) struct Written {
    /// Those that need not be written any more.
    pub(crate) done: Vec<Owner>,
    /// Why others are to be written again.
    pub(crate) failed: Option<Error>,
}

impl Writes {
    /// How many are not acknowledged.
    pub(crate) fn len(&self) -> usize {
        self.waiting.len() + self.sending.as_ref().map_or(0, |(_, writes)| writes.len())
    }

    /// When the next try is due.
    pub(crate) fn due(&self) -> Option<MonoTime> {
        self.not_before.filter(|_| self.sending.is_none() && !self.waiting.is_empty())
    }

    /// Takes one more in.
    pub(crate) fn push(&mut self, owner: Owner, write: Write) {
        self.stirred |= write.ready;
        self.waiting.insert(owner, write);
    }

    /// All that this one's record led to is acknowledged, or will never be.
    pub(crate) fn ready(&mut self, owner: Owner) {
        if let Some(write) = self.waiting.get_mut(&owner) {
            write.ready = true;
            self.stirred = true;
        }
    }

    /// Sends what may be sent of generations below `handed_over`; answers whether it did. `letters` says what stands behind an
    /// entry's position: asked now and not before, for the letter of its own record may be among them.
    pub(crate) fn send(
        &mut self,
        place: &TopicPartition,
        producer: &AnyProducer,
        watch: &Watch,
        now: MonoTime,
        handed_over: u64,
        mut letters: impl FnMut(&[u8], Offset) -> String,
    ) -> bool {
        if !self.stirred || self.sending.is_some() || self.not_before.is_some_and(|at| at > now) {
            return false;
        }
        self.not_before = None;
        let next = self.next(handed_over);
        self.stirred = next.len() == MOST || self.waiting.last_key_value().is_some_and(|(owner, _)| owner.0 >= handed_over);
        if next.is_empty() {
            return false;
        }
        let writes: Vec<(Owner, Write)> = next.into_iter().filter_map(|owner| self.waiting.remove_entry(&owner)).collect();
        let mut builder = RecordSetBuilder::new(0);
        for (offset, (_, write)) in (0..).zip(&writes) {
            push(&mut builder, offset, &write.record, &letters(&write.key, write.at));
        }
        let produce = Produce::new(vec![place.clone()], vec![0; writes.len()], builder.build());
        let (producer, watch) = (producer.clone(), watch.clone());
        let sending = Box::pin(async move { send(&producer, &produce, &watch).await });
        self.sending = Some((sending, writes));
        true
    }

    /// Those to be sent next: ready, and with none before them with their key that is not. Their generation is handed over:
    /// the tail would not know whose one is that is acknowledged before.
    fn next(&self, handed_over: u64) -> Vec<Owner> {
        let mut blocked: BTreeSet<&[u8]> = BTreeSet::new();
        let mut next = Vec::new();
        for (owner, write) in self.waiting.range(..(handed_over, 0)) {
            if write.ready && !blocked.contains(&*write.key) {
                next.push(*owner);
                if next.len() == MOST {
                    break;
                }
            } else {
                blocked.insert(&write.key);
            }
        }
        next
    }

    /// Looks after the request under way.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Written> {
        let Some((sending, _)) = &mut self.sending else { return Poll::Pending };
        let Poll::Ready(answers) = sending.as_mut().poll(cx) else { return Poll::Pending };
        let writes = self.sending.take().map(|(_, writes)| writes).unwrap_or_default();
        let mut written = Written { done: Vec::new(), failed: None };
        // One that failed behind which a later one of its key has landed is out of date: written now it would be the last.
        let mut landed: BTreeSet<Box<[u8]>> = BTreeSet::new();
        for ((owner, write), answer) in writes.into_iter().zip(answers).rev() {
            match answer {
                Ok(_) => {
                    written.done.push(owner);
                    landed.insert(write.key);
                }
                Err(_) if landed.contains(&write.key) => written.done.push(owner),
                Err(error) => {
                    written.failed = Some(error);
                    self.waiting.insert(owner, write);
                }
            }
        }
        self.stirred = true;
        written.done.reverse();
        Poll::Ready(written)
    }

    /// Drops all: the epoch is over.
    pub(crate) fn abandon(&mut self) {
        *self = Writes::default();
    }
}

/// Appends an entry, with `letters` behind its position.
fn push(builder: &mut RecordSetBuilder, offset: Offset, entry: &RecordSet, letters: &str) {
    let record = entry.view(0);
    if letters.is_empty() {
        return builder.push_view(offset, -1, record);
    }
    for (name, value) in record.headers() {
        match value.filter(|_| name == POSITION_HEADER) {
            Some(position) => builder.header(name, Some(&[position, letters.as_bytes()].concat())),
            None => builder.header(name, value),
        }
    }
    builder.push(offset, -1, record.key(), record.value());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(key: &[u8], ready: bool) -> Write {
        Write { key: key.into(), at: 0, record: RecordSetBuilder::new(0).build(), ready }
    }

    #[test]
    fn an_entry_that_is_ready_waits_for_those_before_it_with_its_key_and_no_others() {
        let mut writes = Writes::default();
        writes.push((1, 0), write(b"a", false));
        writes.push((1, 1), write(b"a", true));
        writes.push((1, 2), write(b"b", true));
        assert_eq!(writes.next(2), [(1, 2)]);
        writes.ready((1, 0));
        assert_eq!(writes.next(2), [(1, 0), (1, 1), (1, 2)]);
    }

    #[test]
    fn an_entry_whose_generation_is_not_handed_over_is_not_sent() {
        let mut writes = Writes::default();
        writes.push((1, 0), write(b"a", true));
        writes.push((2, 0), write(b"b", true));
        assert_eq!(writes.next(1), []);
        assert_eq!(writes.next(2), [(1, 0)]);
        assert_eq!(writes.next(3), [(1, 0), (2, 0)]);
    }
}
