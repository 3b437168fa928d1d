//! The data of a scanned envelope, decoded where they stand, and what follows them; and those of CloudEvents.

use std::borrow::Cow;

use serde::Deserialize;

use super::cloud_event::CloudEventError;
use super::content_mode::ContentMode;
use super::error::{EnvelopeError, ScanError, ScanFault};
use super::head::Head;
use super::limits::Limits;
use super::scan::scan_tail;
use super::structured;

impl Head {
    /// Decodes the data of the envelope this head was scanned from.
    ///
    /// Together with the scan this accepts exactly what
    /// [`EventEnvelope::from_json_within`](super::EventEnvelope::from_json_within) accepts, without
    /// reading the metadata again.
    ///
    /// # Errors
    ///
    /// When the data are nested too deep, are no JSON, or are of another type, or when what
    /// follows them is wrong.
    pub fn decode<'de, T: Deserialize<'de>>(&self, value: &'de [u8], limits: &Limits) -> Result<T, EnvelopeError> {
        let truncated = || ScanError::new(ScanFault::Truncated, value.len());
        let json = match value.get(self.data_at()..) {
            Some(json) => {
                // The scan checked what stands before; the envelope's own bracket is open.
                limits.check_depth(value, self.data_at(), 1)?;
                json
            }
            None => match self.elsewhere(value, limits)? {
                Cow::Borrowed(json) => json,
                Cow::Owned(json) => return decode_owned(&json),
            },
        };
        // One place where a slice is decoded, so that it is compiled into this one.
        let mut values = serde_json::Deserializer::from_slice(json).into_iter::<T>();
        let data = values.next().ok_or_else(truncated)?.map_err(EnvelopeError::decode)?;
        if self.flags & Self::WHOLE == 0 {
            // What stands for no data is not in the value, and has nothing behind it.
            let start = value.len().saturating_sub(json.len());
            self.check_tail(value, start + values.byte_offset(), limits)?;
        }
        Ok(data)
    }

    /// Checks what stands behind the data.
    #[inline(never)]
    fn check_tail(&self, value: &[u8], at: usize, limits: &Limits) -> Result<(), ScanError> {
        if !self.is_binary() {
            return scan_tail(value, at, *self, limits);
        }
        match value.get(at..).and_then(|rest| rest.iter().position(|byte| !byte.is_ascii_whitespace())) {
            Some(more) => Err(ScanError::new(ScanFault::Trailing, at + more)),
            None => Ok(()),
        }
    }

    /// The JSON of data that do not begin inside the value: of a CloudEvent in binary mode, or without `data`.
    #[cold]
    fn elsewhere<'de>(&self, value: &'de [u8], limits: &Limits) -> Result<Cow<'de, [u8]>, EnvelopeError> {
        let json: Cow<'de, [u8]> = match self.content_mode() {
            ContentMode::Envelope => return Err(ScanError::new(ScanFault::Truncated, value.len()).into()),
            ContentMode::CloudEventsStructured => match structured::base64(self, value, limits)? {
                Some(json) => Cow::Owned(json),
                None => Cow::Borrowed(b"null"),
            },
            ContentMode::CloudEventsBinary if value.is_empty() => Cow::Borrowed(b"null"),
            ContentMode::CloudEventsBinary if self.flags & Self::OPAQUE != 0 => return Err(CloudEventError::NotJson.into()),
            ContentMode::CloudEventsBinary => Cow::Borrowed(value),
        };
        limits.check_depth(&json, 0, 0)?;
        Ok(json)
    }
}

/// Decodes JSON that ends here. Through a reader, since nothing may borrow from it.
fn decode_owned<'de, T: Deserialize<'de>>(json: &[u8]) -> Result<T, EnvelopeError> {
    let mut json = serde_json::Deserializer::from_reader(json);
    let data = T::deserialize(&mut json).map_err(EnvelopeError::decode)?;
    json.end().map_err(EnvelopeError::decode)?;
    Ok(data)
}
