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
        let mut all = Xxh3::new();
        all.part(SCOPE_TAG);
        all.part(&run.to_le_bytes());
        all.part(group.as_bytes());
        all.part(handler.as_bytes());
        Self { hash: all.digest128().to_be_bytes() }
    }

    /// The id of the output in `slot` of `cause`.
    #[must_use]
    pub fn output(&self, cause: Cause, slot: &Slot<'_>) -> EventId {
        let hash = if slot.room() <= Short::ROOM {
            let mut short = Short { bytes: [0; Short::ROOM], len: 0 };
            self.feed(&mut short, cause, slot);
            xxh3_128(&short.bytes[..short.len])
        } else {
            self.long_hash(cause, slot)
        };
        EventId::v7(cause.millis, hash)
    }

    /// The id of the span that an attempt is: the same at each redelivery, another one at each retry. By the byte layout
    /// above it is the lower half of `XXH3-128( scope ‖ cause's key ‖ 0x04 ‖ attempt: 4 bytes, little end first )`, or 1
    /// where that is 0.
    #[must_use]
    pub fn span_id(&self, cause: Cause, attempt: u32) -> u64 {
        let mut bytes = [4; 37];
        bytes[..16].copy_from_slice(&self.hash);
        bytes[16..32].copy_from_slice(&cause.id.as_u128().to_be_bytes());
        bytes[33..].copy_from_slice(&attempt.to_le_bytes());
        (xxh3_128(&bytes) as u64).max(1)
    }

    #[cold]
    fn long_hash(&self, cause: Cause, slot: &Slot<'_>) -> u128 {
        let mut long = Xxh3::new();
        self.feed(&mut long, cause, slot);
        long.digest128()
    }

    #[inline]
    fn feed(&self, sink: &mut impl Sink, cause: Cause, slot: &Slot<'_>) {
        sink.put(&self.hash);
        sink.put(&cause.id.as_u128().to_be_bytes());
        let (verb, place) = match slot {
            Slot::Emit(place) => (1, place),
            Slot::Publish(place) => (2, place),
            Slot::Named { topic, name } => {
                sink.put(&[3]);
                sink.part(topic.as_bytes());
                sink.part(name.as_bytes());
                return;
            }
        };
        sink.put(&[verb]);
        sink.part(place.topic.as_bytes());
        sink.part(place.event_type.as_bytes());
        sink.part(place.key);
        sink.put(&place.nth.to_le_bytes());
    }
}

impl Slot<'_> {
    /// At least as many bytes as an output's parts take.
    fn room(&self) -> usize {
        const FIXED: usize = 16 + 16 + 1 + 3 * 4 + 8;
        let texts = match self {
            Self::Emit(place) | Self::Publish(place) => place.topic.len() + place.event_type.len() + place.key.len(),
            Self::Named { topic, name } => topic.len() + name.len(),
        };
        FIXED + texts
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
            Some(millis) => Self { id: head.key(), millis },
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
        let mut all = Xxh3::new();
        all.part(DERIVE_TAG);
        all.part(name.as_bytes());
        for part in parts {
            all.part(part);
        }
        Self::v7(0, all.digest128())
    }
}

/// What parts are put into on their way to the hash.
trait Sink {
    fn put(&mut self, bytes: &[u8]);

    #[inline]
    fn part(&mut self, part: &[u8]) {
        let len = u32::try_from(part.len()).expect("no part has 4 GiB");
        self.put(&len.to_le_bytes());
        self.put(part);
    }
}

/// The parts of a usual output, gathered to be hashed in one piece.
struct Short {
    bytes: [u8; Self::ROOM],
    len: usize,
}

impl Short {
    const ROOM: usize = 240;
}

impl Sink for Short {
    #[inline]
    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }
}

impl Sink for Xxh3 {
    fn put(&mut self, bytes: &[u8]) {
        self.update(bytes);
    }
}
