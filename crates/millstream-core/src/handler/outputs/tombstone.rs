//! Owns the output that has no event: a tombstone, which says that its key is gone. Leaves all others to `outputs`.

use super::{EMIT, Outputs};
use crate::contract::RecordSetBuilder;
use crate::envelope::{EventId, Key, Place, Slot};
use crate::handler::emit_error::EmitError;
use crate::handler::output::Output;
use crate::handler::writing::check_key;
use crate::topic::Address;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// In a slot, in place of the event type that a tombstone has not: no event's is empty.
const NO_TYPE: &str = "";

impl Outputs {
    /// Sends a tombstone out if this attempt returns `Ok`: a record without a value, by which a compacted topic forgets what
    /// it has under this key, and who reads it as `Option<Event<T>>` is told.
    ///
    /// It is no event and carries no envelope, so its id is not on the wire: who reads it knows it by its position, and one
    /// that is sent again (after a crash) is read again. To be told twice that a key is gone does no harm.
    ///
    /// # Errors
    /// If it cannot go there, is one too many, or its key is empty or too long. Nothing of it goes out then.
    #[must_use = "without `?` a refused output is missing, and its record still counts as done"]
    pub fn tombstone<'k>(&mut self, to: impl Address, key: impl Into<Key<'k>>) -> Result<EventId, EmitError> {
        let index = self.to.len();
        if index >= self.context.most {
            return Err(EmitError::TooMany(self.context.most));
        }
        let destination = self.destination(&to)?;
        let key = key.into();
        let key = key.as_bytes();
        check_key(key, &self.context.limits)?;
        let found = &self.destinations[destination];
        let slot = xxh3_64_with_seed(key, xxh3_64_with_seed(NO_TYPE.as_bytes(), found.logical ^ EMIT));
        let nth = self.slots.iter().filter(|&&known| known == slot).count() as u64;
        self.slots.push(slot);
        let place = Place { topic: found.topic.logical_name(), event_type: NO_TYPE, key, nth };
        let id = self.context.scope.output(self.cause, &Slot::Emit(place));
        let write = |records: &mut RecordSetBuilder, offset: u64| {
            for (name, value) in self.attached.iter() {
                records.header(name, Some(value));
            }
            records.push(offset, -1, Some(key), None);
        };
        write(&mut self.records, index as u64);
        self.to.push(u32::try_from(destination).unwrap_or(u32::MAX));
        if let Some(recorded) = &mut self.recorded {
            recorded.push(Output::new(found.topic.clone(), id, NO_TYPE, |records| write(records, 0)));
        }
        Ok(id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::{Namespace, Sibling, Topic};

    const BOOK: Sibling = Sibling::new("orders", "book");

    #[test]
    fn a_tombstone_has_a_key_and_no_value_and_says_so() {
        let mut out = Outputs::of(&Topic::literal("paper.orders.new"));
        out.attach_header("tenant", "blue").expect("a header of its own");
        let ids = [(); 2].map(|()| out.tombstone(BOOK, 7_u32).expect("it fits"));
        assert_ne!(ids[0], ids[1], "each has its number");
        assert_eq!((out.len(), out[0].key(), out[0].header("tenant")), (2, &b"7"[..], Some("blue")));
        assert!(out[0].is_tombstone() && out[0].record().value().is_none());
        assert_eq!(out[0].to_string(), "tombstone to paper.orders.book with key `7`");
    }

    #[test]
    fn a_tombstone_is_refused_as_an_event_would_be() {
        let mut out = Outputs::of(&Topic::literal("paper.orders.new"));
        assert!(matches!(out.tombstone(BOOK, ""), Err(EmitError::EmptyKey)));
        let across = out.tombstone(BOOK.of(Namespace::literal("zerodha")), "k");
        assert!(matches!(across, Err(EmitError::Address(_))));
        assert!(out.is_empty());
    }
}
