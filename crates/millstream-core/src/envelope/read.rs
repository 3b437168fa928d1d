//! The way into any record: which content mode it is in, then its head or the whole event.
//!
//! Our own envelope without headers never comes here on the hot path: it is scanned at once (`scan`).

use serde::Deserialize;

use super::binary;
use super::cloud_event::CloudEventError;
use super::content_mode::ContentMode;
use super::error::EnvelopeError;
use super::event::EventEnvelope;
use super::head::Head;
use super::limits::Limits;
use super::scan::scan;
use super::structured;
use super::timestamp::Timestamp;
use crate::contract::{Headers, RecordView};

/// Reads the head of the event in `record`, in whichever [`ContentMode`] it is.
///
/// The headers tell the mode. Without any of CloudEvents the value is read as an envelope, and if it is none, but an
/// object with `specversion`, as a CloudEvent in structured mode.
///
/// # Errors
///
/// When a limit is broken, the record is no event, or an attribute is bad, missing or twice. The limits of keys and
/// headers are the consumer's affair.
pub fn read_head(record: RecordView<'_>, limits: &Limits) -> Result<Head, EnvelopeError> {
    read_head_of(record.value(), record.headers(), limits)
}

/// As [`read_head`], with the headers at hand.
pub(crate) fn read_head_of(value: Option<&[u8]>, headers: Headers<'_>, limits: &Limits) -> Result<Head, EnvelopeError> {
    match ContentMode::told_by(headers)? {
        ContentMode::Envelope => {
            let value = value.unwrap_or_default();
            // An envelope in order is one, whatever its unknown fields are called.
            scan(value, limits).or_else(|error| {
                if structured::looks_like_one(value, limits) { structured::head(value, limits) } else { Err(error.into()) }
            })
        }
        ContentMode::CloudEventsBinary => Ok(binary::head(headers)?),
        ContentMode::CloudEventsStructured => structured::head(value.ok_or(CloudEventError::NoValue)?, limits),
    }
}

/// The mode of a record that is to be read in full.
fn mode_of(value: Option<&[u8]>, headers: Headers<'_>, limits: &Limits) -> Result<ContentMode, EnvelopeError> {
    let told = ContentMode::told_by(headers)?;
    let value = value.unwrap_or_default();
    if told == ContentMode::Envelope && scan(value, limits).is_err() && structured::looks_like_one(value, limits) {
        return Ok(ContentMode::CloudEventsStructured);
    }
    Ok(told)
}

impl<T> EventEnvelope<T> {
    /// Reads the event in a record, in whichever [`ContentMode`] it is, with the limits of [`Limits::DEFAULT`]. A
    /// CloudEvent that says no time has its record's.
    ///
    /// What is unknown of it is kept in [`extra`](Self::extra): a CloudEvent's `subject`, `dataschema` and extensions, and a
    /// media type other than `application/json`. In binary mode all of these are text.
    ///
    /// # Errors
    ///
    /// As [`read_head`] and [`from_json`](Self::from_json), and if an id of a CloudEvent is not
    /// one as [`WireId`](super::WireId) has it.
    pub fn from_record<'de>(record: RecordView<'de>) -> Result<Self, EnvelopeError>
    where
        T: Deserialize<'de>,
    {
        Self::from_record_within(record, &Limits::DEFAULT)
    }

    /// Reads the event in a record, with other limits.
    ///
    /// # Errors
    ///
    /// As [`from_record`](Self::from_record).
    pub fn from_record_within<'de>(record: RecordView<'de>, limits: &Limits) -> Result<Self, EnvelopeError>
    where
        T: Deserialize<'de>,
    {
        let (value, headers) = (record.value(), record.headers());
        let stamp = Timestamp::from_millis(record.timestamp());
        match mode_of(value, headers, limits)? {
            ContentMode::Envelope => Self::from_json_within(value.unwrap_or_default(), limits),
            ContentMode::CloudEventsBinary => binary::event(value.unwrap_or_default(), headers, stamp, limits),
            ContentMode::CloudEventsStructured => structured::event(value.ok_or(CloudEventError::NoValue)?, stamp, limits),
        }
    }
}
