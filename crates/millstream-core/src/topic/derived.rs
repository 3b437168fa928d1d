//! The names made from a topic: dead letters, retries, schema subjects.
//!
//! When a record goes to one of them is decided elsewhere.

use super::check;
use super::error::{TopicError, TopicFault};
use super::group::check_group;
use super::name::Topic;

impl Topic {
    /// Where this topic's dead letters go: `{topic}.dlq`. Of a retry topic: that of the topic it
    /// retries.
    ///
    /// # Errors
    ///
    /// When this topic holds dead letters itself (they would feed themselves), or the name would
    /// be too long.
    pub fn dlq(&self) -> Result<Topic, TopicError> {
        if self.is_dlq() {
            return Err(self.fault(TopicFault::AlreadyDeadLetter));
        }
        Topic::composed(format!("{}.dlq", self.logical()))
    }

    /// Where this topic's dead letters of one consumer group go: `dlq.{group}.{topic}`.
    ///
    /// # Errors
    ///
    /// As [`dlq`](Self::dlq), and when the group's name is bad.
    pub fn group_dlq(&self, group: &str) -> Result<Topic, TopicError> {
        check_group(group)?;
        if self.is_dlq() {
            return Err(self.fault(TopicFault::AlreadyDeadLetter));
        }
        Topic::composed(format!("dlq.{group}.{}", self.logical()))
    }

    /// Whether this is a dead-letter topic of either form.
    #[must_use]
    pub fn is_dlq(&self) -> bool {
        let bytes = self.as_str().as_bytes();
        let len = check::without_retry(bytes, bytes.len());
        self.is_group_dlq() || check::without_dlq(bytes, len) != len
    }

    /// Whether this is a group's dead-letter topic, `dlq.{group}.{topic}`.
    #[must_use]
    pub fn is_group_dlq(&self) -> bool {
        check::is_group_dead_letter(self.as_str().as_bytes())
    }

    /// The `n`-th retry topic: `{topic}.retry.{n}`. Of a retry topic: that of the topic it
    /// retries.
    ///
    /// # Errors
    ///
    /// When the name would be too long.
    pub fn retry(&self, n: u32) -> Result<Topic, TopicError> {
        Topic::composed(format!("{}.retry.{n}", self.logical()))
    }

    /// The topic as handlers, ids and deduplication know it: without our `.retry.{n}`.
    #[must_use]
    pub fn logical(&self) -> Topic {
        self.prefix(self.logical_name().len())
    }

    /// [`logical`](Self::logical) as text.
    #[must_use]
    pub fn logical_name(&self) -> &str {
        let name = self.as_str();
        &name[..check::without_retry(name.as_bytes(), name.len())]
    }

    /// The schema registry's subject of the logical topic: `{topic}-v{version}`.
    #[must_use]
    pub fn schema_subject(&self, version: u32) -> String {
        format!("{}-v{version}", self.logical_name())
    }
}
