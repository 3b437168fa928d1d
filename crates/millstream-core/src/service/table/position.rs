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

impl EntryPosition {
    /// All of its text but the offset.
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
    fn what_is_no_position_is_none() {
        for text in ["", "1;", "2;0;0;5", "1;0;g;5", "1;0;0;-5", "1;0;0", "105"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
