//! Ids of events as 128 bits: the ones we make, and the keys by which any id is known.
//!
//! How an output's id follows from its cause is in `causal`; how ids of any text are kept is in
//! `wire_id`. Neither a clock nor randomness is read here: both come in as arguments.

use std::fmt;
use std::str::FromStr;

use serde::de::Error as _;
use xxhash_rust::xxh3::xxh3_128;

use super::error::IdError;
use super::hex;

/// An id made by the framework: a UUID, in text always hyphenated and in lower case.
///
/// Ids that came from elsewhere may be any text and are held by [`WireId`](super::WireId).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventId(u128);

impl EventId {
    /// The id with these 128 bits, first byte first.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits, first byte highest.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// A UUID of version 7: 48 bits of `millis` since 1970 and the low 74 bits of `random`.
    #[must_use]
    pub const fn v7(millis: u64, random: u128) -> Self {
        let time = (millis as u128 & 0xffff_ffff_ffff) << 80;
        let high = (random >> 62 & 0xfff) << 64;
        let low = random & 0x3fff_ffff_ffff_ffff;
        Self(time | 7 << 76 | high | 0b10 << 62 | low)
    }

    /// The version nibble: 7 for the ids made here.
    #[must_use]
    pub const fn version(self) -> u8 {
        (self.0 >> 76 & 0xf) as u8
    }

    /// Milliseconds since 1970, of an id of version 7; `None` for any other.
    ///
    /// For stamping the ids of outputs only: no expiry, order or retention may follow from it.
    #[must_use]
    pub const fn millis(self) -> Option<u64> {
        let rfc = self.0 >> 62 & 0b11 == 0b10;
        if self.version() == 7 && rfc { Some((self.0 >> 80) as u64) } else { None }
    }

    /// The key of this id.
    #[must_use]
    pub const fn key(self) -> EventKey {
        EventKey(self.0)
    }

    /// The text, as 36 ASCII bytes.
    #[must_use]
    pub fn to_ascii(self) -> [u8; 36] {
        hex::hyphenated(self.0)
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(std::str::from_utf8(&self.to_ascii()).expect("hexadecimal digits are ASCII"))
    }
}

impl fmt::Debug for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventId({self})")
    }
}

impl FromStr for EventId {
    type Err = IdError;

    /// Reads 36 hyphenated characters in either case.
    fn from_str(text: &str) -> Result<Self, IdError> {
        hex::any_uuid(text.as_bytes()).map(Self).ok_or_else(|| IdError::not_uuid(text))
    }
}

impl serde::Serialize for EventId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for EventId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// What any event id is known by inside: 128 bits, cheap to copy, compare and hash.
///
/// - A UUID text (36 characters, hyphenated, either case) is its own 128 bits, so two spellings
///   of one UUID have one key.
/// - Any other text is its XXH3-128 (seed 0), with the version nibble set to 8 and the variant
///   bits to `10`, so that it never equals an id of version 4 or 7.
/// - A record without an id is known by its position, hashed and marked in the same way.
///
/// Never a shorter hash: two events with one key are one event to the deduplicator, and the second
/// is *dropped*. With 32 bits that is likely after 77,000 events; with the 122 bits left here it
/// stays below one in 10¹² after 10¹² events. XXH3 is no cryptographic hash: whoever may choose
/// ids freely may choose two that collide, as they may simply use one id twice.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EventKey(u128);

impl EventKey {
    /// The key of an id's text. The text is not checked: `WireId` and the scan do that.
    #[must_use]
    pub fn of_text(text: &str) -> Self {
        match hex::any_uuid(text.as_bytes()) {
            Some(bits) => Self(bits),
            None => Self::of_other_text(text.as_bytes()),
        }
    }

    /// The key of text that is no UUID.
    #[inline(never)]
    pub(super) fn of_other_text(text: &[u8]) -> Self {
        Self::hashed(text)
    }

    /// The key of a record that has no id: where it was first written. `topic_id` tells a
    /// recreated topic from the old one of the same name.
    #[must_use]
    pub fn of_position(topic_id: u128, partition: u32, offset: u64) -> Self {
        // A tag with a byte no id may have, then fixed-width parts: no id's text and no other
        // position has these bytes.
        let mut bytes = [0; 22 + 16 + 4 + 8];
        bytes[..22].copy_from_slice(b"millstream-position-1\0");
        bytes[22..38].copy_from_slice(&topic_id.to_be_bytes());
        bytes[38..42].copy_from_slice(&partition.to_be_bytes());
        bytes[42..].copy_from_slice(&offset.to_be_bytes());
        Self::hashed(&bytes)
    }

    pub(super) const fn marked(bits: u128) -> Self {
        Self(bits & !(0xf << 76) & !(0b11 << 62) | 8 << 76 | 0b10 << 62)
    }

    fn hashed(bytes: &[u8]) -> Self {
        Self::marked(xxh3_128(bytes))
    }

    /// The key with these 128 bits.
    #[must_use]
    pub const fn from_u128(bits: u128) -> Self {
        Self(bits)
    }

    /// The 128 bits.
    #[must_use]
    pub const fn as_u128(self) -> u128 {
        self.0
    }

    /// The key as a UUID: of a UUID that UUID, of anything else one of version 8.
    #[must_use]
    pub const fn as_event_id(self) -> EventId {
        EventId(self.0)
    }

    /// Milliseconds since 1970 when the id is a UUID of version 7.
    #[must_use]
    pub const fn millis(self) -> Option<u64> {
        EventId(self.0).millis()
    }
}

impl fmt::Debug for EventKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EventKey({})", EventId(self.0))
    }
}

impl From<EventId> for EventKey {
    fn from(id: EventId) -> Self {
        id.key()
    }
}
