//! Owns what is found out about a record before its handler starts: its identity, its head, and whether it breaks a
//! limit. Leaves decoding to the handler's arguments.

use super::settings::IdSource;
use crate::contract::{Headers, RecordBatch, RecordView, TopicId};
use crate::envelope::{ContentMode, EventKey, Head, Limits, read_head_of, scan};
use crate::handler::Origin;
use std::ops::Range;

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
    /// Runs of records that the handler does not want, in order.
    filtered: Vec<Range<usize>>,
}

impl PreparedBatch {
    /// The head of the `index`th record, if its value is an envelope.
    #[inline]
    pub(crate) fn head(&self, index: usize) -> Option<&Head> {
        self.heads.get(index).filter(|head| head.is_some())
    }

    /// The heads of all records, with [`Head::none`] for those that have none; empty if no record has one.
    #[inline]
    pub(crate) fn heads(&self) -> &[Head] {
        &self.heads
    }

    /// Why the `index`th record is poison.
    pub(crate) fn poison(&self, index: usize) -> Option<&str> {
        let found = self.poison.binary_search_by_key(&index, |(at, _)| *at).ok()?;
        Some(&self.poison[found].1)
    }

    /// The first record from `index` on that is poison or filtered out, or `end`.
    pub(crate) fn plain_until(&self, index: usize, end: usize) -> usize {
        let poison = self.poison.iter().map(|(at, _)| *at).find(|&at| at >= index).unwrap_or(end);
        match self.filtered.get(self.filtered.partition_point(|run| run.end <= index)) {
            Some(run) => poison.min(run.start.max(index)),
            None => poison,
        }
    }

    /// The end of the run of filtered records that the `index`th is in, if it is.
    #[inline]
    pub(crate) fn filtered_until(&self, index: usize) -> Option<usize> {
        let run = self.filtered.get(self.filtered.partition_point(|run| run.end <= index))?;
        (run.start <= index).then_some(run.end)
    }

    /// The `index`th record is filtered out; called in their order.
    pub(crate) fn filter_out(&mut self, index: usize) {
        match self.filtered.last_mut() {
            Some(run) if run.end == index => run.end += 1,
            _ => self.filtered.push(index..index + 1),
        }
    }

    /// The `index`th record is poison, because of `why`.
    pub(crate) fn condemn(&mut self, index: usize, why: Box<str>) {
        let place = self.poison.partition_point(|(at, _)| *at < index);
        self.poison.insert(place, (index, why));
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
        self.filtered.clear();
    }
}

/// What a replay is known by in a planted bug, as if its replay id were part of its id.
fn replayed(key: u128, headers: Headers<'_>) -> u128 {
    if headers.find("millstream-replay-id").is_some() { !key } else { key }
}

/// Reads identities of records of one partition.
pub(crate) struct Preparer {
    pub(crate) source: IdSource,
    pub(crate) limits: Limits,
    pub(crate) topic_id: TopicId,
    pub(crate) partition: u32,
    /// Whether records are copies in a retry topic, which are known by where the original lay.
    pub(crate) copied: bool,
}

impl Preparer {
    /// Reads a batch.
    // One loop for each source, so that none asks in each record what is the same for all.
    pub(crate) fn prepare(&self, batch: &RecordBatch, into: &mut PreparedBatch) {
        into.keys.reserve(batch.len());
        match &self.source {
            IdSource::Envelope => self.read_envelopes(batch, into),
            IdSource::Header(name) => self.read_keys(batch, into, |record, headers| self.header_key(name, record, headers)),
            IdSource::Position => self.read_keys(batch, into, |record, _| self.position_key(record)),
        }
    }

    #[inline]
    fn read_keys<'b>(
        &self,
        batch: &'b RecordBatch,
        into: &mut PreparedBatch,
        key: impl Fn(RecordView<'b>, Headers<'b>) -> EventKey,
    ) {
        let PreparedBatch { keys, poison, .. } = into;
        keys.extend(batch.with_headers().enumerate().map(|(index, (record, headers))| {
            if self.is_within_limits(record, headers) {
                return key(record, headers).as_u128();
            }
            poison.push((index, self.broken_limit(record)));
            self.position_key(record).as_u128()
        }));
    }

    fn read_envelopes(&self, batch: &RecordBatch, into: &mut PreparedBatch) {
        into.heads.reserve(batch.len());
        let told = ContentMode::may_be_told_in(batch);
        for (index, (record, headers)) in batch.with_headers().enumerate() {
            // Headers may say that it is a CloudEvent. How large the value is the scan looks at.
            if record.key_len() <= self.limits.key_bytes
                && (headers.is_empty() || self.headers_are_plain(headers, told))
                && let Some(value) = record.value()
                && let Ok(head) = scan(value, &self.limits)
            {
                let key = head.key().as_u128();
                let key = if planted!(B49) { replayed(key, headers) } else { key };
                into.keys.push(key);
                into.heads.push(head);
                continue;
            }
            let prepared = self.read_envelope(record, headers);
            into.keys.push(prepared.key.as_u128());
            into.heads.push(prepared.head.unwrap_or(Head::none()));
            into.poison.extend(prepared.poison.map(|why| (index, why)));
        }
    }

    /// Whether headers are within the limits, and none tells of a CloudEvent; `told` if some of the batch may.
    #[inline(always)]
    fn headers_are_plain(&self, headers: Headers<'_>, told: bool) -> bool {
        headers.len() <= self.limits.headers
            && headers.bytes() <= self.limits.header_bytes
            && !(told && ContentMode::may_be_told_by(headers))
    }

    /// Reads a record that may be a CloudEvent, or is no envelope in order.
    #[inline(never)]
    fn read_envelope(&self, record: RecordView<'_>, headers: Headers<'_>) -> Prepared {
        let without_head = |poison| Prepared { key: self.position_key(record), head: None, poison };
        if !self.is_within_limits(record, headers) {
            return without_head(Some(self.broken_limit(record)));
        }
        if record.value().is_none() {
            // A tombstone, of which nothing is known but its key; also a CloudEvent without data in binary mode.
            return without_head(None);
        }
        match read_head_of(record.value(), headers, &self.limits) {
            Ok(head) if planted!(B49) => {
                let key = EventKey::from_u128(replayed(head.key().as_u128(), headers));
                Prepared { key, head: Some(head), poison: None }
            }
            Ok(head) => Prepared { key: head.key(), head: Some(head), poison: None },
            Err(error) => without_head(Some(error.to_string().into())),
        }
    }

    /// Reads one record again, which was in order.
    pub(crate) fn prepare_one(&self, record: RecordView<'_>) -> Prepared {
        let without_head = |key, poison| Prepared { key, head: None, poison };
        if !self.is_within_limits(record, record.headers()) {
            return without_head(self.position_key(record), Some(self.broken_limit(record)));
        }
        match (&self.source, record.value()) {
            (IdSource::Envelope, Some(_)) => self.read_envelope(record, record.headers()),
            (IdSource::Header(name), _) => without_head(self.header_key(name, record, record.headers()), None),
            (IdSource::Envelope, None) | (IdSource::Position, _) => without_head(self.position_key(record), None),
        }
    }

    #[inline(always)]
    fn header_key(&self, name: &str, record: RecordView<'_>, headers: Headers<'_>) -> EventKey {
        let Some(id) = headers.find(name) else { return self.position_key(record) };
        match <[u8; 16]>::try_from(id) {
            Ok(bits) => EventKey::from_u128(u128::from_be_bytes(bits)),
            Err(_) => self.text_key(id, record),
        }
    }

    #[inline(never)]
    fn text_key(&self, id: &[u8], record: RecordView<'_>) -> EventKey {
        match std::str::from_utf8(id) {
            Ok(text) if !text.is_empty() => EventKey::of_text(text),
            _ => self.position_key(record),
        }
    }

    #[inline(never)]
    fn position_key(&self, record: RecordView<'_>) -> EventKey {
        let origin = if self.copied { Origin::read(record.headers()) } else { None };
        match origin {
            Some(Origin { topic_id, position, .. }) => EventKey::of_position(topic_id.0, position.partition, position.offset),
            None if planted!(B50) => EventKey::of_position(0, self.partition, record.offset()),
            None => EventKey::of_position(self.topic_id.0, self.partition, record.offset()),
        }
    }

    #[inline(always)]
    fn is_within_limits(&self, record: RecordView<'_>, headers: Headers<'_>) -> bool {
        let limits = &self.limits;
        record.key_len() <= limits.key_bytes
            && record.value_len() <= limits.value_bytes
            && headers.len() <= limits.headers
            && headers.bytes() <= limits.header_bytes
    }

    /// Which limit a record breaks.
    #[cold]
    fn broken_limit(&self, record: RecordView<'_>) -> Box<str> {
        let limits = &self.limits;
        let why = if record.key_len() > limits.key_bytes {
            format!("the key is longer than {} bytes", limits.key_bytes)
        } else if record.value_len() > limits.value_bytes {
            format!("the value is larger than {} bytes", limits.value_bytes)
        } else if record.headers().len() > limits.headers {
            format!("the record has more than {} headers", limits.headers)
        } else {
            format!("the headers are larger than {} bytes", limits.header_bytes)
        };
        why.into()
    }
}
