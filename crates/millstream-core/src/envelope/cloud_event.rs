//! What both modes of CloudEvents 1.0 have in common: attributes, their rules, and what can be wrong with them.
//!
//! The rules are those of the specification, <https://github.com/cloudevents/spec>, versions 1.0 to 1.0.2. Where an event
//! lies in a record is left to `binary` and `structured`.

use std::fmt;

use xxhash_rust::xxh3::Xxh3;

use super::error::IdError;
use super::extra::Extra;
use super::id::EventKey;
use super::timestamp::Timestamp;

/// The longest attribute that is read, in bytes. The specification asks senders to keep whole events below 64 KiB;
/// sources are URIs, which are longer than our names.
pub const MAX_ATTRIBUTE_BYTES: usize = 1_024;

/// The version that is read and written. Its patch releases all say `1.0`.
pub(super) const SPEC_VERSION: &str = "1.0";

/// The headers that every event in binary mode has.
pub(super) const HEADERS: [&str; 4] = ["ce_specversion", "ce_id", "ce_source", "ce_type"];

/// The media type of an event in structured mode.
pub(super) const STRUCTURED_TYPE: &[u8] = b"application/cloudevents+json; charset=UTF-8";

/// The media type of our data.
pub(super) const JSON_TYPE: &str = "application/json";

/// An attribute that the framework knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attribute {
    SpecVersion,
    Id,
    Source,
    Type,
    Time,
    Correlation,
    Causation,
    Broker,
    SchemaVersion,
    ContentType,
}

impl Attribute {
    /// How many there are.
    pub(super) const COUNT: usize = 10;

    /// The attribute with this name.
    pub(super) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "specversion" => Self::SpecVersion,
            "id" => Self::Id,
            "source" => Self::Source,
            "type" => Self::Type,
            "time" => Self::Time,
            "correlationid" => Self::Correlation,
            "causationid" => Self::Causation,
            "broker" => Self::Broker,
            "schemaversion" => Self::SchemaVersion,
            "datacontenttype" => Self::ContentType,
            _ => return None,
        })
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::SpecVersion => "specversion",
            Self::Id => "id",
            Self::Source => "source",
            Self::Type => "type",
            Self::Time => "time",
            Self::Correlation => "correlationid",
            Self::Causation => "causationid",
            Self::Broker => "broker",
            Self::SchemaVersion => "schemaversion",
            Self::ContentType => "datacontenttype",
        }
    }
}

/// The texts of the known attributes, by [`Attribute`].
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Attributes<'a>([Option<&'a str>; Attribute::COUNT]);

impl<'a> Attributes<'a> {
    /// The attribute's text, unless it is absent or empty.
    pub(super) fn get(&self, attribute: Attribute) -> Option<&'a str> {
        self.0[attribute as usize].filter(|text| !text.is_empty())
    }

    /// Notes an attribute.
    pub(super) fn set(&mut self, attribute: Attribute, text: &'a [u8]) -> Result<(), CloudEventError> {
        let slot = &mut self.0[attribute as usize];
        if slot.is_some() {
            return Err(CloudEventError::Twice(attribute.name().into()));
        }
        let bad = || CloudEventError::Text(attribute.name().into());
        let text = std::str::from_utf8(text).map_err(|_| bad())?;
        if text.len() > MAX_ATTRIBUTE_BYTES || text.chars().any(char::is_control) {
            return Err(bad());
        }
        *slot = Some(text);
        Ok(())
    }

    /// Checks what every event must have, and answers what it is known by.
    pub(super) fn check(&self) -> Result<EventKey, CloudEventError> {
        let needed = |attribute: Attribute| self.get(attribute).ok_or(CloudEventError::Missing(attribute.name()));
        let version = needed(Attribute::SpecVersion)?;
        if version != SPEC_VERSION {
            return Err(CloudEventError::SpecVersion(version.chars().take(64).collect()));
        }
        let (id, source) = (needed(Attribute::Id)?, needed(Attribute::Source)?);
        needed(Attribute::Type)?;
        match self.get(Attribute::Time) {
            Some(time) if !Timestamp::is_valid(time.as_bytes()) => Err(CloudEventError::Time(time.chars().take(64).collect())),
            _ => Ok(EventKey::of_cloud_event(source, id)),
        }
    }

    /// The version of the schema; `None` also if it is no number, as with a producer that means something else by it.
    pub(super) fn schema_version(&self) -> Option<u32> {
        self.get(Attribute::SchemaVersion)?.parse().ok()
    }

    /// Whether the data are declared to be JSON, as they are unless something else is said.
    pub(super) fn is_json(&self) -> bool {
        self.get(Attribute::ContentType).is_none_or(is_json_type)
    }
}

impl EventKey {
    /// What a CloudEvent is known by: its source and its id together, as the specification has it.
    ///
    /// The XXH3-128 of `millstream-cloudevent-1`, a zero byte, the source's length as four bytes, little end first, the
    /// source and the id; marked like the key of any other text.
    #[must_use]
    pub fn of_cloud_event(source: &str, id: &str) -> Self {
        let mut all = Xxh3::new();
        all.update(b"millstream-cloudevent-1\0");
        all.update(&u32::try_from(source.len()).unwrap_or(u32::MAX).to_le_bytes());
        all.update(source.as_bytes());
        all.update(id.as_bytes());
        Self::marked(all.digest128())
    }
}

/// Whether data of this media type are JSON.
fn is_json_type(media_type: &str) -> bool {
    let essence = media_type.split(';').next().unwrap_or_default().trim();
    // `*/json` and `*/*+json`, as the JSON format has it (§3.1.1).
    let suffix = essence.len().checked_sub(5).and_then(|at| essence.get(at..)).unwrap_or_default();
    essence.contains('/') && (suffix.eq_ignore_ascii_case("+json") || suffix.eq_ignore_ascii_case("/json"))
}

/// Whether an event format of CloudEvents is the one of single events in JSON.
pub(super) fn is_json_format(media_type: &[u8]) -> bool {
    let essence = media_type.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    essence.eq_ignore_ascii_case(b"application/cloudevents+json") || essence.eq_ignore_ascii_case(b"application/cloudevents")
}

/// Checks that an unknown field can be an attribute: its name has lower-case letters and digits only, and is not taken.
pub(super) fn check_extension(name: &str) -> Result<(), CloudEventError> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    // A media type other than ours is kept as an unknown field.
    let taken = Attribute::named(name).is_some_and(|known| known != Attribute::ContentType) || name == "data";
    if name.is_empty() || taken || !name.bytes().all(allowed) {
        return Err(CloudEventError::Attribute(name.into()));
    }
    Ok(())
}

/// The media type that unknown fields declare for the data, as JSON text.
pub(super) fn declared_type(extra: Option<&Extra>) -> Option<&str> {
    extra?.get(Attribute::ContentType.name())
}

/// What is wrong with a record that is a CloudEvent by its headers or its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloudEventError {
    /// A required attribute is missing or empty: `specversion`, `id`, `source` or `type`.
    Missing(&'static str),
    /// An attribute stands twice.
    Twice(Box<str>),
    /// An attribute is not text of at most [`MAX_ATTRIBUTE_BYTES`] bytes without control characters.
    Text(Box<str>),
    /// It is of a version other than 1.0.
    SpecVersion(Box<str>),
    /// `time` is not RFC 3339 with an offset.
    Time(Box<str>),
    /// It is in an event format other than JSON, or is a batch.
    Format(Box<str>),
    /// Its data are not JSON, and so do not decode into a type.
    NotJson,
    /// `data_base64` is not Base64, or stands beside `data`.
    Base64,
    /// The record has no value, where an event in structured mode has all of it.
    NoValue,
    /// An id has characters that ids of ours may not have, so that it cannot stand in an
    /// [`EventEnvelope`](super::EventEnvelope). Handlers take such events all the same.
    Id(IdError),
    /// An unknown field cannot be written as an attribute: a name has `a-z` and `0-9` only and is not the name of a known
    /// one, and a value is text, a number or a truth value.
    Attribute(Box<str>),
}

impl fmt::Display for CloudEventError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing(name) => write!(f, "the CloudEvent has no `{name}`"),
            Self::Twice(name) => write!(f, "the CloudEvent's `{name}` stands twice"),
            Self::Text(name) => {
                write!(
                    f,
                    "the CloudEvent's `{name}` is not text of at most {MAX_ATTRIBUTE_BYTES} bytes without control characters"
                )
            }
            Self::SpecVersion(version) => {
                write!(f, "the CloudEvent's `specversion` is `{}`, and only 1.0 is read", version.escape_debug())
            }
            Self::Time(time) => write!(f, "the CloudEvent's `time` is `{}`, which is not RFC 3339", time.escape_debug()),
            Self::Format(kind) => {
                write!(f, "the event format `{}` is not read: only `application/cloudevents+json` is", kind.escape_debug())
            }
            Self::NotJson => f.write_str("the CloudEvent's data are not JSON: take a `RawEvent` and read its value"),
            Self::Base64 => f.write_str("the CloudEvent's `data_base64` is not Base64, or stands beside `data`"),
            Self::NoValue => f.write_str("the record has no value, and a CloudEvent in structured mode is one"),
            Self::Id(error) => error.fmt(f),
            Self::Attribute(name) => write!(
                f,
                "`{}` cannot be an attribute of a CloudEvent: names have a-z and 0-9 only, values are text, numbers or truth values",
                name.escape_debug()
            ),
        }
    }
}

impl std::error::Error for CloudEventError {}

#[cfg(test)]
mod tests {
    use super::{Attribute, Attributes, CloudEventError, is_json_type};
    use crate::envelope::EventKey;

    #[test]
    fn an_event_is_known_by_source_and_id_together() {
        let key = EventKey::of_cloud_event("feed", "1");
        assert_ne!(key, EventKey::of_cloud_event("feed", "2"));
        assert_ne!(key, EventKey::of_cloud_event("other", "1"));
        assert_ne!(EventKey::of_cloud_event("ab", "c"), EventKey::of_cloud_event("a", "bc"));
        assert_ne!(key, EventKey::of_text("1"));
        // Frozen: marks in stores are made with it.
        assert_eq!(key.as_event_id().to_string(), "d078ec87-cbff-8626-94a1-c71013b69f4d");
        assert_eq!(key.millis(), None, "it is not taken for a UUID with a time");
    }

    #[test]
    fn what_is_missing_is_said_by_name() {
        let all =
            [(Attribute::SpecVersion, "1.0"), (Attribute::Id, "1"), (Attribute::Source, "/feed"), (Attribute::Type, "tick")];
        for (missing, _) in all {
            for empty in [false, true] {
                let mut attributes = Attributes::default();
                for (attribute, text) in all {
                    let text = if attribute == missing { "" } else { text };
                    if attribute != missing || empty {
                        attributes.set(attribute, text.as_bytes()).expect("it is text");
                    }
                }
                assert_eq!(attributes.check(), Err(CloudEventError::Missing(missing.name())));
            }
        }
    }

    #[test]
    fn json_is_told_by_its_media_type() {
        for json in ["application/json", "Application/JSON; charset=utf-8", "application/vnd.tick+json", "text/json", "x/JSON"] {
            assert!(is_json_type(json), "{json}");
        }
        for other in ["application/avro", "text/plain", "json", "", "application/jsonp", "é+json2", "+json"] {
            assert!(!is_json_type(other), "{other}");
        }
    }
}
