//! Owns the trait that takes records that failed for good, and the dead letter itself. Leaves header names to the
//! dead-letter topic's sink.

use super::{Error, Position, Record, TopicPartition};
use std::fmt;

/// Why a record became a dead letter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum DeadLetterReason {
    /// It cannot be decoded, or breaks a limit; no attempt was made.
    Poison,
    /// Its handler said that trying again is no use.
    Permanent,
    /// Its attempts or its deadline are used up.
    Exhausted,
    /// Its handler panicked.
    Panic,
    /// One of its outputs was refused for good.
    OutputRefused,
    /// It ended its process three times.
    Crash,
    /// An earlier record of its key became a dead letter and the policy parks what follows.
    Predecessor,
    /// Its id is done by a record with another content.
    Conflict,
}

impl DeadLetterReason {
    /// All of them, in their order.
    pub const ALL: [DeadLetterReason; 8] = [
        DeadLetterReason::Poison,
        DeadLetterReason::Permanent,
        DeadLetterReason::Exhausted,
        DeadLetterReason::Panic,
        DeadLetterReason::OutputRefused,
        DeadLetterReason::Crash,
        DeadLetterReason::Predecessor,
        DeadLetterReason::Conflict,
    ];

    /// The word in headers, logs and metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            DeadLetterReason::Poison => "poison",
            DeadLetterReason::Permanent => "permanent",
            DeadLetterReason::Exhausted => "exhausted",
            DeadLetterReason::Panic => "panic",
            DeadLetterReason::OutputRefused => "output-refused",
            DeadLetterReason::Crash => "crash",
            DeadLetterReason::Predecessor => "predecessor",
            DeadLetterReason::Conflict => "conflict",
        }
    }
}

impl fmt::Display for DeadLetterReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A record that failed for good, with where it came from and what happened. Key, value, headers and timestamp are the
/// original ones, byte for byte.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DeadLetter {
    /// The record as it was read; `record.topic` is the topic it was read from.
    pub record: Record,
    /// Where it lay.
    pub partition: TopicPartition,
    /// Its offset there.
    pub position: Position,
    /// The group that read it.
    pub group: String,
    /// The service and the handler that failed.
    pub service: String,
    /// The handler's name.
    pub handler: String,
    /// Why.
    pub reason: DeadLetterReason,
    /// The error's type, as far as it is known.
    pub error_type: String,
    /// The error in words.
    pub message: String,
    /// Handler calls made.
    pub attempts: u32,
    /// Milliseconds since the Unix epoch of the first failure.
    pub first_failed_at: u64,
    /// Milliseconds since the Unix epoch of the last failure.
    pub last_failed_at: u64,
}

impl DeadLetter {
    /// A letter for `record`, read at `position` of its topic by `group`, without provenance yet.
    pub fn new(record: Record, position: Position, group: impl Into<String>, reason: DeadLetterReason) -> Self {
        let partition = TopicPartition::new(record.topic.clone(), position.partition);
        DeadLetter {
            record,
            partition,
            position,
            group: group.into(),
            service: String::new(),
            handler: String::new(),
            reason,
            error_type: String::new(),
            message: String::new(),
            attempts: 0,
            first_failed_at: 0,
            last_failed_at: 0,
        }
    }
}

/// Whether what a sink accepted survives the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Durability {
    /// It does: an accepted letter settles its record.
    Durable,
    /// It may not (a log line, memory): the service refuses to settle on it unless told so aloud.
    Lossy,
}

/// Takes records that failed for good.
///
/// 1. **E1** `accept` answers once per letter, in order: accepted, or why not.
///    *Checked by* `accept_answers_once_per_letter`, `answers_come_in_the_order_of_the_letters`.
/// 2. **E2** For a durable sink `Ok` means that the letter survives this process.
///    *Checked by* `an_accepted_letter_outlives_its_sink`, `what_is_not_written_is_not_accepted`.
/// 3. **E3** Accepting the same letter twice is harmless: its id is a function of group, topic, partition and offset.
///    *Checked by* `a_letter_accepted_again_is_known_by_its_id`.
/// 4. **E4** One letter's failure does not fail another's.
///    *Checked by* `answers_come_in_the_order_of_the_letters`, `one_letters_failure_fails_no_other`.
/// 5. **E5** Key, value, headers and timestamp are kept byte for byte; headers added are bounded (8 KiB).
///    *Checked by* `a_letter_keeps_its_record_byte_for_byte`, `what_a_letter_adds_is_bounded`.
///
/// # Cancel safety
/// Dropping `accept`'s future leaves the effect unknown; hand the letters over again.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot take dead letters",
    note = "a sink is your own `impl ErrorSink`, or one made of others: `.error_sink_with(|to_topic| to_topic.and(Pager))`",
    note = "without a sink dead letters go to `{{topic}}.dlq`"
)]
pub trait ErrorSink: Send + Sync + 'static {
    /// Takes letters.
    fn accept(&self, letters: &[DeadLetter]) -> impl Future<Output = Vec<Result<(), Error>>> + Send;

    /// Whether what it accepted survives the process.
    fn durability(&self) -> Durability;
}
