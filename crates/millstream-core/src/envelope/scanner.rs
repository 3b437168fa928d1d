//! How the scan walks over the bytes of an envelope, field by field.
//!
//! This walk takes any envelope. The usual one is read in `usual` at once and does not come here.
//! Three ways through a text: as we write it ourselves, plain, and decoded by the full parser's
//! own means when it has escapes or seems wrong. Only the last allocates.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::error::{ScanError, ScanFault};
use super::head::{Field, Head};
use super::hex;
use super::id::EventKey;
use super::limits::{MAX_TEXT_BYTES, string_end, value_end};
use super::text::{is_id, plain_len};
use super::timestamp::Timestamp;

/// All fields of text and the version: when these were seen, nothing more is of interest.
pub(super) const METADATA: u16 = Field::Data.bit() - 1;

/// Where a walk is, and what it found.
pub(super) struct Scanner<'v> {
    pub(super) value: &'v [u8],
    /// The next byte to look at.
    pub(super) at: usize,
    /// How deep the value may be nested.
    pub(super) depth: u32,
    pub(super) head: Head,
}

impl Scanner<'_> {
    #[cold]
    pub(super) fn fail<T>(&self, fault: ScanFault) -> Result<T, ScanError> {
        Err(ScanError::new(fault, self.at))
    }

    /// Takes the fields that stand in the order and spelling we write ourselves, though some may
    /// be left out. True when that led to the data, with nothing left to look for.
    #[inline]
    pub(super) fn in_our_order(&mut self) -> Result<bool, ScanError> {
        if !self.literal(b"\"id\":\"") {
            return Ok(false);
        }
        if !self.usual_text(Field::Id) {
            self.decoded_text(Field::Id)?;
        }
        if self.literal(b",\"type\":\"") && !self.usual_text(Field::Type) {
            self.decoded_text(Field::Type)?;
        }
        if self.literal(b",\"timestamp\":\"") && !self.usual_text(Field::Timestamp) {
            self.decoded_text(Field::Timestamp)?;
        }
        if self.literal(b",\"source\":\"") && !self.usual_text(Field::Source) {
            self.decoded_text(Field::Source)?;
        }
        if self.literal(b",\"correlation_id\":\"") && !self.usual_text(Field::Correlation) {
            self.decoded_text(Field::Correlation)?;
        }
        if self.literal(b",\"causation_id\":\"") {
            if !self.usual_text(Field::Causation) {
                self.decoded_text(Field::Causation)?;
            }
        } else if self.literal(b",\"causation_id\":null") {
            self.head.flags |= Field::Causation.bit();
        }
        if self.literal(b",\"broker\":\"") {
            if !self.usual_text(Field::Broker) {
                self.decoded_text(Field::Broker)?;
            }
        } else if self.literal(b",\"broker\":null") {
            self.head.flags |= Field::Broker.bit();
        }
        if self.literal(b",\"schema_version\":") {
            self.version()?;
        }
        if self.head.flags & METADATA == METADATA && self.literal(b",\"data\":") {
            self.head.flags |= Field::Data.bit();
            self.head.data_at = self.at as u32;
            return Ok(true);
        }
        Ok(false)
    }

    /// Takes fields in any order and spelling, from between two of them. True at the end of the
    /// object, false at data with nothing left to look for.
    pub(super) fn fields(&mut self, head: bool) -> Result<bool, ScanError> {
        let mut first = self.at == 1;
        loop {
            self.space();
            match self.peek()? {
                b'}' => {
                    self.at += 1;
                    self.space();
                    return match self.value.get(self.at) {
                        None => Ok(true),
                        Some(_) => self.fail(ScanFault::Trailing),
                    };
                }
                b',' if !first => {
                    self.at += 1;
                    self.space();
                }
                b'"' if first => {}
                _ => return self.fail(ScanFault::Syntax),
            }
            first = false;
            let field = self.name()?;
            self.space();
            if self.peek()? != b':' {
                return self.fail(ScanFault::Syntax);
            }
            self.at += 1;
            self.space();
            let Some(field) = field else {
                self.unknown()?;
                continue;
            };
            if self.head.has(field) {
                return self.fail(ScanFault::Twice(field.name()));
            }
            match field {
                Field::SchemaVersion => self.version()?,
                Field::Data => {
                    self.head.flags |= Field::Data.bit();
                    self.head.data_at = self.at as u32;
                    if head && self.head.flags & METADATA == METADATA {
                        return Ok(false);
                    }
                    self.at = value_end(self.value, self.at, self.depth.saturating_sub(1))?;
                }
                Field::Correlation | Field::Causation | Field::Broker => {
                    self.text_or_null(field)?;
                }
                _ if self.peek()? == b'"' => {
                    self.at += 1;
                    self.text(field)?;
                }
                _ => return self.fail(ScanFault::Type(field.name())),
            }
        }
    }

    /// Takes these bytes if they stand here.
    #[inline]
    fn literal<const N: usize>(&mut self, bytes: &[u8; N]) -> bool {
        let found = self.value.get(self.at..).and_then(<[u8]>::first_chunk::<N>) == Some(bytes);
        if found {
            self.at += N;
        }
        found
    }

    fn peek(&self) -> Result<u8, ScanError> {
        match self.value.get(self.at) {
            Some(byte) => Ok(*byte),
            None => self.fail(ScanFault::Truncated),
        }
    }

    fn space(&mut self) {
        while let Some(b' ' | b'\t' | b'\n' | b'\r') = self.value.get(self.at) {
            self.at += 1;
        }
    }

    /// Takes a field's name with its quotes.
    fn name(&mut self) -> Result<Option<Field>, ScanError> {
        if self.peek()? != b'"' {
            return self.fail(ScanFault::Syntax);
        }
        let start = self.at + 1;
        let end = start + plain_len(&self.value[start..]);
        if self.value.get(end) == Some(&b'"') {
            self.at = end + 1;
            return Ok(Field::named(&self.value[start..end]));
        }
        let (name, end) = self.decoded(start)?;
        self.at = end + 1;
        Ok(Field::named(name.as_bytes()))
    }

    /// The string that begins at `start`, decoded as the full parse does, and where its closing
    /// quote stands.
    #[cold]
    fn decoded(&self, start: usize) -> Result<(String, usize), ScanError> {
        let Some(end) = string_end(self.value, start) else {
            return self.fail(ScanFault::Truncated);
        };
        match serde_json::from_slice(&self.value[start - 1..=end]) {
            Ok(text) => Ok((text, end)),
            Err(_) => self.fail(ScanFault::Syntax),
        }
    }

    fn text_or_null(&mut self, field: Field) -> Result<(), ScanError> {
        if self.literal(b"null") {
            self.head.flags |= field.bit();
            return Ok(());
        }
        if self.peek()? != b'"' {
            return self.fail(ScanFault::Type(field.name()));
        }
        self.at += 1;
        self.text(field)
    }

    /// Takes a text, from behind its opening quote, and notes where it stands.
    fn text(&mut self, field: Field) -> Result<(), ScanError> {
        if self.usual_text(field) { Ok(()) } else { self.decoded_text(field) }
    }

    /// Takes a text that is good as it stands; else leaves it to
    /// [`decoded_text`](Self::decoded_text). Inlined, so that nothing is asked about a field that
    /// is known.
    #[inline(always)]
    fn usual_text(&mut self, field: Field) -> bool {
        let start = self.at;
        let Some(rest) = self.value.get(start..) else {
            return false;
        };
        // What we make ourselves: a UUID, and a timestamp with milliseconds. Their checks below
        // leave no room for a quote before the one found here.
        let usual = match field {
            Field::Id | Field::Correlation | Field::Causation => 36,
            Field::Timestamp => 24,
            _ => 0,
        };
        let len = if usual > 0 && rest.get(usual) == Some(&b'"') { usual } else { plain_len(rest) };
        let Some((text, [b'"', ..])) = rest.split_at_checked(len) else {
            return false;
        };
        let good = match field {
            Field::Id => match text.first_chunk().filter(|_| len == 36).and_then(hex::uuid) {
                Some(bits) => {
                    self.head.key = EventKey::from_u128(bits);
                    true
                }
                None => {
                    self.head.key = EventKey::of_other_text(text);
                    is_id(text)
                }
            },
            Field::Correlation | Field::Causation => is_id(text),
            Field::Timestamp => Timestamp::is_valid(text),
            Field::Type | Field::Source => !text.is_empty() && len <= MAX_TEXT_BYTES,
            _ => len <= MAX_TEXT_BYTES,
        };
        if good {
            self.note(field, start, start + len);
        }
        good
    }

    /// As [`text`](Self::text), for text that is not plain or seems wrong.
    #[cold]
    fn decoded_text(&mut self, field: Field) -> Result<(), ScanError> {
        let start = self.at;
        let (text, end) = self.decoded(start)?;
        self.check(field, text.as_bytes())?;
        if field == Field::Id {
            self.head.key = EventKey::of_text(&text);
        }
        if self.value[start..end].contains(&b'\\') {
            self.head.flags |= Head::ESCAPED;
        }
        self.note(field, start, end);
        Ok(())
    }

    fn check(&self, field: Field, text: &[u8]) -> Result<(), ScanError> {
        let name = field.name();
        match field {
            Field::Id | Field::Correlation | Field::Causation if !is_id(text) => self.fail(ScanFault::Id(name)),
            Field::Timestamp if !Timestamp::is_valid(text) => self.fail(ScanFault::Timestamp),
            Field::Type | Field::Source if text.is_empty() => self.fail(ScanFault::Text(name)),
            Field::Type | Field::Source | Field::Broker if text.len() > MAX_TEXT_BYTES => self.fail(ScanFault::Text(name)),
            _ => Ok(()),
        }
    }

    #[inline]
    fn note(&mut self, field: Field, start: usize, end: usize) {
        self.head.flags |= field.bit();
        self.head.starts[field as usize] = start as u32;
        self.head.lens[field as usize] = u8::try_from(end - start).unwrap_or(Head::LONG);
        self.at = end + 1;
    }

    /// Takes the schema's version: digits only, as the full parse reads a `u32`.
    fn version(&mut self) -> Result<(), ScanError> {
        let wrong = ScanFault::Type(Field::SchemaVersion.name());
        let start = self.at;
        let mut version = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.value.get(self.at) {
            version = version * 10 + u64::from(digit - b'0');
            self.at += 1;
            if version > u64::from(u32::MAX) {
                return self.fail(wrong);
            }
        }
        let leading_zero = self.at > start + 1 && self.value[start] == b'0';
        let more = matches!(self.value.get(self.at), Some(b'.' | b'e' | b'E'));
        if self.at == start || leading_zero || more {
            return self.fail(wrong);
        }
        self.head.flags |= Field::SchemaVersion.bit();
        self.head.schema_version = version as u32;
        Ok(())
    }

    /// Takes the value of a field we do not know. It is checked as the full parse checks it.
    #[cold]
    fn unknown(&mut self) -> Result<(), ScanError> {
        let rest = &self.value[self.at..];
        let Ok(raw) = <&RawValue>::deserialize(&mut serde_json::Deserializer::from_slice(rest)) else {
            return self.fail(ScanFault::Syntax);
        };
        value_end(self.value, self.at, self.depth.saturating_sub(1))?;
        self.at += raw.get().len();
        Ok(())
    }
}
