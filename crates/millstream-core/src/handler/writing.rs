//! Owns how an event becomes a record on its way out: key, headers and value, within the limits. Leaves ids to who writes,
//! and the forms on the wire to the envelope.

use super::emit_error::EmitError;
use super::lineage::Attached;
use crate::contract::RecordSetBuilder;
use crate::envelope::{CONTENT_TYPE, ContentMode, EnvelopeMeta, Limits, write_mode_headers, write_value};
use serde::Serialize;

/// A record that is written: all but its data.
pub(crate) struct Writing<'a> {
    pub(crate) meta: EnvelopeMeta<'a>,
    pub(crate) key: &'a [u8],
    pub(crate) mode: ContentMode,
    pub(crate) limits: &'a Limits,
    pub(crate) attached: Option<&'a Attached>,
    pub(crate) headers: &'a [(String, Vec<u8>)],
}

/// Checks a record's key.
#[inline]
pub(crate) fn check_key(key: &[u8], limits: &Limits) -> Result<(), EmitError> {
    if key.is_empty() {
        return Err(EmitError::EmptyKey);
    }
    if key.len() > limits.key_bytes {
        return Err(EmitError::KeyTooLong(limits.key_bytes));
    }
    Ok(())
}

/// Checks that a header is not one of those that say in which mode an event lies in its record.
pub(crate) fn check_header(name: &str) -> Result<(), EmitError> {
    if name.starts_with("ce_") || name.eq_ignore_ascii_case(CONTENT_TYPE) {
        return Err(EmitError::ReservedHeader(name.to_owned()));
    }
    Ok(())
}

impl Writing<'_> {
    /// Appends the record. On an error nothing of it stays.
    #[inline]
    pub(crate) fn push<T: Serialize + ?Sized>(
        &self,
        records: &mut RecordSetBuilder,
        offset: u64,
        data: &T,
    ) -> Result<(), EmitError> {
        let attached = self.attached.filter(|attached| !attached.is_empty());
        if attached.is_some() || !self.headers.is_empty() || self.mode != ContentMode::Envelope {
            self.push_headers(records, attached)?;
        }
        let most = self.limits.value_bytes;
        let pushed = records.push_with(offset, -1, Some(self.key), |out| {
            let start = out.len();
            write_value(out, self.mode, &self.meta, data).map_err(EmitError::Envelope)?;
            if out.len() - start > most { Err(EmitError::TooLarge(most)) } else { Ok(()) }
        });
        pushed.map(drop)
    }

    #[inline(never)]
    fn push_headers(&self, records: &mut RecordSetBuilder, attached: Option<&Attached>) -> Result<(), EmitError> {
        let len = records.len();
        let pushed = self.try_push_headers(records, attached);
        if pushed.is_err() {
            records.truncate(len);
        }
        pushed
    }

    fn try_push_headers(&self, records: &mut RecordSetBuilder, attached: Option<&Attached>) -> Result<(), EmitError> {
        write_mode_headers(records, self.mode, &self.meta).map_err(EmitError::Envelope)?;
        for (name, value) in attached.into_iter().flat_map(Attached::iter) {
            records.header(name, Some(value));
        }
        for (name, value) in self.headers {
            check_header(name)?;
            records.header(name, Some(value));
        }
        let (pending, limits) = (records.pending(), self.limits);
        if pending.len() > limits.headers {
            return Err(EmitError::TooManyHeaders(limits.headers));
        }
        if pending.bytes() > limits.header_bytes {
            return Err(EmitError::HeadersTooLarge(limits.header_bytes));
        }
        Ok(())
    }
}
