//! The way through an envelope as we write it ourselves: all fields, in our order, without
//! spaces, and texts without escapes.
//!
//! It runs for every record, refuses nothing and reports nothing: of what is not as usual it says
//! so, and leaves all of it to the walk that takes anything (`scanner`).

use super::head::{Field, Head};
use super::hex;
use super::id::EventKey;
use super::limits::MAX_TEXT_BYTES;
use super::scanner::METADATA;
use super::text::{is_id, plain_len};
use super::timestamp::Timestamp;

/// How long a text is, and what follows it, from its closing quote on.
type Taken<'v> = (usize, &'v [u8]);

/// Stands for the id where that is no UUID. Any UUID will do: an equal one is a UUID too.
const NIL: [u8; 36] = *b"00000000-0000-0000-0000-000000000000";

/// The head of an envelope that is as usual up to its data. The value is shorter than 4 GiB.
///
/// What ends a text is compared with the name that follows: a text that was taken to be shorter
/// than it is has no quote there. The head is put together when all of it is known, which takes
/// fewer steps than noting field by field.
#[inline(always)]
pub(super) fn usual(value: &[u8]) -> Option<Head> {
    let start = |rest: &[u8]| (value.len() - rest.len()) as u32;
    let id = behind(value, b"{\"id\":\"")?;
    let (key, own, (id_len, rest)) = identity(id)?;
    let event_type = behind(rest, b"\",\"type\":\"")?;
    let (type_len, rest) = name(event_type)?;
    let time = behind(rest, b"\",\"timestamp\":\"")?;
    let (time_len, rest) = timestamp(time)?;
    let source = behind(rest, b"\",\"source\":\"")?;
    let (source_len, rest) = name(source)?;
    let correlation = behind(rest, b"\",\"correlation_id\":\"")?;
    let (correlation_len, rest) = related(correlation, own)?;
    let rest = behind(rest, b"\",\"causation_id\":")?;
    let (causation_at, causation_len, rest) = match behind(rest, b"null,\"broker\":") {
        Some(rest) => (0, 0, rest),
        None => {
            let causation = behind(rest, b"\"")?;
            let (len, rest) = related(causation, own)?;
            (start(causation), len, behind(rest, b"\",\"broker\":")?)
        }
    };
    let (broker_at, broker_len, rest) = match behind(rest, b"\"") {
        Some(broker) => {
            let (len, rest) = plain(broker)?;
            (start(broker), len, behind(rest, b"\",\"schema_version\":")?)
        }
        None => (0, 0, behind(rest, b"null,\"schema_version\":")?),
    };
    let [version @ b'0'..=b'9', rest @ ..] = rest else {
        return None;
    };
    let data = behind(rest, b",\"data\":")?;
    Some(Head {
        key,
        starts: [start(id), start(event_type), start(time), start(source), start(correlation), causation_at, broker_at],
        data_at: start(data),
        schema_version: u32::from(version - b'0'),
        // At most 255, which is `Head::LONG` and right as well.
        lens: [
            id_len as u8,
            type_len as u8,
            time_len as u8,
            source_len as u8,
            correlation_len as u8,
            causation_len as u8,
            broker_len as u8,
        ],
        flags: METADATA | Field::Data.bit(),
    })
}

/// What follows these bytes, if they stand here.
#[inline(always)]
fn behind<'v, const N: usize>(rest: &'v [u8], bytes: &[u8; N]) -> Option<&'v [u8]> {
    match rest.split_first_chunk() {
        Some((start, rest)) if same(start, bytes) => Some(rest),
        _ => None,
    }
}

/// Compares by whole words, the last of which may overlap the one before: arrays of these lengths
/// would be put together from smaller parts first, or compared by a call.
#[inline(always)]
fn same<const N: usize>(a: &[u8; N], b: &[u8; N]) -> bool {
    if let (Some(a_last), Some(b_last)) = (a.last_chunk(), b.last_chunk()) {
        let words = a.as_chunks().0.iter().zip(b.as_chunks().0);
        return words.fold(other(a_last, b_last), |found, (a, b)| found | other(a, b)) == 0;
    }
    match (a.first_chunk::<4>(), a.last_chunk::<4>(), b.first_chunk::<4>(), b.last_chunk::<4>()) {
        (Some(a_first), Some(a_last), Some(b_first), Some(b_last)) => a_first == b_first && a_last == b_last,
        _ => a == b,
    }
}

/// The bits in which two words differ.
#[inline(always)]
fn other(a: &[u8; 8], b: &[u8; 8]) -> u64 {
    u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b)
}

/// Text without escapes that is short enough.
#[inline(always)]
fn plain(rest: &[u8]) -> Option<Taken<'_>> {
    let len = plain_len(rest);
    if len > MAX_TEXT_BYTES { None } else { Some((len, rest.get(len..)?)) }
}

/// As [`plain`], but not empty.
#[inline(always)]
fn name(rest: &[u8]) -> Option<Taken<'_>> {
    let len = plain_len(rest);
    if len.wrapping_sub(1) >= MAX_TEXT_BYTES { None } else { Some((len, rest.get(len..)?)) }
}

/// The event's key, and its id if that is a UUID.
#[inline(always)]
fn identity(rest: &[u8]) -> Option<(EventKey, &[u8; 36], Taken<'_>)> {
    if let Some((text, rest)) = rest.split_first_chunk()
        && let Some(bits) = hex::uuid(text)
    {
        return Some((EventKey::from_u128(bits), text, (36, rest)));
    }
    let (len, after) = other_id(rest)?;
    Some((EventKey::of_other_text(&rest[..len]), &NIL, (len, after)))
}

/// An id that is not the event's. A root's correlation is the event's own id, which was checked.
#[inline(always)]
fn related<'v>(rest: &'v [u8], own: &[u8; 36]) -> Option<Taken<'v>> {
    match rest.split_first_chunk() {
        Some((text, rest)) if same(text, own) || hex::is_uuid(text) => Some((36, rest)),
        _ => other_id(rest),
    }
}

/// An id of any allowed text.
#[inline(never)]
fn other_id(rest: &[u8]) -> Option<Taken<'_>> {
    let (text, rest) = rest.split_at_checked(plain_len(rest))?;
    is_id(text).then_some((text.len(), rest))
}

#[inline(always)]
fn timestamp(rest: &[u8]) -> Option<Taken<'_>> {
    match rest.split_first_chunk() {
        Some((text, rest)) if Timestamp::is_usual(text) => Some((24, rest)),
        _ => other_timestamp(rest),
    }
}

/// A timestamp of any allowed text.
#[inline(never)]
fn other_timestamp(rest: &[u8]) -> Option<Taken<'_>> {
    let (text, rest) = rest.split_at_checked(plain_len(rest))?;
    Timestamp::is_valid(text).then_some((text.len(), rest))
}

#[cfg(test)]
mod tests {
    use super::super::{EnvelopeMeta, EventId, IdRef, Limits, Timestamp, scan::scanned, write_envelope};
    use super::usual;

    fn written(change: impl FnOnce(&mut EnvelopeMeta<'static>)) -> Vec<u8> {
        let id = EventId::from_u128(0x0193_88a0_1b2c_7def_8123_4567_89ab_cdef);
        let mut meta = EnvelopeMeta::new(id, "market_tick", Timestamp::from_millis(1_764_062_100_250), "feed");
        change(&mut meta);
        let mut out = Vec::new();
        write_envelope(&mut out, &meta, &7).expect("a number can be written");
        out
    }

    fn all_kinds() -> Vec<Vec<u8>> {
        let text = |text| IdRef::parse(text).expect("an id");
        vec![
            written(|_| {}),
            written(|meta| meta.broker = Some("paper")),
            written(|meta| meta.causation_id = Some(EventId::from_u128(9).into())),
            written(|meta| (meta.id, meta.causation_id) = (text("tick-1"), Some(text("order:7")))),
            written(|meta| (meta.correlation_id, meta.broker) = (text("019388A0-1B2C-7DEF-8123-456789ABCDEF"), Some(""))),
            written(|meta| meta.timestamp = Timestamp::from_micros(1_764_062_100_250_001)),
            written(|meta| meta.timestamp = Timestamp::UNIX_EPOCH),
            written(|meta| meta.timestamp = Timestamp::from_millis(1_709_251_199_999)),
        ]
    }

    #[test]
    fn what_we_write_is_as_usual() {
        for value in all_kinds() {
            let head = scanned(&value, &Limits::DEFAULT).expect("we wrote it");
            assert_eq!(usual(&value), Some(head), "{}", value.escape_ascii());
        }
    }

    #[test]
    fn what_is_as_usual_reads_the_same_the_other_way() {
        for value in all_kinds() {
            let mut other = value.clone();
            let data_at = usual(&value).expect("it is as usual").data_at();
            for at in 0..data_at {
                assert_eq!(usual(&value[..at]), None, "cut at {at}");
                for byte in 0..=u8::MAX {
                    other[at] = byte;
                    if let Some(head) = usual(&other) {
                        assert_eq!(scanned(&other, &Limits::DEFAULT), Ok(head), "{}", other.escape_ascii());
                    }
                }
                other[at] = value[at];
            }
        }
    }
}
