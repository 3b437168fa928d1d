//! Owns the writing of a [`RecordSet`]: keys, values and headers are copied into one arena as they come.

use super::headers::Initials;
use super::{Headers, Meta, NULL, RecordSet, RecordView, Span};
use crate::contract::{Offset, Record};
use bytes::Bytes;

/// Fills a [`RecordSet`]. Offsets must be pushed in strictly rising order.
#[derive(Clone, Debug, Default)]
pub struct RecordSetBuilder {
    buf: Vec<u8>,
    meta: Vec<Meta>,
    headers: Vec<(Span, Span)>,
    base: Offset,
    initials: Initials,
}

impl RecordSetBuilder {
    /// An empty builder whose first record will not lie below `base`.
    pub fn new(base: Offset) -> Self {
        RecordSetBuilder { base, ..Self::default() }
    }

    /// An empty builder with room for `records` records of `bytes` bytes together.
    pub fn with_capacity(base: Offset, records: usize, bytes: usize) -> Self {
        RecordSetBuilder {
            buf: Vec::with_capacity(bytes),
            meta: Vec::with_capacity(records),
            headers: Vec::new(),
            base,
            initials: Initials::default(),
        }
    }

    /// How many records were pushed.
    pub fn len(&self) -> usize {
        self.meta.len()
    }

    /// Whether none was pushed.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
    }

    /// The bytes pushed so far.
    pub fn bytes(&self) -> usize {
        self.buf.len()
    }

    /// Appends a record; its headers are those pushed with [`header`](Self::header) since the last record.
    ///
    /// # Panics
    /// If the offset is below the builder's base or 2³² or more above it, or the arena passes 4 GiB.
    pub fn push(&mut self, offset: Offset, timestamp: i64, key: Option<&[u8]>, value: Option<&[u8]>) {
        let delta = u32::try_from(offset - self.base).expect("a set spans less than 2^32 offsets");
        let headers = u32::try_from(self.headers.len()).expect("a set has less than 2^32 headers");
        let key = self.keep(key);
        let value = self.keep(value);
        self.meta.push(Meta { delta, headers, key, value, timestamp });
    }

    /// Appends a header of the record that is pushed next.
    pub fn header(&mut self, name: &str, value: Option<&[u8]>) {
        self.initials.note(name);
        let name = self.keep(Some(name.as_bytes()));
        let value = self.keep(value);
        self.headers.push((name, value));
    }

    /// Appends a copy of a record seen elsewhere, under another offset.
    pub fn push_view(&mut self, offset: Offset, timestamp: i64, from: RecordView<'_>) {
        for (name, value) in from.headers() {
            self.header(name, value);
        }
        self.push(offset, timestamp, from.key(), from.value());
    }

    /// Appends a copy of an owned record.
    pub fn push_record(&mut self, offset: Offset, timestamp: i64, record: &Record) {
        for (name, value) in &record.headers {
            self.header(name, value.as_deref());
        }
        self.push(offset, timestamp, record.key.as_deref(), record.value.as_deref());
    }

    /// Writes a record's value straight into the arena; whatever `write` appended is the value. On an error nothing of
    /// it stays, the headers pushed for it included.
    ///
    /// # Errors
    /// Whatever `write` answers.
    pub fn push_with<E>(
        &mut self,
        offset: Offset,
        timestamp: i64,
        key: Option<&[u8]>,
        write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    ) -> Result<usize, E> {
        let before = self.end_of_records();
        let delta = u32::try_from(offset - self.base).expect("a set spans less than 2^32 offsets");
        let headers = u32::try_from(self.headers.len()).expect("a set has less than 2^32 headers");
        let key = self.keep(key);
        let start = self.buf.len();
        if let Err(error) = write(&mut self.buf) {
            self.buf.truncate(before);
            self.headers.truncate(self.meta.last().map_or(0, |m| m.headers as usize));
            return Err(error);
        }
        let value = span(start, self.buf.len() - start);
        self.meta.push(Meta { delta, headers, key, value, timestamp });
        Ok(self.buf.len() - before)
    }

    /// Forgets all records from the `len`th on.
    pub fn truncate(&mut self, len: usize) {
        self.meta.truncate(len);
        self.buf.truncate(self.end_of_records());
        self.headers.truncate(self.meta.last().map_or(0, |m| m.headers as usize));
    }

    /// Where the bytes of the last record end: bytes past it belong to headers of a record not pushed yet.
    fn end_of_records(&self) -> usize {
        let Some((last, others)) = self.meta.split_last() else { return 0 };
        let first_header = others.last().map_or(0, |m| m.headers as usize);
        let headers = self.headers[first_header..last.headers as usize].iter().flat_map(|(n, v)| [*n, *v]);
        let end = headers.chain([last.key, last.value]).filter(|s| s.len != NULL).map(|s| (s.start + s.len) as usize).max();
        end.unwrap_or_else(|| {
            // A record without any bytes ends where the one before it does.
            let before =
                RecordSetBuilder { meta: others.to_vec(), headers: self.headers.clone(), base: self.base, ..Self::default() };
            before.end_of_records()
        })
    }

    /// The record pushed `index`th, still in the builder.
    pub fn peek(&self, index: usize) -> (Option<&[u8]>, Option<&[u8]>) {
        let meta = &self.meta[index];
        (meta.key.of(&self.buf), meta.value.of(&self.buf))
    }

    /// The headers of the record pushed `index`th, still in the builder.
    pub fn peek_headers(&self, index: usize) -> Headers<'_> {
        let first = index.checked_sub(1).map_or(0, |before| self.meta[before].headers as usize);
        Headers { buf: &self.buf, spans: &self.headers[first..self.meta[index].headers as usize] }
    }

    /// The headers of the record that is pushed next.
    pub fn pending(&self) -> Headers<'_> {
        let first = self.meta.last().map_or(0, |m| m.headers as usize);
        Headers { buf: &self.buf, spans: &self.headers[first..] }
    }

    /// Whether any record has a header.
    #[inline]
    pub(crate) fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// Ends the building.
    pub fn build(self) -> RecordSet {
        RecordSet { buf: Bytes::from(self.buf), meta: self.meta, headers: self.headers, base: self.base, initials: self.initials }
    }

    fn keep(&mut self, bytes: Option<&[u8]>) -> Span {
        let Some(bytes) = bytes else { return Span::ABSENT };
        let start = self.buf.len();
        self.buf.extend_from_slice(bytes);
        span(start, bytes.len())
    }
}

fn span(start: usize, len: usize) -> Span {
    let start = u32::try_from(start).expect("an arena stays below 4 GiB");
    let len = u32::try_from(len).expect("an arena stays below 4 GiB");
    Span { start, len }
}
