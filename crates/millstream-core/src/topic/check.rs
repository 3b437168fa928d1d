//! Which names are legal: one set of `const` checks, used by literals at compile time and by
//! parsers at run time, so that the two can never disagree.
//!
//! What a caller is told is in `error`.

use super::error::TopicFault;

/// The longest topic name, in bytes: Kafka's own limit.
pub const MAX_TOPIC_BYTES: usize = 249;

/// The longest namespace, in bytes. Short enough that every topic of a namespace, with its
/// dead-letter and retry suffixes, stays below [`MAX_TOPIC_BYTES`].
pub const MAX_NAMESPACE_BYTES: usize = 64;

/// A topic's name: legal for Kafka, no wildcard, no empty segment, and with a legal namespace in
/// front when it has three segments or more.
pub(super) const fn topic(name: &[u8]) -> Option<TopicFault> {
    if let Some(fault) = kafka_name(name) {
        return Some(fault);
    }
    if let Some(fault) = segments(name) {
        return Some(fault);
    }
    if is_group_dead_letter(name) {
        return None;
    }
    let base = base_len(name);
    let (first, more) = match dot_from(name, 0, base) {
        Some(first) => (first, dot_from(name, first + 1, base).is_some()),
        None => (0, false),
    };
    if more { namespace_prefix(name, first) } else { None }
}

/// What Kafka itself demands of a topic or group name, and no wildcard.
pub(super) const fn kafka_name(name: &[u8]) -> Option<TopicFault> {
    if name.is_empty() {
        return Some(TopicFault::Empty);
    }
    let mut at = 0;
    while at < name.len() {
        match name[at] {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => {}
            b'*' | b'?' | b'#' | b'^' | b'$' | b'[' | b'(' | b'|' | b'+' => {
                return Some(TopicFault::Wildcard);
            }
            _ => return Some(TopicFault::Character),
        }
        at += 1;
    }
    if name.len() > MAX_TOPIC_BYTES {
        return Some(TopicFault::TooLong);
    }
    if at == 1 && name[0] == b'.' || at == 2 && name[0] == b'.' && name[1] == b'.' {
        return Some(TopicFault::Dots);
    }
    None
}

/// A namespace: `[a-z0-9_-]+`, not one of our own words.
pub(super) const fn namespace(name: &[u8]) -> Option<TopicFault> {
    if name.is_empty() {
        return Some(TopicFault::Empty);
    }
    namespace_prefix(name, name.len())
}

const fn namespace_prefix(name: &[u8], len: usize) -> Option<TopicFault> {
    if len > MAX_NAMESPACE_BYTES {
        return Some(TopicFault::NamespaceTooLong);
    }
    let mut at = 0;
    while at < len {
        if !matches!(name[at], b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-') {
            return Some(TopicFault::NamespaceCharacter);
        }
        at += 1;
    }
    if len == 3 && name[0] == b'd' && name[1] == b'l' && name[2] == b'q' {
        return Some(TopicFault::Reserved);
    }
    None
}

/// A domain or an event type of a sibling: one segment, and none of our suffixes.
pub(super) const fn segment(name: &[u8]) -> Option<TopicFault> {
    if let Some(fault) = kafka_name(name) {
        return Some(fault);
    }
    let mut at = 0;
    while at < name.len() {
        if name[at] == b'.' {
            return Some(TopicFault::Dotted);
        }
        at += 1;
    }
    if equal(name, b"dlq") || equal(name, b"retry") {
        return Some(TopicFault::Reserved);
    }
    None
}

const fn segments(name: &[u8]) -> Option<TopicFault> {
    let mut at = 0;
    let mut start = 0;
    while at <= name.len() {
        if at == name.len() || name[at] == b'.' {
            if at == start {
                return Some(TopicFault::EmptySegment);
            }
            start = at + 1;
        }
        at += 1;
    }
    None
}

/// `dlq.{group}.{topic}`: a name whose text does not say where the group ends.
pub(super) const fn is_group_dead_letter(name: &[u8]) -> bool {
    name.len() > 4 && name[0] == b'd' && name[1] == b'l' && name[2] == b'q' && name[3] == b'.'
}

/// The length without every suffix of ours.
pub(super) const fn base_len(name: &[u8]) -> usize {
    let mut len = name.len();
    loop {
        let before = len;
        len = without_retry(name, len);
        len = without_dlq(name, len);
        if len == before {
            return len;
        }
    }
}

/// The length without one `.dlq` at the end.
pub(super) const fn without_dlq(name: &[u8], len: usize) -> usize {
    if len > 4 && name[len - 4] == b'.' && name[len - 3] == b'd' && name[len - 2] == b'l' && name[len - 1] == b'q' {
        len - 4
    } else {
        len
    }
}

/// The length without one `.retry.{n}` at the end.
pub(super) const fn without_retry(name: &[u8], len: usize) -> usize {
    let mut digits = 0;
    while digits < len && name[len - digits - 1].is_ascii_digit() {
        digits += 1;
    }
    let word = b".retry.";
    if digits == 0 || len <= digits + word.len() {
        return len;
    }
    let start = len - digits - word.len();
    let mut at = 0;
    while at < word.len() {
        if name[start + at] != word[at] {
            return len;
        }
        at += 1;
    }
    start
}

/// The first dot at or after `from` and before `end`.
pub(super) const fn dot_from(name: &[u8], from: usize, end: usize) -> Option<usize> {
    let mut at = from;
    while at < end {
        if name[at] == b'.' {
            return Some(at);
        }
        at += 1;
    }
    None
}

const fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}
