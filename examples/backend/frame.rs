//! Owns a record as bytes in a file: what there is of it, each part with its length, and the whole with its own.

use millstream::contract::{RecordSetBuilder, RecordView};

/// The length of what is not there.
const NULL: u32 = u32::MAX;

/// Appends a record to `to`.
pub(crate) fn write(record: RecordView<'_>, timestamp: i64, to: &mut Vec<u8>) {
    let start = to.len();
    to.extend([0; 4]);
    to.extend(timestamp.to_le_bytes());
    part(record.key(), to);
    part(record.value(), to);
    for (name, value) in record.headers() {
        part(Some(name.as_bytes()), to);
        part(value, to);
    }
    let length = u32::try_from(to.len() - start - 4).expect("records are bounded far below 4 GiB");
    to[start..start + 4].copy_from_slice(&length.to_le_bytes());
}

fn part(bytes: Option<&[u8]>, to: &mut Vec<u8>) {
    let length = bytes.map_or(NULL, |bytes| u32::try_from(bytes.len()).expect("records are bounded far below 4 GiB"));
    to.extend(length.to_le_bytes());
    to.extend(bytes.unwrap_or_default());
}

/// The bytes of the first record in `from` without its length, and what is behind it; `None` if it is not whole.
pub(crate) fn split(from: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = from.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

/// Puts a record into a set. `None` if its bytes are none of ours.
pub(crate) fn read(frame: &[u8], offset: u64, into: &mut RecordSetBuilder) -> Option<()> {
    let (timestamp, rest) = frame.split_first_chunk::<8>()?;
    let (key, rest) = next(rest)?;
    let (value, mut rest) = next(rest)?;
    while !rest.is_empty() {
        let (name, behind) = next(rest)?;
        let (value, behind) = next(behind)?;
        into.header(std::str::from_utf8(name?).ok()?, value);
        rest = behind;
    }
    into.push(offset, i64::from_le_bytes(*timestamp), key, value);
    Some(())
}

/// The bytes of key, value and headers, by which demand is counted.
pub(crate) fn size(frame: &[u8]) -> u64 {
    let (mut size, mut rest) = (0, frame.get(8..).unwrap_or_default());
    while let Some((bytes, behind)) = next(rest) {
        size += bytes.map_or(0, |bytes| bytes.len() as u64);
        rest = behind;
    }
    size
}

fn next(from: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (length, rest) = from.split_first_chunk::<4>()?;
    match u32::from_le_bytes(*length) {
        NULL => Some((None, rest)),
        length => rest.split_at_checked(length as usize).map(|(bytes, rest)| (Some(bytes), rest)),
    }
}
