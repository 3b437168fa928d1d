//! The ids of outputs, derived from their cause and their slot.
//!
//! A redelivered input gives its outputs the *same* ids again, so that the next service's
//! deduplicator drops them: a pipeline is effectively once from end to end without transactions.
//! Which outputs an attempt has, and that a name is used once in it, is left to the handler's
//! room.
//!
//! # Byte layout
//!
//! Another language makes the same ids as follows. `part(x)` is the length of `x` as four bytes,
//! little end first, then `x`; text is UTF-8; `‖` joins; XXH3-128 has seed 0 and no secret, and
//! its result is written with its highest byte first (XXH's canonical form).
//!
//! ```text
//! scope  = XXH3-128( part("millstream-causal-1") ‖ part(run: 4 bytes, little end first)
//!                    ‖ part(group) ‖ part(handler) )
//! slot   = 0x01 ‖ part(topic) ‖ part(type) ‖ part(key) ‖ nth: 8 bytes, little end first    emit
//!        | 0x02 ‖ part(topic) ‖ part(type) ‖ part(key) ‖ nth: 8 bytes, little end first    publish
//!        | 0x03 ‖ part(topic) ‖ part(name)                                                 named
//! hash   = XXH3-128( scope: 16 bytes ‖ cause's key: 16 bytes ‖ slot )
//! id     = UUID version 7: 48 bits of the cause's milliseconds,
//!          then the low 74 bits of `hash`: its bits 73..62, and, after the variant, 61..0
//! ```
//!
//! `topic` is the logical one (without `.retry.{n}`), `nth` counts from 0 the outputs of one
//! attempt that are equal in verb, topic, type and key. The cause's key is the 16 bytes of
//! [`EventKey`], first byte first; its milliseconds are those in its id if that is of version 7,
//! else those of its envelope's timestamp (0 when before 1970), else 0. Frozen vectors are in
//! `tests/envelope_causal_vectors.rs`.
//!
//! [`EventId::derive`] is for ids without a single cause:
//! `XXH3-128( part("millstream-derive-1") ‖ part(name) ‖ part(p) for each p )`, with 0 ms.

use xxhash_rust::xxh3::{Xxh3, xxh3_128};

use super::head::Head;
use super::id::{EventId, EventKey};
use super::timestamp::Timestamp;

const SCOPE_TAG: &[u8] = b"millstream-causal-1";
const DERIVE_TAG: &[u8] = b"millstream-derive-1";

/// Who derives ids: one handler of one group, in one run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CausalScope {
    hash: [u8; 16],
}

/// What an output follows from: the input's id, and the time that goes into the output's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cause {
    /// The input's id.
    pub id: EventKey,
    /// Milliseconds since 1970; its low 48 bits are used.
    pub millis: u64,
}

/// Which output of its cause this is. Different slots have different ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Slot<'a> {
    /// Published if the attempt returns `Ok`.
    Emit(Place<'a>),
    /// Published at once.
    Publish(Place<'a>),
    /// Named by the user, who emits outputs whose number or order may vary.
    Named {
        /// The logical topic it goes to.
        topic: &'a str,
        /// The user's name for it.
        name: &'a str,
    },
}

/// What tells an output from the others of its attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    /// The logical topic it goes to.
    pub topic: &'a str,
    /// Its event type.
    pub event_type: &'a str,
    /// The record's key; empty when it has none.
    pub key: &'a [u8],
    /// How many outputs equal in verb, topic, type and key came before it in this attempt.
    pub nth: u64,
}

impl CausalScope {
    /// The scope of a handler. `run` is 0 until a group is reset to process again.
    #[must_use]
    pub fn new(run: u32, group: &str, handler: &str) -> Self {
        let mut parts = Parts::new();
        parts.part(SCOPE_TAG);
        parts.part(&run.to_le_bytes());
        parts.part(group.as_bytes());
        parts.part(handler.as_bytes());
        Self {
            hash: parts.hash().to_be_bytes(),
        }
    }

    /// The id of the output in `slot` of `cause`.
    #[must_use]
    pub fn output(&self, cause: Cause, slot: &Slot<'_>) -> EventId {
        let mut parts = Parts::new();
        parts.fixed(&self.hash);
        parts.fixed(&cause.id.as_u128().to_be_bytes());
        match slot {
            Slot::Emit(place) => parts.place(1, place),
            Slot::Publish(place) => parts.place(2, place),
            Slot::Named { topic, name } => {
                parts.fixed(&[3]);
                parts.part(topic.as_bytes());
                parts.part(name.as_bytes());
            }
        }
        EventId::v7(cause.millis, parts.hash())
    }
}

impl Cause {
    /// The cause with this id, and its envelope's time if it is known.
    #[must_use]
    pub fn new(id: EventKey, timestamp: Option<Timestamp>) -> Self {
        let millis = match (id.millis(), timestamp) {
            (Some(millis), _) => millis,
            (None, Some(time)) => u64::try_from(time.as_millis()).unwrap_or(0),
            (None, None) => 0,
        };
        Self { id, millis }
    }

    /// The cause that `head` describes; `value` is what was scanned.
    #[must_use]
    pub fn of(head: &Head, value: &[u8]) -> Self {
        match head.key().millis() {
            Some(millis) => Self {
                id: head.key(),
                millis,
            },
            None => Self::new(head.key(), head.timestamp(value)),
        }
    }
}

impl EventId {
    /// An id that follows from a name and parts, for events without a single cause: fan-in, joins
    /// and timers. Equal parts make equal ids, whoever asks: put in whatever must tell them apart,
    /// the namespace and the group too.
    #[must_use]
    pub fn derive(name: &str, parts: &[&[u8]]) -> Self {
        let mut all = Parts::new();
        all.part(DERIVE_TAG);
        all.part(name.as_bytes());
        for part in parts {
            all.part(part);
        }
        Self::v7(0, all.hash())
    }
}

/// Parts to be hashed, gathered on the stack; what is longer is hashed as it comes.
struct Parts {
    buffer: [u8; 240],
    len: usize,
    long: Option<Box<Xxh3>>,
}

impl Parts {
    fn new() -> Self {
        Self {
            buffer: [0; 240],
            len: 0,
            long: None,
        }
    }

    fn place(&mut self, verb: u8, place: &Place<'_>) {
        self.fixed(&[verb]);
        self.part(place.topic.as_bytes());
        self.part(place.event_type.as_bytes());
        self.part(place.key);
        self.fixed(&place.nth.to_le_bytes());
    }

    fn part(&mut self, part: &[u8]) {
        let len = u32::try_from(part.len()).expect("no part has 4 GiB");
        self.fixed(&len.to_le_bytes());
        self.fixed(part);
    }

    #[inline]
    fn fixed(&mut self, bytes: &[u8]) {
        match self.buffer.get_mut(self.len..self.len + bytes.len()) {
            Some(room) if self.long.is_none() => {
                room.copy_from_slice(bytes);
                self.len += bytes.len();
            }
            _ => self.spill(bytes),
        }
    }

    #[cold]
    fn spill(&mut self, bytes: &[u8]) {
        let gathered = &self.buffer[..self.len];
        let long = self.long.get_or_insert_with(|| {
            let mut long = Box::new(Xxh3::new());
            long.update(gathered);
            long
        });
        long.update(bytes);
    }

    fn hash(&self) -> u128 {
        match &self.long {
            None => xxh3_128(&self.buffer[..self.len]),
            Some(long) => long.digest128(),
        }
    }
}
