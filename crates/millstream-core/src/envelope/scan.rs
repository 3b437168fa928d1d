//! The scan: an envelope's head, read without its data.
//!
//! It reads what deduplication and dispatch need for every record, and leaves the data to whoever
//! decodes them. What it accepts before the data, the full parse accepts too, and the other way
//! round; a defect in the data, or behind them, is reported by the decoder.

use super::error::{ScanError, ScanFault};
use super::head::{Field, Head};
use super::id::EventKey;
use super::limits::Limits;
use super::scanner::Scanner;
use super::usual::usual;

/// Reads the head of an envelope.
///
/// Stops at `data` when the metadata stand before it, as they do in what the framework writes;
/// else it goes on behind the data.
///
/// # Errors
///
/// When a limit is broken, the value is no JSON object, or a field is bad, missing or twice.
pub fn scan(value: &[u8], limits: &Limits) -> Result<Head, ScanError> {
    if let Some(head) = at_once(value, limits) {
        return Ok(head);
    }
    let head = scanned(value, limits)?;
    if head.has_id() {
        return Ok(head);
    }
    Err(ScanError::new(ScanFault::Missing(Field::Id.name()), 0))
}

/// As [`scan`], for envelopes that may lack an id: such a one is known by `fallback`, which is
/// asked only then.
///
/// # Errors
///
/// As [`scan`], but for the missing id.
pub fn scan_or_else(value: &[u8], limits: &Limits, fallback: impl FnOnce() -> EventKey) -> Result<Head, ScanError> {
    if let Some(head) = at_once(value, limits) {
        return Ok(head);
    }
    let mut head = scanned(value, limits)?;
    if !head.has_id() {
        head.key = fallback();
    }
    Ok(head)
}

/// Reads the head of an envelope as we write it.
#[inline(always)]
fn at_once(value: &[u8], limits: &Limits) -> Option<Head> {
    if limits.admit(value.len()) { usual(value) } else { None }
}

/// Reads the head of any envelope; its id may be missing.
#[inline(never)]
pub(super) fn scanned(value: &[u8], limits: &Limits) -> Result<Head, ScanError> {
    limits.check_start(value)?;
    let mut scanner = Scanner { value, at: 1, depth: limits.depth, head: Head::EMPTY };
    if limits.depth == 0 {
        return scanner.fail(ScanFault::TooDeep);
    }
    if scanner.in_our_order()? {
        return Ok(scanner.head);
    }
    if scanner.fields(true)? {
        scanner.head.flags |= Head::WHOLE;
    }
    for field in [Field::Type, Field::Timestamp, Field::Source, Field::Data] {
        if !scanner.head.has(field) {
            return scanner.fail(ScanFault::Missing(field.name()));
        }
    }
    Ok(scanner.head)
}

/// Reads the fields behind the data, given the byte after them; they must not stand before it.
pub(super) fn scan_tail(value: &[u8], at: usize, head: Head, limits: &Limits) -> Result<(), ScanError> {
    let mut scanner = Scanner { value, at, depth: limits.depth, head };
    scanner.fields(false).map(drop)
}
