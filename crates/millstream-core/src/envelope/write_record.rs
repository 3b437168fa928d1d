//! An event written as a record in any content mode: headers first, then the value.

use serde::Serialize;

use super::cloud_event::STRUCTURED_TYPE;
use super::content_mode::{CONTENT_TYPE, ContentMode};
use super::error::EnvelopeError;
use super::event::EventEnvelope;
use super::write::{EnvelopeMeta, write_envelope};
use super::{binary, structured};
use crate::contract::RecordSetBuilder;

/// Puts the headers that belong to `mode` before those of the record that is pushed next.
pub(crate) fn write_mode_headers(
    builder: &mut RecordSetBuilder,
    mode: ContentMode,
    meta: &EnvelopeMeta<'_>,
) -> Result<(), EnvelopeError> {
    match mode {
        ContentMode::Envelope => Ok(()),
        ContentMode::CloudEventsBinary => binary::write_headers(builder, meta),
        ContentMode::CloudEventsStructured => {
            builder.header(CONTENT_TYPE, Some(STRUCTURED_TYPE));
            Ok(())
        }
    }
}

/// Appends the value that belongs to `mode`.
#[inline]
pub(crate) fn write_value(
    out: &mut Vec<u8>,
    mode: ContentMode,
    meta: &EnvelopeMeta<'_>,
    data: &(impl Serialize + ?Sized),
) -> Result<(), EnvelopeError> {
    match mode {
        ContentMode::Envelope => write_envelope(out, meta, data),
        ContentMode::CloudEventsBinary => {
            meta.check()?;
            serde_json::to_writer(out, data).map_err(EnvelopeError::encode)
        }
        ContentMode::CloudEventsStructured => {
            meta.check()?;
            structured::write(out, meta, data)
        }
    }
}

impl<T: Serialize> EventEnvelope<T> {
    /// Appends this event to `builder` as a record with this key, in `mode`. The headers are behind those that were pushed
    /// for it before. Read again, it is equal; but in binary mode all unknown fields are text.
    ///
    /// # Errors
    ///
    /// When a text is empty or too long, the data cannot be written as JSON, or an unknown field cannot be written in this
    /// mode. Nothing is appended then.
    pub fn push_to(&self, builder: &mut RecordSetBuilder, key: Option<&[u8]>, mode: ContentMode) -> Result<(), EnvelopeError> {
        let (meta, len) = (self.meta(), builder.len());
        let offset = len as u64;
        let written = write_mode_headers(builder, mode, &meta)
            .and_then(|()| builder.push_with(offset, -1, key, |out| write_value(out, mode, &meta, &self.data)).map(drop));
        if written.is_err() {
            builder.truncate(len);
        }
        written
    }
}
