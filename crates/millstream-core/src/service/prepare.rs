//! Owns what is found out about a record before its handler starts: its identity, its head, and whether it breaks a
//! limit. Leaves decoding to the handler's arguments.

use super::settings::IdSource;
use crate::contract::{RecordView, TopicId};
use crate::envelope::{EventKey, Head, Limits, scan};

/// What is known of one record.
pub(crate) struct Prepared {
    /// What it is deduplicated by.
    pub(crate) key: EventKey,
    /// Its envelope's head; `None` if the value is no envelope.
    pub(crate) head: Option<Head>,
    /// Why it is poison.
    pub(crate) poison: Option<Box<str>>,
}

/// Reads identities of records of one partition.
pub(crate) struct Preparer {
    pub(crate) source: IdSource,
    pub(crate) limits: Limits,
    pub(crate) topic_id: TopicId,
    pub(crate) partition: u32,
}

impl Preparer {
    /// Reads one record.
    #[inline]
    pub(crate) fn prepare(&self, record: RecordView<'_>) -> Prepared {
        if let Some(poison) = self.breaks_limit(record) {
            return Prepared { key: self.position_key(record), head: None, poison: Some(poison) };
        }
        match &self.source {
            IdSource::Envelope => match record.value() {
                Some(value) => match scan(value, &self.limits) {
                    Ok(head) => Prepared { key: head.key(), head: Some(head), poison: None },
                    Err(error) => Prepared { key: self.position_key(record), head: None, poison: Some(error.to_string().into()) },
                },
                None => Prepared { key: self.position_key(record), head: None, poison: None },
            },
            IdSource::Header(name) => {
                let key = match record.headers().find(name) {
                    Some(id) => match <[u8; 16]>::try_from(id) {
                        Ok(bits) => EventKey::from_u128(u128::from_be_bytes(bits)),
                        Err(_) => match std::str::from_utf8(id) {
                            Ok(text) if !text.is_empty() => EventKey::of_text(text),
                            _ => self.position_key(record),
                        },
                    },
                    None => self.position_key(record),
                };
                Prepared { key, head: None, poison: None }
            }
            IdSource::Position => Prepared { key: self.position_key(record), head: None, poison: None },
        }
    }

    fn position_key(&self, record: RecordView<'_>) -> EventKey {
        EventKey::of_position(self.topic_id.0, self.partition, record.offset())
    }

    #[inline]
    fn breaks_limit(&self, record: RecordView<'_>) -> Option<Box<str>> {
        let limits = &self.limits;
        if record.key().is_some_and(|key| key.len() > limits.key_bytes) {
            return Some(format!("the key is longer than {} bytes", limits.key_bytes).into());
        }
        if record.value().is_some_and(|value| value.len() > limits.value_bytes) {
            return Some(format!("the value is larger than {} bytes", limits.value_bytes).into());
        }
        let headers = record.headers();
        if headers.is_empty() {
            return None;
        }
        if headers.len() > limits.headers {
            return Some(format!("the record has more than {} headers", limits.headers).into());
        }
        if headers.bytes() > limits.header_bytes {
            return Some(format!("the headers are larger than {} bytes", limits.header_bytes).into());
        }
        None
    }
}

impl Prepared {
    /// The same once more, for a record that leaves the fast path. What made it poison is in its dead letter.
    pub(crate) fn again(&self) -> Prepared {
        Prepared { key: self.key, head: self.head, poison: None }
    }
}
