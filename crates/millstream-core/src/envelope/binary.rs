//! CloudEvents in binary mode, as their Kafka binding has it: attributes in `ce_…` headers, the data are the value.

use serde::Deserialize;

use super::cloud_event::{Attribute, Attributes, CloudEventError, JSON_TYPE, SPEC_VERSION, check_extension};
use super::content_mode::CONTENT_TYPE;
use super::error::EnvelopeError;
use super::event::EventEnvelope;
use super::extra::Extra;
use super::head::Head;
use super::limits::Limits;
use super::metadata::Metadata;
use super::timestamp::Timestamp;
use super::write::EnvelopeMeta;
use crate::contract::{Headers, RecordSetBuilder};

/// What the name of each attribute begins with.
const PREFIX: &str = "ce_";

/// The known attributes among a record's headers.
pub(super) fn attributes(headers: Headers<'_>) -> Result<Attributes<'_>, CloudEventError> {
    let mut attributes = Attributes::default();
    for (name, value) in headers {
        let known = match name.strip_prefix(PREFIX) {
            // The data's media type has a header of its own, and no other.
            Some(name) => Attribute::named(name).filter(|known| *known != Attribute::ContentType),
            None => name.eq_ignore_ascii_case(CONTENT_TYPE).then_some(Attribute::ContentType),
        };
        if let (Some(known), Some(value)) = (known, value) {
            attributes.set(known, value)?;
        }
    }
    Ok(attributes)
}

/// The head of an event whose headers said that it is in binary mode.
pub(super) fn head(headers: Headers<'_>) -> Result<Head, CloudEventError> {
    let attributes = attributes(headers)?;
    let mut head = Head::EMPTY;
    head.key = attributes.check()?;
    head.schema_version = attributes.schema_version().unwrap_or(1);
    head.data_at = Head::ELSEWHERE;
    head.flags = Head::BINARY;
    if !attributes.is_json() {
        head.flags |= Head::OPAQUE;
    }
    Ok(head)
}

/// The whole event; `stamp` is the time of one that says none.
pub(super) fn event<'de, T: Deserialize<'de>>(
    value: &'de [u8],
    headers: Headers<'_>,
    stamp: Timestamp,
    limits: &Limits,
) -> Result<EventEnvelope<T>, EnvelopeError> {
    let head = head(headers)?;
    let mut extra = Extra::default();
    for (name, value) in headers {
        let own = match name.strip_prefix(PREFIX) {
            Some(name) => name,
            None if name.eq_ignore_ascii_case(CONTENT_TYPE) && value != Some(JSON_TYPE.as_bytes()) => {
                Attribute::ContentType.name()
            }
            None => continue,
        };
        // `schemaversion` may be somebody else's, and is kept then.
        let known = Attribute::named(own).is_some() && name.starts_with(PREFIX);
        let ours = own != Attribute::SchemaVersion.name() || attributes(headers)?.schema_version().is_some();
        if known && ours {
            continue;
        }
        let Some(value) = value else { continue };
        let text = std::str::from_utf8(value).map_err(|_| CloudEventError::Text(own.into()))?;
        if extra.get(own).is_some() {
            return Err(CloudEventError::Twice(own.into()).into());
        }
        extra.push(own.to_owned(), serde_json::value::to_raw_value(text).map_err(EnvelopeError::encode)?);
    }
    let data = head.decode(value, limits)?;
    Metadata::new(&head, value, headers).event(stamp, extra, data)
}

/// Puts an event's attributes into headers of the record that is pushed next.
pub(super) fn write_headers(builder: &mut RecordSetBuilder, meta: &EnvelopeMeta<'_>) -> Result<(), EnvelopeError> {
    let mut text = Vec::with_capacity(40);
    let mut id = |builder: &mut RecordSetBuilder, name: &str, id: super::IdRef<'_>| {
        text.clear();
        id.write(&mut text);
        builder.header(name, Some(&text));
    };
    builder.header("ce_specversion", Some(SPEC_VERSION.as_bytes()));
    id(builder, "ce_id", meta.id);
    builder.header("ce_source", Some(meta.source.as_bytes()));
    builder.header("ce_type", Some(meta.event_type.as_bytes()));
    id(builder, "ce_correlationid", meta.correlation_id);
    if let Some(cause) = meta.causation_id {
        id(builder, "ce_causationid", cause);
    }
    if let Some(broker) = meta.broker {
        builder.header("ce_broker", Some(broker.as_bytes()));
    }
    text.clear();
    meta.timestamp.write(&mut text);
    builder.header("ce_time", Some(&text));
    let mut media_type = None;
    let mut has_version = false;
    for (name, json) in meta.extra.into_iter().flat_map(Extra::iter) {
        let Some(value) = scalar(json).map_err(|_| CloudEventError::Attribute(name.into()))? else { continue };
        if name == Attribute::ContentType.name() {
            media_type = Some(value);
            continue;
        }
        if name == Attribute::SchemaVersion.name() && value.parse::<u32>().is_err() {
            has_version = true;
        } else {
            check_extension(name)?;
        }
        builder.header(&format!("{PREFIX}{name}"), Some(value.as_bytes()));
    }
    if !has_version {
        builder.header("ce_schemaversion", Some(meta.schema_version.to_string().as_bytes()));
    }
    builder.header(CONTENT_TYPE, Some(media_type.as_deref().unwrap_or(JSON_TYPE).as_bytes()));
    Ok(())
}

/// The text of an attribute's value, given as JSON; `None` for null, which is absence.
fn scalar(json: &str) -> Result<Option<String>, ()> {
    match serde_json::from_str::<serde_json::Value>(json).map_err(|_| ())? {
        serde_json::Value::Null => Ok(None),
        serde_json::Value::String(text) => Ok(Some(text)),
        // As it was written: a number never goes through a float.
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => Ok(Some(json.trim().to_owned())),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => Err(()),
    }
}
