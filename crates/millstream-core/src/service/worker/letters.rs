//! Owns dead letters on their way to the sink: confirmed before settlement, handed over again until they are.
//!
//! While the sink is down only the keys with pending letters wait; the rest flows until the letters' cap or the window
//! fills (F50).

use super::{Payload, Worker};
use crate::clock::MonoTime;
use crate::contract::{DeadLetter, DeadLetterReason, Error, ErrorSink, Offset, Position, Record};
use crate::engine::{Backoff, Failure, Hold};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

type Answers = (Vec<(Offset, DeadLetter)>, Vec<Result<(), Error>>);
type Sending = Pin<Box<dyn Future<Output = Answers> + Send>>;

/// A sink that never answers is given up after this long, and the letters are handed over again. 45 s: above what the
/// dead-letter topic gives its producer.
const SINK_DEADLINE: Duration = Duration::from_secs(45);

/// Letters handed over in one call.
const MOST: usize = 128;

/// Letters of one worker.
#[derive(Default)]
pub(super) struct Letters {
    waiting: Vec<(Offset, DeadLetter)>,
    under_way: Option<Sending>,
    sending: usize,
    not_before: Option<MonoTime>,
    failures: u32,
}

impl Letters {
    /// How many are not accepted yet.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.sending
    }

    /// When the next try is due.
    pub(super) fn due(&self) -> Option<MonoTime> {
        self.not_before.filter(|_| self.under_way.is_none() && !self.waiting.is_empty())
    }

    /// Drops all: the epoch is over.
    pub(super) fn abandon(&mut self) {
        *self = Letters::default();
    }
}

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
    /// Writes the letter of a held record; it is handed over at the end of the turn.
    pub(super) fn write_letter(&mut self, offset: Offset, reason: DeadLetterReason) {
        let Some(payload) = self.payloads.get(&offset) else { return };
        let position = Position { partition: self.partition.partition, offset };
        let mut letter = DeadLetter::new(payload.record(), position, self.plan.group.clone(), reason);
        letter.service = self.plan.service.clone();
        letter.handler = self.plan.handler.clone();
        if let Some((error_type, message)) = &payload.failure {
            letter.error_type = error_type.clone();
            letter.message = message.clone();
        }
        letter.attempts = payload.attempts;
        letter.last_failed_at = self.plan.clock.wall_millis();
        letter.first_failed_at = if payload.first_failed == 0 { letter.last_failed_at } else { payload.first_failed };
        tracing::warn!(
            partition = %self.partition, offset, handler = %self.plan.handler, %reason, attempts = letter.attempts,
            error_type = letter.error_type, error = payload.log_text, "dead letter"
        );
        self.letters.waiting.push((offset, letter));
    }

    /// Hands letters over and settles what was accepted; answers whether anything moved.
    pub(super) fn send_letters(&mut self, now: MonoTime, cx: &mut Context<'_>) -> bool {
        let mut moved = false;
        let letters = &mut self.letters;
        let may = letters.not_before.is_none_or(|at| at <= now) && self.cell.may_hand_over();
        if letters.under_way.is_none() && !letters.waiting.is_empty() && may {
            let rest = letters.waiting.split_off(letters.waiting.len().min(MOST));
            let batch = std::mem::replace(&mut letters.waiting, rest);
            letters.sending = batch.len();
            let sink = self.plan.sink.clone();
            letters.under_way = Some(Box::pin(async move {
                let only: Vec<DeadLetter> = batch.iter().map(|(_, letter)| letter.clone()).collect();
                // A sink that never answers has left all answers out.
                let answers = tokio::time::timeout(SINK_DEADLINE, sink.accept(&only)).await.unwrap_or_default();
                (batch, answers)
            }));
            moved = true;
        }
        let Some(under_way) = &mut letters.under_way else { return moved };
        let Poll::Ready((batch, answers)) = under_way.as_mut().poll(cx) else { return moved };
        letters.under_way = None;
        letters.sending = 0;
        let mut trouble = None;
        let mut again = Vec::new();
        let mut answers = answers.into_iter();
        for (offset, letter) in batch {
            match answers.next() {
                Some(Ok(())) => self.letter_accepted(offset),
                Some(Err(error)) => {
                    trouble = Some(error.to_string());
                    again.push((offset, letter));
                }
                None => {
                    trouble = Some(String::from("the sink left answers out"));
                    again.push((offset, letter));
                }
            }
        }
        let place = self.place("dead letters");
        match trouble {
            Some(why) => {
                // Never settled on a refusal: it waits, however long, and says so.
                let entropy = self.entropy();
                let letters = &mut self.letters;
                again.append(&mut letters.waiting);
                letters.waiting = again;
                letters.failures = letters.failures.saturating_add(1);
                let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
                letters.not_before = Some(now.after(backoff.delay(letters.failures, entropy)));
                self.engine.standstill.pause(Hold::Sink, now);
                self.plan.board.trouble(&place, Some(why));
            }
            None if std::mem::take(&mut self.letters.failures) > 0 => {
                self.letters.not_before = None;
                self.engine.standstill.resume(Hold::Sink, now);
                self.plan.board.trouble(&place, None);
            }
            None => {}
        }
        true
    }

    fn letter_accepted(&mut self, offset: Offset) {
        self.payloads.remove(&offset);
        self.counts.dead_lettered += 1;
        let engine = &mut self.engine;
        let mut parked = Vec::new();
        let freed = self.open.settle(offset..offset + 1, |run| {
            let open = engine.ledger().is_open(run.start);
            parked = engine.letter_accepted(run.start);
            u64::from(open)
        });
        self.freed(freed);
        self.out_of_quarantine(offset);
        for follower in parked {
            if let Some(payload) = self.payloads.get_mut(&follower) {
                let why = format!("the record at offset {offset}, before it with its key, is a dead letter");
                payload.log_text.clone_from(&why);
                payload.failure = Some((String::new(), why));
            }
            self.write_letter(follower, DeadLetterReason::Predecessor);
        }
    }
}
