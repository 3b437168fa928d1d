//! CloudEvents in structured mode, in the JSON event format: one object with attributes and data.
//!
//! Unlike the scan of our own envelope it reads all of the object: others put attributes in any order.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::cloud_event::{Attribute, Attributes, CloudEventError, JSON_TYPE, SPEC_VERSION, check_extension, declared_type};
use super::error::EnvelopeError;
use super::event::EventEnvelope;
use super::extra::Extra;
use super::head::{Field, Head};
use super::limits::Limits;
use super::metadata::Metadata;
use super::timestamp::Timestamp;
use super::write::{EnvelopeMeta, number, text};
use crate::contract::Headers;

const DATA: &str = "data";
const BASE64: &str = "data_base64";

/// The fields of an object, their values unread.
struct Fields<'v>(Vec<(Cow<'v, str>, &'v RawValue)>);

impl<'v> Fields<'v> {
    fn read(value: &'v [u8], limits: &Limits) -> Result<Self, EnvelopeError> {
        limits.check_start(value)?;
        limits.check_depth(value, 0, 0)?;
        serde_json::from_slice(value).map_err(EnvelopeError::decode)
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(own, _)| own == name)
    }

    fn find(&self, name: &str) -> Result<Option<&'v RawValue>, CloudEventError> {
        let mut found = self.0.iter().filter(|(own, _)| own == name).map(|(_, raw)| *raw);
        let first = found.next();
        if found.next().is_some() {
            Err(CloudEventError::Twice(name.into()))
        } else {
            Ok(first.filter(|raw| raw.get() != "null"))
        }
    }
}

impl<'de> Deserialize<'de> for Fields<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Fields<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a CloudEvent, which is a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
                // An object of more fields is no event; each costs memory.
                const MOST: usize = 1_024;
                let mut fields = Vec::with_capacity(16);
                while let Some(name) = map.next_key::<Name<'de>>()? {
                    if fields.len() == MOST {
                        return Err(A::Error::custom("a CloudEvent has more than 1024 fields"));
                    }
                    fields.push((name.0, map.next_value()?));
                }
                Ok(Fields(fields))
            }
        }
        deserializer.deserialize_map(Object)
    }
}

/// A name, borrowed where it has no escapes.
#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

/// The text of a value, and whether it stands as it is between quotes.
fn text_of(raw: &RawValue) -> Option<Cow<'_, str>> {
    let json = raw.get();
    match json.as_bytes() {
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => json.get(1..json.len() - 1).map(Cow::Borrowed),
        [b'"', ..] => serde_json::from_str(json).ok().map(Cow::Owned),
        _ => None,
    }
}

/// Whether this may be a CloudEvent that no header announces: one that has `specversion` where an envelope has none.
pub(super) fn looks_like_one(value: &[u8], limits: &Limits) -> bool {
    const NAME: &[u8] = b"\"specversion\"";
    value.windows(NAME.len()).any(|bytes| bytes == NAME)
        && Fields::read(value, limits).is_ok_and(|fields| fields.has(Attribute::SpecVersion.name()))
}

/// The head of an event in structured mode.
pub(super) fn head(value: &[u8], limits: &Limits) -> Result<Head, EnvelopeError> {
    head_of(&Fields::read(value, limits)?, value)
}

fn head_of(fields: &Fields<'_>, value: &[u8]) -> Result<Head, EnvelopeError> {
    let mut head = Head::EMPTY;
    head.flags = Head::STRUCTURED | Head::WHOLE;
    let mut texts: Vec<(Attribute, Cow<'_, str>)> = Vec::with_capacity(Attribute::COUNT);
    for (name, raw) in &fields.0 {
        let Some(attribute) = Attribute::named(name) else { continue };
        if texts.iter().any(|(known, _)| *known == attribute) {
            return Err(CloudEventError::Twice(attribute.name().into()).into());
        }
        let json = raw.get();
        if json == "null" {
            continue;
        }
        if attribute == Attribute::SchemaVersion {
            // A number in our own events; whatever else is another's.
            texts.push((attribute, text_of(raw).unwrap_or(Cow::Borrowed(json))));
            continue;
        }
        let text = text_of(raw).ok_or_else(|| CloudEventError::Text(attribute.name().into()))?;
        if let Some(field) = field_of(attribute) {
            let at = json.as_ptr() as usize - value.as_ptr() as usize + 1;
            head.starts[field as usize] = at as u32;
            head.lens[field as usize] = u8::try_from(json.len() - 2).unwrap_or(Head::LONG);
            head.flags |= field.bit();
            if matches!(text, Cow::Owned(_)) {
                head.flags |= Head::ESCAPED;
            }
        }
        texts.push((attribute, text));
    }
    let mut attributes = Attributes::default();
    for (attribute, text) in &texts {
        attributes.set(*attribute, text.as_bytes())?;
    }
    head.key = attributes.check()?;
    head.schema_version = attributes.schema_version().unwrap_or(1);
    if !attributes.is_json() {
        head.flags |= Head::OPAQUE;
    }
    head.data_at = match (fields.find(DATA)?, fields.find(BASE64)?) {
        (Some(_), Some(_)) => return Err(CloudEventError::Base64.into()),
        (Some(data), None) => (data.get().as_ptr() as usize - value.as_ptr() as usize) as u32,
        (None, _) => Head::ELSEWHERE,
    };
    Ok(head)
}

/// The field of a head in which an attribute's place is kept.
fn field_of(attribute: Attribute) -> Option<Field> {
    Some(match attribute {
        Attribute::Id => Field::Id,
        Attribute::Type => Field::Type,
        Attribute::Time => Field::Timestamp,
        Attribute::Source => Field::Source,
        Attribute::Correlation => Field::Correlation,
        Attribute::Causation => Field::Causation,
        Attribute::Broker => Field::Broker,
        Attribute::SpecVersion | Attribute::SchemaVersion | Attribute::ContentType => return None,
    })
}

/// The JSON in `data_base64`, if the event has it.
pub(super) fn base64(head: &Head, value: &[u8], limits: &Limits) -> Result<Option<Vec<u8>>, EnvelopeError> {
    let Some(raw) = Fields::read(value, limits)?.find(BASE64)? else { return Ok(None) };
    if head.flags & Head::OPAQUE != 0 {
        return Err(CloudEventError::NotJson.into());
    }
    let text = text_of(raw).ok_or(CloudEventError::Base64)?;
    Ok(Some(bytes_of(&text)?))
}

fn bytes_of(text: &str) -> Result<Vec<u8>, CloudEventError> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(text).map_err(|_| CloudEventError::Base64)
}

/// The whole event; `stamp` is the time of one that says none.
pub(super) fn event<'de, T: Deserialize<'de>>(
    value: &'de [u8],
    stamp: Timestamp,
    limits: &Limits,
) -> Result<EventEnvelope<T>, EnvelopeError> {
    let fields = Fields::read(value, limits)?;
    let head = head_of(&fields, value)?;
    let mut extra = Extra::default();
    for (name, raw) in &fields.0 {
        let kept = match Attribute::named(name) {
            Some(Attribute::SchemaVersion) => text_of(raw).as_deref().unwrap_or(raw.get()).parse::<u32>().is_err(),
            Some(Attribute::ContentType) => text_of(raw).is_some_and(|text| text != JSON_TYPE),
            Some(_) => false,
            None => name != DATA && name != BASE64,
        };
        if kept {
            if extra.get(name).is_some() {
                return Err(CloudEventError::Twice((**name).into()).into());
            }
            extra.push(name.to_string(), (*raw).to_owned());
        }
    }
    let data = head.decode(value, limits)?;
    Metadata::new(&head, value, Headers::EMPTY).event(stamp, extra, data)
}

/// Appends an event in structured mode to `out`: attributes first, the data last.
pub(super) fn write(out: &mut Vec<u8>, meta: &EnvelopeMeta<'_>, data: &(impl Serialize + ?Sized)) -> Result<(), EnvelopeError> {
    let mut has_version = false;
    for (name, json) in meta.extra.into_iter().flat_map(Extra::iter) {
        if name == Attribute::SchemaVersion.name() && json.trim_matches('"').parse::<u32>().is_err() {
            has_version = true;
        } else {
            check_extension(name)?;
        }
        if json.starts_with(['{', '[']) {
            return Err(CloudEventError::Attribute(name.into()).into());
        }
    }
    out.extend_from_slice(b"{\"specversion\":\"");
    out.extend_from_slice(SPEC_VERSION.as_bytes());
    out.extend_from_slice(b"\",\"id\":\"");
    meta.id.write(out);
    out.extend_from_slice(b"\",\"source\":");
    text(out, meta.source)?;
    out.extend_from_slice(b",\"type\":");
    text(out, meta.event_type)?;
    out.extend_from_slice(b",\"time\":\"");
    meta.timestamp.write(out);
    out.push(b'"');
    if declared_type(meta.extra).is_none() {
        out.extend_from_slice(b",\"datacontenttype\":\"");
        out.extend_from_slice(JSON_TYPE.as_bytes());
        out.push(b'"');
    }
    out.extend_from_slice(b",\"correlationid\":\"");
    meta.correlation_id.write(out);
    out.push(b'"');
    if let Some(cause) = meta.causation_id {
        out.extend_from_slice(b",\"causationid\":\"");
        cause.write(out);
        out.push(b'"');
    }
    if let Some(broker) = meta.broker {
        out.extend_from_slice(b",\"broker\":");
        text(out, broker)?;
    }
    if !has_version {
        out.extend_from_slice(b",\"schemaversion\":");
        number(out, meta.schema_version);
    }
    for (name, json) in meta.extra.into_iter().flat_map(Extra::iter) {
        out.push(b',');
        text(out, name)?;
        out.push(b':');
        out.extend_from_slice(json.as_bytes());
    }
    out.extend_from_slice(b",\"data\":");
    serde_json::to_writer(&mut *out, data).map_err(EnvelopeError::encode)?;
    out.push(b'}');
    Ok(())
}
