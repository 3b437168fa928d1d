//! An envelope written straight into a buffer: metadata first, data last, nothing in between.

use serde::Serialize;

use super::error::EnvelopeError;
use super::extra::Extra;
use super::head::Field;
use super::limits::MAX_TEXT_BYTES;
use super::text::is_plain;
use super::timestamp::Timestamp;
use super::wire_id::IdRef;

/// What stands in an envelope before its data, borrowed.
///
/// The fields are those of [`EventEnvelope`](super::EventEnvelope).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct EnvelopeMeta<'a> {
    /// What deduplication knows the event by.
    pub id: IdRef<'a>,
    /// The event type; 1 to 255 bytes.
    pub event_type: &'a str,
    /// When it happened.
    pub timestamp: Timestamp,
    /// The service that publishes it; 1 to 255 bytes.
    pub source: &'a str,
    /// What it belongs to.
    pub correlation_id: IdRef<'a>,
    /// The event it follows from.
    pub causation_id: Option<IdRef<'a>>,
    /// The namespace, for audits; at most 255 bytes.
    pub broker: Option<&'a str>,
    /// The version of the data's schema.
    pub schema_version: u32,
    /// Fields the framework does not know.
    pub extra: Option<&'a Extra>,
}

impl<'a> EnvelopeMeta<'a> {
    /// The metadata of a root event: its correlation is its own id.
    #[must_use]
    pub fn new(id: impl Into<IdRef<'a>>, event_type: &'a str, timestamp: Timestamp, source: &'a str) -> Self {
        let id = id.into();
        Self {
            id,
            event_type,
            timestamp,
            source,
            correlation_id: id,
            causation_id: None,
            broker: None,
            schema_version: 1,
            extra: None,
        }
    }

    /// Refuses what the reader would refuse.
    pub(super) fn check(&self) -> Result<(), EnvelopeError> {
        let texts = [("type", self.event_type, 1), ("source", self.source, 1), ("broker", self.broker.unwrap_or_default(), 0)];
        for (field, text, least) in texts {
            if text.len() < least || text.len() > MAX_TEXT_BYTES {
                return Err(EnvelopeError::Text(field));
            }
        }
        Ok(())
    }
}

/// Appends the JSON of an envelope to `out`; byte for byte what serialising an
/// [`EventEnvelope`](super::EventEnvelope) gives.
///
/// # Errors
///
/// When a text is empty or too long, or the data cannot be written as JSON. `out` is then as it
/// was before.
pub fn write_envelope(out: &mut Vec<u8>, meta: &EnvelopeMeta<'_>, data: &(impl Serialize + ?Sized)) -> Result<(), EnvelopeError> {
    let before = out.len();
    let written = write(out, meta, data);
    if written.is_err() {
        out.truncate(before);
    }
    written
}

fn write(out: &mut Vec<u8>, meta: &EnvelopeMeta<'_>, data: &(impl Serialize + ?Sized)) -> Result<(), EnvelopeError> {
    meta.check()?;
    out.extend_from_slice(b"{\"id\":\"");
    meta.id.write(out);
    out.extend_from_slice(b"\",\"type\":");
    text(out, meta.event_type)?;
    out.extend_from_slice(b",\"timestamp\":\"");
    meta.timestamp.write(out);
    out.extend_from_slice(b"\",\"source\":");
    text(out, meta.source)?;
    out.extend_from_slice(b",\"correlation_id\":\"");
    meta.correlation_id.write(out);
    match meta.causation_id {
        Some(id) => {
            out.extend_from_slice(b"\",\"causation_id\":\"");
            id.write(out);
            out.extend_from_slice(b"\",\"broker\":");
        }
        None => out.extend_from_slice(b"\",\"causation_id\":null,\"broker\":"),
    }
    match meta.broker {
        Some(broker) => text(out, broker)?,
        None => out.extend_from_slice(b"null"),
    }
    out.extend_from_slice(b",\"schema_version\":");
    number(out, meta.schema_version);
    for (name, value) in meta.extra.into_iter().flat_map(Extra::iter) {
        out.push(b',');
        if Field::named(name.as_bytes()).is_some() {
            // Read from a CloudEvent, where it is free.
            return Err(EnvelopeError::Reserved(name.into()));
        }
        text(out, name)?;
        out.push(b':');
        out.extend_from_slice(value.as_bytes());
    }
    out.extend_from_slice(b",\"data\":");
    serde_json::to_writer(&mut *out, data).map_err(EnvelopeError::encode)?;
    out.push(b'}');
    Ok(())
}

pub(super) fn text(out: &mut Vec<u8>, text: &str) -> Result<(), EnvelopeError> {
    if !is_plain(text.as_bytes()) {
        return serde_json::to_writer(out, text).map_err(EnvelopeError::encode);
    }
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

pub(super) fn number(out: &mut Vec<u8>, mut number: u32) {
    if number < 10 {
        return out.push(b'0' + number as u8);
    }
    let mut digits = [0; 10];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}
