//! Owns what a worker does about retry topics: hands a failed record on, and in one of them waits until a copy is due and
//! knows where the original lay. Without retry topics nothing here is ever asked.

use super::Worker;
use super::check::Current;
use crate::clock::MonoTime;
use crate::contract::{DeadLetterReason, ErrorKind, Mark, Offset, Position, RecordBatch};
use crate::handler::{Origin, RETRY_HEADERS, position_of};
use crate::service::retry_topics::{RetryCopy, RetryPlace};
use std::task::Context;
use std::time::Duration;

/// Whether the next copy of a retry topic may start.
pub(super) enum Turn {
    Now,
    Later,
    /// It is another group's.
    Foreign,
}

impl Worker {
    /// The place among retry topics, if this is one of them.
    #[inline]
    pub(super) fn retry_topic(&self) -> Option<&RetryPlace> {
        self.plan.retries.as_ref().filter(|place| place.is_retry())
    }

    /// Where a record lies; of a copy, where the original does.
    pub(super) fn place_of(&self, batch: &RecordBatch, index: usize) -> Position {
        position_of(batch.view(index), self.partition.partition, self.retry_topic().is_some())
    }

    /// Whether a copy's turn is now. All of a retry topic wait equally long, so those behind one that is not due wait with
    /// it; other partitions do not.
    pub(super) fn copys_turn(&mut self, current: &Current, now: MonoTime) -> Turn {
        let record = current.batch.view(current.cursor);
        let (offset, headers) = (record.offset(), record.headers());
        if Origin::is_of_another(headers, &self.plan.group) {
            return Turn::Foreign;
        }
        let at = match self.waits {
            Some((known, at)) if known == offset => at,
            _ => {
                // The one place where a wall time from the wire becomes a time to wait: never longer than the topic's delay.
                let due = Origin::read(headers).map_or(0, |origin| origin.due_at);
                let wait = Duration::from_millis(due.saturating_sub(self.plan.clock.wall_millis()));
                let most = self.retry_topic().map(RetryPlace::delay).unwrap_or_default();
                let most = if planted!(B29) { wait } else { most };
                now.after(wait.min(most))
            }
        };
        self.waits = Some((offset, at)).filter(|_| at > now);
        if self.waits.is_some() { Turn::Later } else { Turn::Now }
    }

    /// The marks as the deduplicator is to know them, if not as they are: under the place of the original. A record that
    /// comes again from its own topic is then known as the one that was done here.
    pub(super) fn marks_of_originals(&self, marks: &[Mark]) -> Option<Vec<Mark>> {
        self.retry_topic()?;
        let original = |mark: &Mark| {
            let mut mark = *mark;
            if let Some((batch, index)) = self.open.find(mark.at.offset) {
                mark.at = self.place_of(&batch, index);
            }
            mark
        };
        Some(marks.iter().map(original).collect())
    }

    /// Hands a record whose attempts are used up on to the next retry topic; `false` if there is none, or it is for another
    /// reason that it failed.
    pub(super) fn hand_on(&mut self, offset: Offset, reason: DeadLetterReason) -> bool {
        let Some(place) = &self.plan.retries else { return false };
        if reason != DeadLetterReason::Exhausted {
            return false;
        }
        let Some(letter) = self.letter(offset, reason) else { return false };
        let origin = self.payloads.get(&offset).and_then(|payload| {
            let headers = payload.batch.view(payload.index).headers();
            if place.is_retry() { Origin::read(headers) } else { None }
        });
        let origin = origin.unwrap_or(Origin {
            topic_id: self.preparer.topic_id,
            position: Position { partition: self.partition.partition, offset },
            attempts: 0,
            first_failed_at: 0,
            due_at: 0,
        });
        let Some(copy) = place.copy(&letter, origin, self.plan.clock.wall_millis()) else { return false };
        tracing::debug!(
            partition = %self.partition, offset, handler = %self.plan.handler, attempts = letter.attempts,
            to = %copy.record.topic, "attempts used up, handed on to a retry topic"
        );
        self.copies.push(offset, copy);
        planted!(B44: self.settle_anyway(offset));
        true
    }

    /// Sends copies and settles what was taken; answers whether anything moved.
    pub(super) fn send_copies(&mut self, now: MonoTime, cx: &mut Context<'_>) -> bool {
        if self.copies.len() == 0 {
            return false;
        }
        let Some(place) = self.plan.retries.clone() else { return false };
        let may = self.cell.may_hand_over();
        let (moved, answered) =
            self.copies.poll(may, now, cx, |copies: Vec<RetryCopy>| async move { place.write(&copies).await });
        let Some(answered) = answered else { return moved };
        let mut trouble = None;
        for (offset, copy, answer) in answered {
            match answer {
                Ok(()) => self.copy_taken(offset),
                // With its headers it is too large for the topic: it can still be a letter, which may be a pointer.
                Err(error) if error.kind() == ErrorKind::TooLarge => {
                    self.write_letter(offset, DeadLetterReason::Exhausted);
                }
                Err(error) => {
                    trouble = Some(error.to_string());
                    self.copies.push_again(offset, copy);
                }
            }
        }
        let (place, entropy) = (self.place("retry topic"), self.entropy());
        if self.copies.answered(trouble.is_some(), now, entropy) {
            self.sinks_changed(now);
            self.plan.board.trouble(&place, trouble);
        }
        true
    }

    fn copy_taken(&mut self, offset: Offset) {
        self.counts.handed_on += 1;
        let parked = self.left(offset);
        debug_assert!(parked.is_empty(), "`build()` refuses to park followers behind copies");
    }
}

/// A record's headers without those of a copy.
pub(super) fn without_copys(headers: &mut Vec<(String, Option<bytes::Bytes>)>) {
    headers.retain(|(name, _)| !name.starts_with(RETRY_HEADERS));
}
