//! The rule for consumer group names, `{prefix}.{service}.{purpose}`.
//!
//! Groups stay plain strings: nothing is derived from their parts.

use super::check;
use super::error::TopicError;

/// The longest group name, in bytes, so that it fits where topic names fit.
pub const MAX_GROUP_BYTES: usize = 249;

/// Checks a consumer group's name: 1 to 249 bytes of `[a-zA-Z0-9._-]`, not `.` or `..`.
///
/// # Errors
///
/// With the reason and the remedy, when the name is none of these.
pub fn check_group(name: &str) -> Result<(), TopicError> {
    match check::kafka_name(name.as_bytes()) {
        None => Ok(()),
        Some(fault) => Err(TopicError::new("the group", name, fault)),
    }
}
