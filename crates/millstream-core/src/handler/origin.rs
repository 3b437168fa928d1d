//! Owns where a record lay before a copy of it went to a retry topic, as the copy's headers tell. Leaves when it is tried
//! again to the service.
//!
//! Headers come from the wire, where anybody may have written them (F56). They are read only on retry topics of the
//! service's own group, and what they say of attempts and times is bounded by those who read it.

use crate::contract::{Headers, Position, RecordView, TopicId};
use bytes::Bytes;

/// All headers of a copy begin with this; a record's own that do are replaced, so that a copy of a copy does not grow.
pub(crate) const RETRY_HEADERS: &str = "millstream-retry-";

/// The headers of a copy, and their bytes at most: they come on top of what a record may have.
pub(crate) const RETRY_HEADERS_ADD: (usize, usize) = (7, 1_024);

/// Where a record lay first, and what became of it there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Origin {
    pub(crate) topic_id: TopicId,
    pub(crate) position: Position,
    /// Handler calls made so far.
    pub(crate) attempts: u32,
    /// Milliseconds since the Unix epoch of the first failure.
    pub(crate) first_failed_at: u64,
    /// Milliseconds since the Unix epoch before which it is not to be tried again.
    pub(crate) due_at: u64,
}

impl Origin {
    /// What the headers of a copy say; `None` if they are not all there.
    pub(crate) fn read(headers: Headers<'_>) -> Option<Self> {
        let text = |name: &str| headers.text(&format!("{RETRY_HEADERS}{name}"));
        Some(Origin {
            topic_id: TopicId(u128::from_str_radix(text("topic-id")?, 16).ok()?),
            position: Position { partition: text("partition")?.parse().ok()?, offset: text("offset")?.parse().ok()? },
            attempts: text("attempts")?.parse().ok()?,
            first_failed_at: text("first-failed-at")?.parse().ok()?,
            due_at: text("due-at")?.parse().ok()?,
        })
    }

    /// Whether a record is a copy that another group has made for itself.
    pub(crate) fn is_of_another(headers: Headers<'_>, group: &str) -> bool {
        headers.find(&format!("{RETRY_HEADERS}group")).is_some_and(|of| of != group.as_bytes())
    }

    /// Puts the headers of a copy made by `group` in place of those that are there.
    pub(crate) fn write(&self, group: &str, headers: &mut Vec<(String, Option<Bytes>)>) {
        headers.retain(|(name, _)| !name.starts_with(RETRY_HEADERS));
        let mut put = |name: &str, value: String| headers.push((format!("{RETRY_HEADERS}{name}"), Some(Bytes::from(value))));
        put("group", group.to_owned());
        put("topic-id", format!("{:032x}", self.topic_id.0));
        put("partition", self.position.partition.to_string());
        put("offset", self.position.offset.to_string());
        put("attempts", self.attempts.to_string());
        put("first-failed-at", self.first_failed_at.to_string());
        put("due-at", self.due_at.to_string());
    }
}

/// Where a record of `partition` lies; of a copy in a retry topic, where it lay first.
pub(crate) fn position_of(record: RecordView<'_>, partition: u32, copied: bool) -> Position {
    let here = Position { partition, offset: record.offset() };
    if copied { Origin::read(record.headers()).map_or(here, |origin| origin.position) } else { here }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contract::{Epoch, RecordBatch, RecordSetBuilder, TopicPartition};
    use std::sync::Arc;

    const ORIGIN: Origin = Origin {
        topic_id: TopicId(7),
        position: Position { partition: 3, offset: 42 },
        attempts: 4,
        first_failed_at: 1_700_000_000_000,
        due_at: 1_700_000_010_000,
    };

    fn batch(headers: &[(String, Option<Bytes>)]) -> RecordBatch {
        let mut set = RecordSetBuilder::new(9);
        for (name, value) in headers {
            set.header(name, value.as_deref());
        }
        set.push(9, 0, None, None);
        let topic = "paper.orders.new.retry.1".parse().expect("a topic");
        RecordBatch::new(TopicPartition::new(topic, 1), Epoch(1), Arc::new(set.build()), 0..1, 10)
    }

    fn written() -> Vec<(String, Option<Bytes>)> {
        let mut headers = vec![("tenant".to_owned(), Some(Bytes::from_static(b"blue")))];
        ORIGIN.write("desk", &mut headers);
        headers
    }

    #[test]
    fn what_is_written_is_read_and_the_records_own_headers_stay() {
        let headers = written();
        assert_eq!(headers[0].0, "tenant");
        assert_eq!(Origin::read(batch(&headers).view(0).headers()), Some(ORIGIN));
        assert_eq!(position_of(batch(&headers).view(0), 1, true), ORIGIN.position);
        assert_eq!(position_of(batch(&headers).view(0), 1, false), Position { partition: 1, offset: 9 });
    }

    #[test]
    fn a_copy_of_a_copy_does_not_grow() {
        let (once, mut twice) = (written(), written());
        ORIGIN.write("desk", &mut twice);
        assert_eq!(once, twice);
        let ours = once.iter().filter(|(name, _)| name.starts_with(RETRY_HEADERS));
        assert!(ours.clone().count() <= RETRY_HEADERS_ADD.0);
        assert!(ours.map(|(name, value)| name.len() + value.as_deref().map_or(0, <[u8]>::len)).sum::<usize>() < 400);
    }

    #[test]
    fn headers_that_are_not_all_in_order_say_nothing() {
        for index in 1..written().len() {
            for value in [None, Some(Bytes::from_static(b"-1"))] {
                let mut headers = written();
                if !headers[index].0.ends_with("group") {
                    headers[index].1 = value;
                    assert_eq!(Origin::read(batch(&headers).view(0).headers()), None, "{:?}", headers[index]);
                }
            }
        }
        assert_eq!(position_of(batch(&[]).view(0), 1, true), Position { partition: 1, offset: 9 });
    }

    #[test]
    fn a_copy_belongs_to_the_group_that_made_it() {
        assert!(!Origin::is_of_another(batch(&written()).view(0).headers(), "desk"));
        assert!(Origin::is_of_another(batch(&written()).view(0).headers(), "risk"));
        assert!(!Origin::is_of_another(batch(&[]).view(0).headers(), "risk"), "what nobody claims is everybody's");
    }
}
