//! The data of a scanned envelope, decoded where they stand, and what follows them.

use serde::Deserialize;

use super::error::{EnvelopeError, ScanError, ScanFault};
use super::head::Head;
use super::limits::Limits;
use super::scan::scan_tail;

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
        let rest = value.get(self.data_at()..).ok_or_else(truncated)?;
        // The scan checked what stands before; the envelope's own bracket is open.
        limits.check_depth(value, self.data_at(), 1)?;
        let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<T>();
        let data = values.next().ok_or_else(truncated)?.map_err(EnvelopeError::decode)?;
        if self.flags & Self::WHOLE == 0 {
            scan_tail(value, self.data_at() + values.byte_offset(), *self, limits)?;
        }
        Ok(data)
    }
}
