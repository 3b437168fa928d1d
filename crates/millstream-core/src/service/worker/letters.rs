//! Owns dead letters on their way to the sink: confirmed before settlement, handed over again until they are.
//!
//! While the sink is down only the keys with pending letters wait; the rest flows until the letters' cap or the window
//! fills (F50).

use super::retried::without_copys;
use super::{Payload, Worker};
use crate::clock::MonoTime;
use crate::contract::{DeadLetter, DeadLetterReason, Deduplicator, Offset, Position, Record};
use crate::engine::{Failure, Hold};
use crate::handler::Origin;
use crate::service::account::Counts;
use crate::service::plan::Plan;
use crate::service::sinks::answers;
use std::task::Context;

impl Payload {
    pub(super) fn new(
        batch: crate::contract::RecordBatch,
        index: usize,
        prepared: crate::service::prepare::Prepared,
        checked: Option<(u64, MonoTime)>,
    ) -> Self {
        Payload {
            batch,
            index,
            prepared,
            checked,
            first_failed: 0,
            failure: None,
            failed: Failure::Transient,
            log_text: String::new(),
            attempts: 0,
            alone: false,
        }
    }

    /// An attempt starts; it is a retry if the record has failed. Also after a probe that failed, which counts no attempt.
    pub(super) fn starts_again(&self, counts: &mut Counts, plan: &Plan) {
        if self.failure.is_some() {
            counts.retries += 1;
            if let Some(meters) = &plan.meters {
                meters.retried(self.failed);
            }
        }
    }

    /// The record as it was read, byte for byte.
    fn record(&self) -> Record {
        let view = self.batch.view(self.index);
        let mut record = Record::tombstone(self.batch.partition.topic.clone(), bytes::Bytes::new());
        record.key = view.key_bytes();
        record.value = view.value_bytes();
        record.headers =
            view.headers().map(|(name, value)| (name.to_owned(), value.map(bytes::Bytes::copy_from_slice))).collect();
        record.timestamp = Some(view.timestamp());
        record
    }
}

impl Worker {
    /// The letter of a held record. Of a copy it is the original's: its topic, its place, all its attempts.
    pub(super) fn letter(&self, offset: Offset, reason: DeadLetterReason) -> Option<DeadLetter> {
        let payload = self.payloads.get(&offset)?;
        let mut record = payload.record();
        let mut position = Position { partition: self.partition.partition, offset };
        let now = self.plan.clock.wall_millis();
        let (mut attempts, mut first_failed_at) = (payload.attempts, payload.first_failed);
        if let Some(place) = self.retry_topic() {
            if let Some(origin) = Origin::read(payload.batch.view(payload.index).headers()) {
                record.topic = record.topic.logical();
                position = origin.position;
                attempts = attempts.saturating_add(place.attempts_before(&origin));
                first_failed_at = origin.first_failed_at.min(now);
            }
            without_copys(&mut record.headers);
        }
        let mut letter = DeadLetter::new(record, position, self.plan.group.clone(), reason);
        letter.service = self.plan.service.clone();
        letter.handler = self.plan.handler.clone();
        if let Some((error_type, message)) = &payload.failure {
            letter.error_type = error_type.clone();
            letter.message = message.clone();
        }
        letter.attempts = attempts;
        letter.last_failed_at = now;
        letter.first_failed_at = if first_failed_at == 0 { now } else { first_failed_at };
        Some(letter)
    }

    /// Writes the letter of a held record; it is handed over at the end of the turn.
    pub(super) fn write_letter(&mut self, offset: Offset, reason: DeadLetterReason) {
        let (Some(letter), Some(payload)) = (self.letter(offset, reason), self.payloads.get(&offset)) else { return };
        tracing::warn!(
            partition = %self.partition, offset, handler = %self.plan.handler, %reason, attempts = letter.attempts,
            error_type = letter.error_type, error = payload.log_text, "dead letter"
        );
        self.letters.push(offset, letter);
    }

    /// Hands letters over and settles what was accepted; answers whether anything moved.
    pub(super) fn send_letters(&mut self, now: MonoTime, cx: &mut Context<'_>) -> bool {
        if self.letters.len() == 0 {
            return false;
        }
        let (sink, may) = (self.plan.sink.clone(), self.cell.may_hand_over());
        let call = |letters: Vec<DeadLetter>| async move { answers(&sink, &letters).await };
        let (moved, answered) = self.letters.poll(may, now, cx, call);
        let Some(answered) = answered else { return moved };
        let mut trouble = None;
        for (offset, letter, answer) in answered {
            match answer {
                Ok(()) => self.letter_accepted(offset, letter.reason),
                Err(_) if planted!(B05) => self.letter_accepted(offset, letter.reason),
                Err(error) => {
                    // Never settled on a refusal: it waits, however long, and says so.
                    trouble = Some(error.to_string());
                    self.letters.push_again(offset, letter);
                }
            }
        }
        let (place, entropy) = (self.place("dead letters"), self.entropy());
        if self.letters.answered(trouble.is_some(), now, entropy) {
            self.sinks_changed(now);
            self.plan.board.trouble(&place, trouble);
        }
        true
    }

    /// One of the sinks fails, or works again.
    pub(super) fn sinks_changed(&mut self, now: MonoTime) {
        if self.letters.is_failing() || self.copies.is_failing() {
            self.engine.standstill.pause(Hold::Sink, now);
        } else {
            self.engine.standstill.resume(Hold::Sink, now);
        }
    }

    fn letter_accepted(&mut self, offset: Offset, reason: DeadLetterReason) {
        self.counts.dead_lettered += 1;
        self.plan.counters.letter(reason);
        if let Some(meters) = &self.plan.meters {
            meters.dead_letter(reason);
        }
        planted!(B30: if let Some(mark) = self.mark_of_held(offset) { self.tail.push(mark, 0, false) });
        if self.settles_with_entry(offset) {
            return;
        }
        for follower in self.left(offset) {
            if let Some(payload) = self.payloads.get_mut(&follower) {
                let why = format!("the record at offset {offset}, before it with its key, is a dead letter");
                payload.log_text.clone_from(&why);
                payload.failure = Some((String::new(), why));
            }
            self.write_letter(follower, DeadLetterReason::Predecessor);
        }
    }

    /// A record was taken elsewhere: it is settled here. Answers which are parked behind it.
    pub(super) fn left(&mut self, offset: Offset) -> Vec<Offset> {
        if let (Some(payload), Some(dedup)) = (self.payloads.remove(&offset), &self.plan.deduplicator) {
            // It will not be marked: whoever has its id elsewhere need not wait for the lease to end.
            let at = Position { partition: self.partition.partition, offset };
            dedup.release(self.checks.scope(), &[(payload.prepared.key.as_u128(), at)]);
        }
        let engine = &mut self.engine;
        let mut parked = Vec::new();
        let freed = self.open.settle(offset..offset + 1, |run| {
            let open = engine.ledger().is_open(run.start);
            parked = engine.letter_accepted(run.start);
            u64::from(open)
        });
        self.freed(freed);
        self.out_of_quarantine(offset);
        parked
    }
}
