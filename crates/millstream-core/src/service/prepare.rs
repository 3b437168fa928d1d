//! Owns what is found out about a record before its handler starts: its identity, its head, and whether it breaks a
//! limit. Leaves decoding to the handler's arguments.

use super::settings::IdSource;
use crate::contract::{RecordBatch, RecordView, TopicId};
use crate::envelope::{EventKey, Head, Limits, scan};

/// What is known of one record that left the fast path.
pub(crate) struct Prepared {
    /// What it is deduplicated by.
    pub(crate) key: EventKey,
    /// Its envelope's head; `None` if the value is no envelope.
    pub(crate) head: Option<Head>,
    /// Why it is poison.
    pub(crate) poison: Option<Box<str>>,
}

/// What is known of a batch's records, in columns: each is written once and read in its own tight loop.
#[derive(Default)]
pub(crate) struct PreparedBatch {
    /// What each is deduplicated by.
    pub(crate) keys: Vec<u128>,
    heads: Vec<Head>,
    poison: Vec<(usize, Box<str>)>,
}

impl PreparedBatch {
    /// The head of the `index`th record, if its value is an envelope.
    #[inline]
    pub(crate) fn head(&self, index: usize) -> Option<&Head> {
        self.heads.get(index).filter(|head| head.data_at() > 0)
    }

    /// Why the `index`th record is poison.
    pub(crate) fn poison(&self, index: usize) -> Option<&str> {
        let found = self.poison.binary_search_by_key(&index, |(at, _)| *at).ok()?;
        Some(&self.poison[found].1)
    }

    /// The first poison record from `index` on, or `end`.
    pub(crate) fn next_poison(&self, index: usize, end: usize) -> usize {
        self.poison.iter().map(|(at, _)| *at).find(|&at| at >= index).unwrap_or(end)
    }

    /// One record's part.
    pub(crate) fn get(&self, index: usize) -> Prepared {
        Prepared {
            key: EventKey::from_u128(self.keys[index]),
            head: self.head(index).copied(),
            poison: self.poison(index).map(Box::from),
        }
    }

    /// Forgets all, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.keys.clear();
        self.heads.clear();
        self.poison.clear();
    }
}

/// Reads identities of records of one partition.
pub(crate) struct Preparer {
    pub(crate) source: IdSource,
    pub(crate) limits: Limits,
    pub(crate) topic_id: TopicId,
    pub(crate) partition: u32,
}

impl Preparer {
    /// Reads a batch.
    pub(crate) fn prepare(&self, batch: &RecordBatch, into: &mut PreparedBatch) {
        into.keys.reserve(batch.len());
        if self.source == IdSource::Envelope {
            into.heads.reserve(batch.len());
        }
        for (index, record) in batch.iter().enumerate() {
            match self.read(record) {
                Ok(key) => into.keys.push(key.as_u128()),
                Err(Found::Head(head)) => {
                    into.keys.push(head.key().as_u128());
                    into.heads.push(head);
                    continue;
                }
                Err(Found::Poison(why)) => {
                    into.keys.push(self.position_key(record).as_u128());
                    into.poison.push((index, why));
                }
            }
            if self.source == IdSource::Envelope {
                into.heads.push(Head::none());
            }
        }
    }

    /// Reads one record again, which was in order.
    pub(crate) fn prepare_one(&self, record: RecordView<'_>) -> Prepared {
        match self.read(record) {
            Ok(key) => Prepared { key, head: None, poison: None },
            Err(Found::Head(head)) => Prepared { key: head.key(), head: Some(head), poison: None },
            Err(Found::Poison(why)) => Prepared { key: self.position_key(record), head: None, poison: Some(why) },
        }
    }

    #[inline]
    fn read(&self, record: RecordView<'_>) -> Result<EventKey, Found> {
        let value = record.value();
        if let Some(poison) = self.breaks_limit(record, value) {
            return Err(Found::Poison(poison));
        }
        match &self.source {
            IdSource::Envelope => match value {
                Some(value) => match scan(value, &self.limits) {
                    Ok(head) => Err(Found::Head(head)),
                    Err(error) => Err(Found::Poison(error.to_string().into())),
                },
                None => Ok(self.position_key(record)),
            },
            IdSource::Header(name) => Ok(match record.headers().find(name) {
                Some(id) => match <[u8; 16]>::try_from(id) {
                    Ok(bits) => EventKey::from_u128(u128::from_be_bytes(bits)),
                    Err(_) => match std::str::from_utf8(id) {
                        Ok(text) if !text.is_empty() => EventKey::of_text(text),
                        _ => self.position_key(record),
                    },
                },
                None => self.position_key(record),
            }),
            IdSource::Position => Ok(self.position_key(record)),
        }
    }

    fn position_key(&self, record: RecordView<'_>) -> EventKey {
        EventKey::of_position(self.topic_id.0, self.partition, record.offset())
    }

    #[inline]
    fn breaks_limit(&self, record: RecordView<'_>, value: Option<&[u8]>) -> Option<Box<str>> {
        let limits = &self.limits;
        if record.key().is_some_and(|key| key.len() > limits.key_bytes) {
            return Some(format!("the key is longer than {} bytes", limits.key_bytes).into());
        }
        if value.is_some_and(|value| value.len() > limits.value_bytes) {
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

/// What a record is, other than its key alone.
enum Found {
    /// An envelope.
    Head(Head),
    /// Poison, and why.
    Poison(Box<str>),
}
