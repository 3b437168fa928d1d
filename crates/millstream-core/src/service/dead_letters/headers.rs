//! Owns the two sets of headers of a dead letter, and the pointer that stands for one that is too large. Leaves sending to
//! the sink.

use crate::contract::{DeadLetter, Record};
use crate::service::fingerprint::fingerprint;
use crate::topic::Topic;
use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Headers of Apache's KIP-1191 begin with this.
const APACHE: &str = "__dlq.errors.";
/// Our own begin with this.
const OURS: &str = "millstream-dlq-";
/// Bytes of the error text that are kept: with the other headers below 8 KiB in all.
const MAX_TEXT: usize = 2_048;
/// Bytes of any other header text.
const MAX_WORD: usize = 512;
/// The name under which a second write of the same failure is recognised: a hash of group, topic, partition and offset.
pub(crate) fn letter_id(letter: &DeadLetter) -> String {
    let place = format!("{}\n{}\n{}\n{}", letter.group, letter.record.topic, letter.position.partition, letter.position.offset);
    format!("{:032x}", xxhash_rust::xxh3::xxh3_128(place.as_bytes()))
}

/// The record of a letter: the original byte for byte, with the headers of this failure in place of an earlier one's.
pub(super) fn to_record(letter: &DeadLetter, topic: Topic) -> Record {
    let mut record = letter.record.clone();
    record.topic = topic;
    record.headers.retain(|(name, _)| planted!(B28) || !name.starts_with(APACHE) && !name.starts_with(OURS));
    describe(&mut record, letter);
    record
}

/// The record of a letter that is too large for its topic: the key and where the original lies, how large it is and what
/// it hashes to, so that it can be found and proven in the topic it came from (F35).
pub(super) fn to_pointer(letter: &DeadLetter, topic: Topic) -> Record {
    let mut record = Record { topic, headers: Vec::new(), partition: None, ..letter.record.clone() };
    let value = letter.record.value.as_deref().unwrap_or_default();
    let sha256: String = Sha256::digest(value).iter().map(|byte| format!("{byte:02x}")).collect();
    let pointer = serde_json::json!({
        "topic": letter.record.topic.as_str(),
        "partition": letter.position.partition,
        "offset": letter.position.offset,
        "bytes": value.len(),
        "sha256": sha256,
    });
    record.value = Some(Bytes::from(pointer.to_string()));
    record.headers.push((format!("{OURS}pointer"), Some(Bytes::from_static(b"1"))));
    describe(&mut record, letter);
    record
}

fn describe(record: &mut Record, letter: &DeadLetter) {
    let fingerprint = fingerprint(letter.record.value.as_deref());
    let mut put = |prefix: &str, name: &str, value: &str, most: usize| {
        record.headers.push((format!("{prefix}{name}"), Some(Bytes::copy_from_slice(cut(value, most).as_bytes()))));
    };
    put(APACHE, "topic", letter.record.topic.as_str(), MAX_WORD);
    put(APACHE, "partition", &letter.position.partition.to_string(), MAX_WORD);
    put(APACHE, "offset", &letter.position.offset.to_string(), MAX_WORD);
    put(APACHE, "group", &letter.group, MAX_WORD);
    put(APACHE, "delivery.count", &letter.attempts.to_string(), MAX_WORD);
    put(APACHE, "message", &letter.message, MAX_TEXT);
    put(OURS, "id", &letter_id(letter), MAX_WORD);
    put(OURS, "reason", letter.reason.as_str(), MAX_WORD);
    put(OURS, "fingerprint", &format!("{:08x}", fingerprint.0), MAX_WORD);
    put(OURS, "error-type", &letter.error_type, MAX_WORD);
    put(OURS, "attempts", &letter.attempts.to_string(), MAX_WORD);
    put(OURS, "handler", &letter.handler, MAX_WORD);
    put(OURS, "service", &letter.service, MAX_WORD);
    put(OURS, "first-failed-at", &rfc3339(letter.first_failed_at), MAX_WORD);
    put(OURS, "last-failed-at", &rfc3339(letter.last_failed_at), MAX_WORD);
}

fn rfc3339(millis: u64) -> String {
    crate::envelope::Timestamp::from_millis(i64::try_from(millis).unwrap_or(i64::MAX)).to_string()
}

/// The text's first bytes, cut at a character.
fn cut(text: &str, most: usize) -> &str {
    if text.len() <= most {
        return text;
    }
    let mut end = most;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
