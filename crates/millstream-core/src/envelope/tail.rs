//! The data of a scanned envelope, decoded where they stand, and what follows them; and those of CloudEvents.

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
        let Some(rest) = value.get(self.data_at()..) else { return self.decode_elsewhere(value, limits) };
        // The scan checked what stands before; the envelope's own bracket is open.
        limits.check_depth(value, self.data_at(), 1)?;
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
        let data = values.next().ok_or_else(truncated)?.map_err(EnvelopeError::decode)?;
        if self.flags & Self::WHOLE == 0 {
            scan_tail(value, self.data_at() + values.byte_offset(), *self, limits)?;
        }
        Ok(data)
    }

    /// Decodes data that do not begin inside the value: of a CloudEvent in binary mode, or without `data`.
    #[cold]
    fn decode_elsewhere<'de, T: Deserialize<'de>>(&self, value: &'de [u8], limits: &Limits) -> Result<T, EnvelopeError> {
        match self.content_mode() {
            ContentMode::Envelope => Err(ScanError::new(ScanFault::Truncated, value.len()).into()),
            ContentMode::CloudEventsStructured => structured::decode(self, value, limits),
            ContentMode::CloudEventsBinary if value.is_empty() => {
                T::deserialize(serde_json::Value::Null).map_err(EnvelopeError::decode)
            }
            ContentMode::CloudEventsBinary if self.flags & Self::OPAQUE != 0 => Err(CloudEventError::NotJson.into()),
            ContentMode::CloudEventsBinary => {
                limits.check_depth(value, 0, 0)?;
                serde_json::from_slice(value).map_err(EnvelopeError::decode)
            }
        }
    }
}
