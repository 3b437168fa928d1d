//! Ids as envelopes carry them: any text of the allowed characters, kept as it came.

use std::fmt;
use std::str::FromStr;

use super::error::IdError;
use super::id::{EventId, EventKey};
use super::text;

/// An id as it stands in an envelope: `id`, `correlation_id` or `causation_id`.
///
/// 1 to 128 bytes of `[A-Za-z0-9._:-]`. A canonical UUID (lower case) is held as its bits, any
/// other text as text, so that it is written again byte for byte. Equality is that of the text;
/// the [`key`](Self::key) is what makes two spellings of one UUID the same event.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct WireId(Repr);

#[derive(Clone, PartialEq, Eq, Hash)]
enum Repr {
    Uuid(EventId),
    Text(Box<str>),
}

impl WireId {
    /// Reads an id of any allowed text.
    ///
    /// # Errors
    ///
    /// When it is empty, longer than 128 bytes, or has another character.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        Ok(IdRef::parse(text)?.to_wire_id())
    }

    /// What this id is known by inside.
    #[must_use]
    pub fn key(&self) -> EventKey {
        match &self.0 {
            Repr::Uuid(id) => id.key(),
            Repr::Text(text) => EventKey::of_text(text),
        }
    }

    /// The id as a UUID, when its text is a canonical one.
    #[must_use]
    pub fn as_event_id(&self) -> Option<EventId> {
        match self.0 {
            Repr::Uuid(id) => Some(id),
            Repr::Text(_) => None,
        }
    }

    /// A borrowed form, for writing.
    #[must_use]
    pub fn as_ref(&self) -> IdRef<'_> {
        IdRef(match &self.0 {
            Repr::Uuid(id) => RefRepr::Uuid(*id),
            Repr::Text(text) => RefRepr::Text(text),
        })
    }
}

impl From<EventId> for WireId {
    fn from(id: EventId) -> Self {
        Self(Repr::Uuid(id))
    }
}

impl FromStr for WireId {
    type Err = IdError;

    fn from_str(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl TryFrom<&str> for WireId {
    type Error = IdError;

    fn try_from(text: &str) -> Result<Self, IdError> {
        Self::parse(text)
    }
}

impl PartialEq<EventId> for WireId {
    fn eq(&self, other: &EventId) -> bool {
        self.as_event_id() == Some(*other)
    }
}

impl PartialEq<str> for WireId {
    fn eq(&self, other: &str) -> bool {
        match &self.0 {
            Repr::Uuid(id) => id.to_ascii() == other.as_bytes(),
            Repr::Text(text) => **text == *other,
        }
    }
}

impl PartialEq<&str> for WireId {
    fn eq(&self, other: &&str) -> bool {
        *self == **other
    }
}

impl fmt::Display for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_ref().fmt(f)
    }
}

impl fmt::Debug for WireId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WireId({self})")
    }
}

impl serde::Serialize for WireId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Repr::Uuid(id) => id.serialize(serializer),
            Repr::Text(text) => serializer.serialize_str(text),
        }
    }
}

impl<'de> serde::Deserialize<'de> for WireId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = WireId;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an id")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WireId, E> {
                WireId::parse(text).map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

/// An id borrowed from where it stands, checked; for writing envelopes without allocation.
#[derive(Clone, Copy)]
pub struct IdRef<'a>(RefRepr<'a>);

#[derive(Clone, Copy)]
enum RefRepr<'a> {
    Uuid(EventId),
    Text(&'a str),
    /// Text that was checked where it was read, be it a UUID or not.
    Checked(&'a [u8]),
}

impl<'a> IdRef<'a> {
    /// Reads an id of any allowed text.
    ///
    /// # Errors
    ///
    /// As [`WireId::parse`].
    pub fn parse(text: &'a str) -> Result<Self, IdError> {
        if !text::is_id(text.as_bytes()) {
            return Err(IdError::text(text));
        }
        if text.len() == 36
            && let Ok(id) = text.parse::<EventId>()
            && id.to_ascii() == text.as_bytes()
        {
            return Ok(Self(RefRepr::Uuid(id)));
        }
        Ok(Self(RefRepr::Text(text)))
    }

    /// An id that was read and checked before, to be written as it is.
    #[inline]
    pub(crate) fn checked(text: &'a [u8]) -> Self {
        debug_assert!(text::is_id(text), "it was checked where it was read");
        Self(RefRepr::Checked(text))
    }

    /// An id of its own, which borrows nothing.
    #[must_use]
    pub fn to_wire_id(self) -> WireId {
        WireId(match self.0 {
            RefRepr::Uuid(id) => Repr::Uuid(id),
            RefRepr::Text(text) => Repr::Text(text.into()),
            RefRepr::Checked(text) => {
                return Self::parse(ascii(text)).map_or_else(|_| EventId::from_u128(0).into(), Self::to_wire_id);
            }
        })
    }

    /// Appends the text, which needs no escapes in JSON.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        match self.0 {
            RefRepr::Uuid(id) => out.extend_from_slice(&id.to_ascii()),
            RefRepr::Text(text) => out.extend_from_slice(text.as_bytes()),
            RefRepr::Checked(text) => out.extend_from_slice(text),
        }
    }
}

/// Ids are ASCII.
fn ascii(text: &[u8]) -> &str {
    std::str::from_utf8(text).unwrap_or_default()
}

impl PartialEq for IdRef<'_> {
    /// By their texts.
    fn eq(&self, other: &Self) -> bool {
        match (self.0, other.0) {
            (RefRepr::Uuid(one), RefRepr::Uuid(other)) => one == other,
            _ => self.to_wire_id() == other.to_wire_id(),
        }
    }
}

impl Eq for IdRef<'_> {}

impl From<EventId> for IdRef<'_> {
    fn from(id: EventId) -> Self {
        Self(RefRepr::Uuid(id))
    }
}

impl<'a> From<&'a WireId> for IdRef<'a> {
    fn from(id: &'a WireId) -> Self {
        id.as_ref()
    }
}

impl fmt::Display for IdRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            RefRepr::Uuid(id) => id.fmt(f),
            RefRepr::Text(text) => f.pad(text),
            RefRepr::Checked(text) => f.pad(ascii(text)),
        }
    }
}

impl fmt::Debug for IdRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IdRef({self})")
    }
}
