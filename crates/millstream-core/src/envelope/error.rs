//! What can be wrong with an id, a timestamp or an envelope.
//!
//! None of these is worth a second try with the same bytes: the record is poison, and what becomes
//! of it is decided elsewhere.

use std::fmt;

use super::cloud_event::CloudEventError;
use super::limits::MAX_ID_BYTES;

/// Text that is no id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdError {
    text: Box<str>,
    uuid: bool,
}

impl IdError {
    pub(super) fn text(text: &str) -> Self {
        Self { text: excerpt(text), uuid: false }
    }

    pub(super) fn not_uuid(text: &str) -> Self {
        Self { text: excerpt(text), uuid: true }
    }
}

impl fmt::Display for IdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.uuid {
            return write!(f, "`{}` is no hyphenated UUID of 36 characters", self.text);
        }
        write!(f, "`{}` is no id: 1 to {MAX_ID_BYTES} bytes of A-Z a-z 0-9 . _ : -", self.text)
    }
}

impl std::error::Error for IdError {}

/// Text that is no timestamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimestampError {
    text: Box<str>,
}

impl TimestampError {
    pub(super) fn new(text: &str) -> Self {
        Self { text: excerpt(text) }
    }
}

impl fmt::Display for TimestampError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is no timestamp: write RFC 3339 with an offset, such as 2026-11-25T09:15:00.250Z", self.text)
    }
}

impl std::error::Error for TimestampError {}

/// What the header scan refuses, and at which byte of the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScanError {
    fault: ScanFault,
    at: u32,
}

/// Why a value is no envelope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ScanFault {
    /// The value is longer than [`Limits::value_bytes`](super::Limits::value_bytes).
    TooLarge,
    /// It is nested deeper than [`Limits::depth`](super::Limits::depth).
    TooDeep,
    /// Its first byte is not `{`.
    NotAnObject,
    /// It ends before the object does.
    Truncated,
    /// It is not JSON.
    Syntax,
    /// Something follows the object.
    Trailing,
    /// A field stands twice (`event_type` is `type`).
    Twice(&'static str),
    /// A field is missing.
    Missing(&'static str),
    /// A field holds something of another type.
    Type(&'static str),
    /// An id is empty, longer than 128 bytes, or has a character other than `[A-Za-z0-9._:-]`.
    Id(&'static str),
    /// A text is empty, or longer than 255 bytes.
    Text(&'static str),
    /// The timestamp is not RFC 3339 with an offset.
    Timestamp,
}

impl ScanError {
    pub(super) fn new(fault: ScanFault, at: usize) -> Self {
        Self { fault, at: u32::try_from(at).unwrap_or(u32::MAX) }
    }

    /// Why.
    #[must_use]
    pub fn fault(self) -> ScanFault {
        self.fault
    }

    /// The byte of the value at which it was noticed.
    #[must_use]
    pub fn at(self) -> usize {
        self.at as usize
    }
}

impl fmt::Display for ScanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at;
        match self.fault {
            ScanFault::TooLarge => write!(f, "the value is larger than its limit of {at} bytes"),
            ScanFault::TooDeep => write!(f, "the value is nested too deep at byte {at}"),
            ScanFault::NotAnObject => f.write_str("the value is no JSON object"),
            ScanFault::Truncated => write!(f, "the envelope ends early, at byte {at}"),
            ScanFault::Syntax => write!(f, "the envelope is not JSON at byte {at}"),
            ScanFault::Trailing => write!(f, "something follows the envelope at byte {at}"),
            ScanFault::Twice(field) => write!(f, "`{field}` stands twice, again at byte {at}"),
            ScanFault::Missing(field) => write!(f, "the envelope has no `{field}`"),
            ScanFault::Type(field) => write!(f, "`{field}` has another type, at byte {at}"),
            ScanFault::Id(field) => {
                write!(f, "`{field}` at byte {at} is no id: 1 to {MAX_ID_BYTES} bytes of A-Z a-z 0-9 . _ : -")
            }
            ScanFault::Text(field) => write!(f, "`{field}` at byte {at} is not 1 to 255 bytes"),
            ScanFault::Timestamp => write!(
                f,
                "`timestamp` at byte {at} is not RFC 3339 with an offset, such as \
                 2026-11-25T09:15:00.250Z"
            ),
        }
    }
}

impl std::error::Error for ScanError {}

/// An envelope that cannot be read or written.
#[derive(Debug)]
#[non_exhaustive]
pub enum EnvelopeError {
    /// It breaks a limit, or its shape is wrong.
    Scan(ScanError),
    /// It does not parse, or its data are of another type. The source is serde_json's error.
    Decode(JsonError),
    /// Its data cannot be written as JSON. The source is serde_json's error.
    Encode(JsonError),
    /// A text of an envelope to be written is empty or longer than 255 bytes.
    Text(&'static str),
    /// An unknown field was to be added under the name of a known one.
    Reserved(Box<str>),
    /// It is a CloudEvent, and something about it is wrong.
    CloudEvent(CloudEventError),
}

/// serde_json's error, as the source of an [`EnvelopeError`].
pub struct JsonError(serde_json::Error);

impl JsonError {
    /// The line and column, both from 1, at which it was noticed.
    #[must_use]
    pub fn position(&self) -> (usize, usize) {
        (self.0.line(), self.0.column())
    }
}

impl EnvelopeError {
    pub(super) fn decode(error: serde_json::Error) -> Self {
        Self::Decode(JsonError(error))
    }

    pub(crate) fn encode(error: serde_json::Error) -> Self {
        Self::Encode(JsonError(error))
    }
}

impl fmt::Debug for JsonError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Display for EnvelopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scan(error) => error.fmt(f),
            Self::Decode(error) => write!(f, "the envelope does not decode: {}", error.0),
            Self::Encode(error) => write!(f, "the data cannot be written as JSON: {}", error.0),
            Self::Text(field) => write!(f, "`{field}` is not 1 to 255 bytes"),
            Self::Reserved(name) => {
                write!(f, "`{name}` is a field of the envelope and cannot be added as an extra one")
            }
            Self::CloudEvent(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EnvelopeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Scan(error) => Some(error),
            Self::Decode(error) | Self::Encode(error) => Some(&error.0),
            Self::CloudEvent(error) => Some(error),
            Self::Text(_) | Self::Reserved(_) => None,
        }
    }
}

impl From<CloudEventError> for EnvelopeError {
    fn from(error: CloudEventError) -> Self {
        Self::CloudEvent(error)
    }
}

impl From<ScanError> for EnvelopeError {
    fn from(error: ScanError) -> Self {
        Self::Scan(error)
    }
}

/// Text of unknown origin, fit for a log: escaped and cut to 256 bytes.
fn excerpt(text: &str) -> Box<str> {
    let mut out = String::new();
    for c in text.chars() {
        let escaped = c.escape_debug();
        if out.len() + escaped.clone().map(char::len_utf8).sum::<usize>() > 253 {
            out.push('…');
            break;
        }
        out.extend(escaped);
    }
    out.into_boxed_str()
}
