//! Owns records on their way out of a worker one by one, dead letters or copies for a retry topic: handed over a batch at
//! a time, and again after a pause until they are taken. Leaves what an answer means to `letters` and `retried`.

use crate::clock::MonoTime;
use crate::contract::{Error, ErrorKind, Offset, Operation};
use crate::engine::Backoff;
use crate::handler::panics;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

type UnderWay = Pin<Box<dyn Future<Output = Vec<Result<(), Error>>> + Send>>;

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
    under_way: Option<UnderWay>,
    /// What the call under way was given.
    sending: Vec<(Offset, T)>,
    not_before: Option<MonoTime>,
    failures: u32,
}

impl<T> Default for Sending<T> {
    fn default() -> Self {
        let (waiting, again, sending) = (Vec::new(), Vec::new(), Vec::new());
        Sending { waiting, again, under_way: None, sending, not_before: None, failures: 0 }
    }
}

impl<T: Clone + Send + 'static> Sending<T> {
    /// How many are not taken yet.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.sending.len()
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
            self.sending = std::mem::replace(&mut self.waiting, rest);
            let call = begin(self.sending.iter().map(|(_, one)| one.clone()).collect());
            // Who never answers has left all answers out.
            self.under_way = Some(Box::pin(async move { tokio::time::timeout(DEADLINE, call).await.unwrap_or_default() }));
            moved = true;
        }
        let Some(under_way) = &mut self.under_way else { return (moved, None) };
        // A sink is a user's: one that panics has taken nothing, and stops only what waits for it.
        let (answers, without) = match panics::contained(|| under_way.as_mut().poll(cx)) {
            Ok(Poll::Pending) => return (moved, None),
            Ok(Poll::Ready(answers)) => (answers, (ErrorKind::TimedOut, String::from("the sink left answers out"))),
            Err(words) => (Vec::new(), (ErrorKind::Unavailable, format!("the sink panicked: {words}"))),
        };
        let ended = self.under_way.take();
        // Dropping what has panicked may panic again; what is left of it then is nobody's.
        let _ = panics::contained(|| drop(ended));
        let batch = std::mem::take(&mut self.sending);
        let missing = || Err(Error::new(without.0, Operation::DeadLetter, without.1.clone()));
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
