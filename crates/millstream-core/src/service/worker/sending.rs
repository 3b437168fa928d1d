//! Owns records on their way out of a worker one by one, dead letters or copies for a retry topic: handed over a batch at
//! a time, and again after a pause until they are taken. Leaves what an answer means to `letters` and `retried`.

use crate::clock::MonoTime;
use crate::contract::{Error, ErrorKind, Offset, Operation};
use crate::engine::Backoff;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

type Answers<T> = (Vec<(Offset, T)>, Vec<Result<(), Error>>);
type UnderWay<T> = Pin<Box<dyn Future<Output = Answers<T>> + Send>>;

/// Whoever takes them and never answers is given up after this long, and they are handed over again. 45 s: above what a
/// topic gives its producer.
const DEADLINE: Duration = Duration::from_secs(45);

/// How many are handed over in one call.
const MOST: usize = 128;

/// Some that were answered.
pub(super) type Answered<T> = Vec<(Offset, T, Result<(), Error>)>;

/// What of one worker is to be taken elsewhere.
pub(super) struct Sending<T> {
    waiting: Vec<(Offset, T)>,
    again: Vec<(Offset, T)>,
    under_way: Option<UnderWay<T>>,
    sending: usize,
    not_before: Option<MonoTime>,
    failures: u32,
}

impl<T> Default for Sending<T> {
    fn default() -> Self {
        Sending { waiting: Vec::new(), again: Vec::new(), under_way: None, sending: 0, not_before: None, failures: 0 }
    }
}

impl<T: Clone + Send + 'static> Sending<T> {
    /// How many are not taken yet.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.sending
    }

    /// One more.
    pub(super) fn push(&mut self, offset: Offset, one: T) {
        self.waiting.push((offset, one));
    }

    /// One that was refused; before those that wait.
    pub(super) fn push_again(&mut self, offset: Offset, one: T) {
        self.again.push((offset, one));
    }

    /// Whether the last call failed.
    pub(super) fn is_failing(&self) -> bool {
        self.failures > 0
    }

    /// When the next try is due.
    pub(super) fn due(&self) -> Option<MonoTime> {
        self.not_before.filter(|_| self.under_way.is_none() && !self.waiting.is_empty())
    }

    /// Drops all: the epoch is over.
    pub(super) fn abandon(&mut self) {
        *self = Sending::default();
    }

    /// Hands over what waits, if it `may`, and looks for answers: whether anything moved, and what was answered.
    ///
    /// While it may not, nothing that is under way goes on either: who takes it may have asked for something first, such as a
    /// topic's partitions, and would write now.
    pub(super) fn poll<F>(
        &mut self,
        may: bool,
        now: MonoTime,
        cx: &mut Context<'_>,
        begin: impl FnOnce(Vec<T>) -> F,
    ) -> (bool, Option<Answered<T>>)
    where
        F: Future<Output = Vec<Result<(), Error>>> + Send + 'static,
    {
        let mut moved = false;
        if self.under_way.is_none() && !self.waiting.is_empty() && may && self.not_before.is_none_or(|at| at <= now) {
            let rest = self.waiting.split_off(self.waiting.len().min(MOST));
            let batch = std::mem::replace(&mut self.waiting, rest);
            self.sending = batch.len();
            let call = begin(batch.iter().map(|(_, one)| one.clone()).collect());
            self.under_way = Some(Box::pin(async move {
                // Who never answers has left all answers out.
                let answers = tokio::time::timeout(DEADLINE, call).await.unwrap_or_default();
                (batch, answers)
            }));
            moved = true;
        }
        let Some(under_way) = self.under_way.as_mut().filter(|_| may) else { return (moved, None) };
        let Poll::Ready((batch, answers)) = under_way.as_mut().poll(cx) else { return (moved, None) };
        self.under_way = None;
        self.sending = 0;
        let missing = || Err(Error::new(ErrorKind::TimedOut, Operation::DeadLetter, "the sink left answers out"));
        let answers = answers.into_iter().chain(std::iter::repeat_with(missing));
        (true, Some(batch.into_iter().zip(answers).map(|((offset, one), answer)| (offset, one, answer)).collect()))
    }

    /// The answers of a call were seen to; some were `refused`, or none was. Answers whether that is a change, or a failure.
    pub(super) fn answered(&mut self, refused: bool, now: MonoTime, entropy: u64) -> bool {
        self.again.append(&mut self.waiting);
        std::mem::swap(&mut self.again, &mut self.waiting);
        if refused {
            self.failures = self.failures.saturating_add(1);
            let backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(5));
            self.not_before = Some(now.after(backoff.delay(self.failures, entropy)));
            return true;
        }
        self.not_before = None;
        std::mem::take(&mut self.failures) > 0
    }
}

#[cfg(test)]
mod tests;
