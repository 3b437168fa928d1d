//! Owns a dead letter as a test reads it: the record, and what its headers say of it.

use millstream_core::contract::Record;

/// A dead letter found in a topic.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FoundLetter {
    /// Why it is one: `poison`, `permanent`, `exhausted`, `panic`, `output-refused`, `crash`, `predecessor`, `conflict`.
    pub reason: String,
    /// What the last error said, escaped and cut.
    pub message: String,
    /// The last error's type; empty if there was none.
    pub error_type: String,
    /// How many attempts it had.
    pub attempts: u32,
    /// The topic it failed in: the one its handler reads.
    pub topic: String,
    /// The partition it failed in.
    pub partition: u32,
    /// The offset it failed at.
    pub offset: u64,
    /// The record as it lies in the dead-letter topic: key and value as they were, and all headers.
    pub record: Record,
}

impl FoundLetter {
    /// What a record of a dead-letter topic says; a header that is missing reads as nothing or 0.
    pub fn of(record: Record) -> Self {
        let text = |name: &str| {
            let found = record.headers.iter().find(|(known, _)| known == name).and_then(|(_, value)| value.as_deref());
            found.map(|value| String::from_utf8_lossy(value).into_owned()).unwrap_or_default()
        };
        FoundLetter {
            reason: text("millstream-dlq-reason"),
            message: text("__dlq.errors.message"),
            error_type: text("millstream-dlq-error-type"),
            attempts: text("millstream-dlq-attempts").parse().unwrap_or_default(),
            topic: text("__dlq.errors.topic"),
            partition: text("__dlq.errors.partition").parse().unwrap_or_default(),
            offset: text("__dlq.errors.offset").parse().unwrap_or_default(),
            record,
        }
    }

    /// The text of its last header of this name, if it has one that is text: what the dead letter says of itself
    /// (`millstream-dlq-handler`, …), and what the record had before.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.record.headers.iter().rev().find(|(known, _)| known == name)?;
        std::str::from_utf8(value.as_deref()?).ok()
    }

    /// The value's text, for messages and comparisons.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.record.value.as_deref().unwrap_or_default()).into_owned()
    }
}
