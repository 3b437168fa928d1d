//! The head of a scanned envelope: where its texts stand, in 64 bytes.
//!
//! Made by `scan`; the data are decoded by `tail`.

use std::borrow::Cow;

use super::content_mode::ContentMode;
use super::id::EventKey;
use super::limits::string_end;
use super::timestamp::Timestamp;

/// What a scan found: the id's key, and where the other texts of the envelope stand.
///
/// It holds positions, not text: hand its methods the very bytes that were scanned. With other
/// bytes they answer nonsense or nothing, but never panic. Of a CloudEvent in binary mode the texts
/// stand in headers, and these methods do not find them; [`Metadata`](super::Metadata) does, in
/// every mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub(super) key: EventKey,
    pub(super) starts: [u32; Field::TEXTS],
    pub(super) data_at: u32,
    pub(super) schema_version: u32,
    pub(super) lens: [u8; Field::TEXTS],
    pub(super) flags: u16,
}

/// The fields of an envelope; those of text come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Id,
    Type,
    Timestamp,
    Source,
    Correlation,
    Causation,
    Broker,
    SchemaVersion,
    Data,
}

impl Field {
    /// How many fields are text.
    pub(super) const TEXTS: usize = 7;

    /// The field with this name in JSON.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        Some(match name {
            b"id" => Self::Id,
            b"type" | b"event_type" => Self::Type,
            b"timestamp" => Self::Timestamp,
            b"source" => Self::Source,
            b"correlation_id" => Self::Correlation,
            b"causation_id" => Self::Causation,
            b"broker" => Self::Broker,
            b"schema_version" => Self::SchemaVersion,
            b"data" => Self::Data,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::Type => "type",
            Self::Timestamp => "timestamp",
            Self::Source => "source",
            Self::Correlation => "correlation_id",
            Self::Causation => "causation_id",
            Self::Broker => "broker",
            Self::SchemaVersion => "schema_version",
            Self::Data => "data",
        }
    }

    pub(super) const fn bit(self) -> u16 {
        1 << self as u16
    }
}

impl Head {
    /// Some text has escapes and must be decoded to be read.
    pub(super) const ESCAPED: u16 = 1 << 14;
    /// The scan went to the end of the envelope; else it stopped at the data.
    pub(super) const WHOLE: u16 = 1 << 15;
    /// A CloudEvent in binary mode: the texts stand in the record's headers.
    pub(super) const BINARY: u16 = 1 << 13;
    /// A CloudEvent in structured mode.
    pub(super) const STRUCTURED: u16 = 1 << 12;
    /// The data are declared to be something else than JSON.
    pub(super) const OPAQUE: u16 = 1 << 11;
    /// Where data begin that do not stand as JSON in an object: past the end of every value.
    pub(super) const ELSEWHERE: u32 = u32::MAX;
    /// A length that says: longer than a byte can tell (by escapes), look for the quote.
    pub(super) const LONG: u8 = u8::MAX;

    pub(super) const EMPTY: Self = Self {
        key: EventKey::from_u128(0),
        starts: [0; Field::TEXTS],
        data_at: 0,
        schema_version: 1,
        lens: [0; Field::TEXTS],
        flags: 0,
    };

    /// The head of what is no envelope: its data begin at 0, where no envelope's do.
    #[must_use]
    pub const fn none() -> Self {
        Self::EMPTY
    }

    /// Whether this is the head of an event, and not [`none`](Self::none).
    #[must_use]
    #[inline]
    pub const fn is_some(&self) -> bool {
        self.data_at > 0
    }

    /// How the event lies in its record.
    #[must_use]
    pub const fn content_mode(&self) -> ContentMode {
        match self.flags & (Self::BINARY | Self::STRUCTURED) {
            0 => ContentMode::Envelope,
            Self::BINARY => ContentMode::CloudEventsBinary,
            _ => ContentMode::CloudEventsStructured,
        }
    }

    pub(super) const fn is_binary(&self) -> bool {
        self.flags & Self::BINARY != 0
    }

    /// What the event is known by inside.
    #[must_use]
    pub const fn key(&self) -> EventKey {
        self.key
    }

    /// Whether the envelope has an id of its own; else the key is the one given to
    /// [`scan_or_else`](super::scan_or_else).
    #[must_use]
    pub const fn has_id(&self) -> bool {
        self.has(Field::Id)
    }

    /// The id; without one, the key as a UUID.
    #[must_use]
    pub fn id<'v>(&self, value: &'v [u8]) -> Cow<'v, str> {
        if self.has_id() {
            self.text(value, Field::Id).unwrap_or_default()
        } else {
            Cow::Owned(self.key.as_event_id().to_string())
        }
    }

    /// The event type.
    #[must_use]
    pub fn event_type<'v>(&self, value: &'v [u8]) -> Cow<'v, str> {
        self.text(value, Field::Type).unwrap_or_default()
    }

    /// When it happened.
    #[must_use]
    pub fn timestamp(&self, value: &[u8]) -> Option<Timestamp> {
        Timestamp::parse(self.text(value, Field::Timestamp)?.as_bytes())
    }

    /// The service that published it.
    #[must_use]
    pub fn source<'v>(&self, value: &'v [u8]) -> Cow<'v, str> {
        self.text(value, Field::Source).unwrap_or_default()
    }

    /// What it belongs to: the id itself where the envelope does not say.
    #[must_use]
    pub fn correlation_id<'v>(&self, value: &'v [u8]) -> Cow<'v, str> {
        self.text(value, Field::Correlation).unwrap_or_else(|| self.id(value))
    }

    /// The event it follows from, unless it is a root.
    #[must_use]
    pub fn causation_id<'v>(&self, value: &'v [u8]) -> Option<Cow<'v, str>> {
        self.text(value, Field::Causation)
    }

    /// The namespace, for audits.
    #[must_use]
    pub fn broker<'v>(&self, value: &'v [u8]) -> Option<Cow<'v, str>> {
        self.text(value, Field::Broker)
    }

    /// The version of the data's schema.
    #[must_use]
    pub const fn schema_version(&self) -> u32 {
        self.schema_version
    }

    /// The byte of the value at which its data begin. Past the value's end where a CloudEvent has no `data`, or is in
    /// binary mode, where all of the value is.
    #[must_use]
    pub const fn data_at(&self) -> usize {
        self.data_at as usize
    }

    /// The bytes of the correlation id and the id, if both stand there without escapes. They are no longer than a length
    /// can tell.
    pub(crate) fn plain_ids<'v>(&self, value: &'v [u8]) -> Option<(&'v [u8], &'v [u8])> {
        let text = |field: Field| {
            let start = self.starts[field as usize] as usize;
            value.get(start..start + usize::from(self.lens[field as usize]))
        };
        if self.flags & (Self::ESCAPED | Field::Id.bit()) != Field::Id.bit() {
            return None;
        }
        let id = text(Field::Id)?;
        let correlation = if self.lens[Field::Correlation as usize] == 0 { id } else { text(Field::Correlation)? };
        Some((correlation, id))
    }

    pub(super) const fn has(&self, field: Field) -> bool {
        self.flags & field.bit() != 0
    }

    fn text<'v>(&self, value: &'v [u8], field: Field) -> Option<Cow<'v, str>> {
        let start = self.starts[field as usize] as usize;
        let len = match self.lens[field as usize] {
            0 => return None,
            Self::LONG => string_end(value, start)?.checked_sub(start)?,
            len => usize::from(len),
        };
        let text = value.get(start..start.checked_add(len)?)?;
        if self.flags & Self::ESCAPED != 0 && text.contains(&b'\\') {
            let quoted = value.get(start.checked_sub(1)?..start + len + 1)?;
            return serde_json::from_slice::<String>(quoted).ok().map(Cow::Owned);
        }
        std::str::from_utf8(text).ok().map(Cow::Borrowed)
    }
}
