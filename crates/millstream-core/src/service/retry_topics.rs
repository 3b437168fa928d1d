//! Owns retry topics: where a handler's worker stands among them, and the copy that goes to the next one. Leaves the waiting
//! to the worker, and what a copy's headers say to the handler's room.
//!
//! Declared by the user, since a key's order is given up: a copy is done when its delay is over, and those behind it with
//! its key go on meanwhile.

use super::dead_letters::letter_id;
use super::topic_writer::TopicWriter;
use crate::contract::{DeadLetter, Error, ErrorKind, Operation, Record};
use crate::handler::Origin;
use crate::topic::Topic;
use std::sync::Arc;
use std::time::Duration;

/// Retry topics that one topic may have; more is a schedule that nobody can foresee.
pub(crate) const MOST_RETRY_TOPICS: usize = 16;

/// A writer that never answers is given up after this long, and asked again.
const DEADLINE: Duration = Duration::from_secs(30);

/// Where a worker stands among the retry topics of its topic.
#[derive(Clone)]
pub(crate) struct RetryPlace {
    /// 0 in the topic itself, n in its n-th retry topic.
    stage: u32,
    delays: Arc<[Duration]>,
    writer: Arc<TopicWriter>,
    /// Attempts a record can have had before it came here, at most: what its headers say is bounded by it.
    most_before: u32,
}

/// A record on its way to a retry topic: its copy, and the dead letter that it becomes if the topic cannot take it.
#[derive(Clone)]
pub(crate) struct RetryCopy {
    pub(crate) record: Record,
    pub(crate) letter: DeadLetter,
}

impl RetryPlace {
    pub(crate) fn new(stage: u32, delays: Arc<[Duration]>, writer: Arc<TopicWriter>, attempts: u32) -> Self {
        RetryPlace { stage, delays, writer, most_before: attempts.saturating_mul(stage) }
    }

    /// Whether records here are copies.
    pub(crate) fn is_retry(&self) -> bool {
        self.stage > 0
    }

    /// How long a copy waits here at most, whatever its headers say.
    pub(crate) fn delay(&self) -> Duration {
        let before = (self.stage as usize).checked_sub(1);
        before.and_then(|index| self.delays.get(index)).copied().unwrap_or_default()
    }

    /// The attempts that a copy says it had, as far as they can be.
    pub(crate) fn attempts_before(&self, origin: &Origin) -> u32 {
        origin.attempts.min(self.most_before)
    }

    /// The copy of a record that failed here, to the next retry topic; `None` if this is the last.
    pub(crate) fn copy(&self, letter: &DeadLetter, mut origin: Origin, now: u64) -> Option<RetryCopy> {
        let delay = self.delays.get(self.stage as usize)?;
        origin.attempts = letter.attempts;
        origin.first_failed_at = letter.first_failed_at;
        origin.due_at = now.saturating_add(u64::try_from(delay.as_millis()).unwrap_or(u64::MAX));
        let mut record = letter.record.clone();
        // `build()` has checked the names.
        record.topic = record.topic.retry(self.stage + 1).ok()?;
        origin.write(&letter.group, &mut record.headers);
        Some(RetryCopy { record, letter: letter.clone() })
    }

    /// Writes copies; an answer each.
    pub(crate) async fn write(&self, copies: &[RetryCopy]) -> Vec<Result<(), Error>> {
        let addressed = copies.iter().map(|copy| Ok((copy.record.clone(), letter_id(&copy.letter)))).collect();
        let late = || Err(Error::new(ErrorKind::TimedOut, Operation::DeadLetter, "no answer within 30 s"));
        let written = tokio::time::timeout(DEADLINE, self.writer.write(addressed)).await;
        written.unwrap_or_else(|_| copies.iter().map(|_| late()).collect())
    }
}

/// The retry topics of a topic, in order.
///
/// # Errors
/// If a name would be too long.
pub(crate) fn retry_topics(topic: &Topic, delays: &[Duration]) -> Result<Vec<Topic>, crate::topic::TopicError> {
    (1..).zip(delays).map(|(n, _)| topic.retry(n)).collect()
}
