//! Owns the position of an entry: which record is the last one in it, as the header of its record says it.

use crate::contract::{Headers, Offset, TopicId};
use crate::handler::POSITION_HEADER;
use std::sync::Arc;

/// Which record is the last one in an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EntryPosition {
    /// The reprocessing run: entries of another one are no state of this one.
    pub(crate) run: u32,
    /// The input topic: offsets of one that was created anew mean nothing in the old.
    pub(crate) topic: TopicId,
    pub(crate) offset: Offset,
}

/// Dead letters that one entry can name. 64: together they are shorter than a record's other headers may be, and were there
/// more, the oldest of them would come again as done.
const MOST_LETTERS: usize = 64;

/// What stands behind an entry's offset: the dead letters below it that may come again, the latest first.
pub(super) fn letters_text(offsets: impl Iterator<Item = Offset>) -> String {
    let mut text = String::new();
    for offset in offsets.take(MOST_LETTERS) {
        text.push(if text.is_empty() { ';' } else { ',' });
        text.push_str(&offset.to_string());
    }
    text
}

/// Reads them; none if there are none, or if they cannot be read.
pub(super) fn letters(headers: Headers<'_>) -> Vec<Offset> {
    let list = headers.text(POSITION_HEADER).and_then(|text| text.split(';').nth(4)).unwrap_or_default();
    list.split(',').take(MOST_LETTERS).filter_map(|offset| offset.parse().ok()).collect()
}

impl EntryPosition {
    /// Its text before the offset.
    pub(crate) fn origin(run: u32, topic: TopicId) -> Arc<str> {
        format!("1;{run};{:x};", topic.0).into()
    }

    /// Reads it; `None` if it is not there, or not one.
    pub(crate) fn read(headers: Headers<'_>) -> Option<Self> {
        let mut parts = headers.text(POSITION_HEADER)?.strip_prefix("1;")?.split(';');
        let (run, topic, offset) = (parts.next()?, parts.next()?, parts.next()?);
        let topic = TopicId(u128::from_str_radix(topic, 16).ok()?);
        Some(EntryPosition { run: run.parse().ok()?, topic, offset: offset.parse().ok()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::RecordSetBuilder;

    fn read(text: &str) -> Option<EntryPosition> {
        let mut builder = RecordSetBuilder::new(0);
        builder.header(POSITION_HEADER, Some(text.as_bytes()));
        builder.push(0, 0, Some(b"k"), None);
        EntryPosition::read(builder.build().view(0).headers())
    }

    #[test]
    fn a_position_is_read_as_it_was_written() {
        let topic = TopicId(u128::MAX - 7);
        let text = format!("{}{}", EntryPosition::origin(3, topic), u64::MAX);
        assert_eq!(read(&text), Some(EntryPosition { run: 3, topic, offset: u64::MAX }));
    }

    #[test]
    fn the_letters_behind_a_position_are_read_as_they_were_written() {
        let mut builder = RecordSetBuilder::new(0);
        let text = format!("{}105{}", EntryPosition::origin(0, TopicId(7)), letters_text([104, 99].into_iter()));
        builder.header(POSITION_HEADER, Some(text.as_bytes()));
        builder.push(0, 0, Some(b"k"), None);
        let set = builder.build();
        assert_eq!(letters(set.view(0).headers()), [104, 99]);
        assert_eq!(EntryPosition::read(set.view(0).headers()).map(|position| position.offset), Some(105));
        assert_eq!(letters_text((0..200).rev()).split(',').count(), MOST_LETTERS);
    }

    #[test]
    fn what_is_no_position_is_none() {
        for text in ["", "1;", "2;0;0;5", "1;0;g;5", "1;0;0;-5", "1;0;0", "105"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
