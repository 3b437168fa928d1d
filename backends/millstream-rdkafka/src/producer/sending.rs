//! Owns requests under way: what each record's answer is, and which requests a flush waits for.

use super::Answer;
use atomic_waker::AtomicWaker;
use millstream_core::contract::{Error, Produce, TopicPartition};
use std::collections::BTreeMap;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use tokio::sync::Notify;

/// A request under way.
pub(super) struct Sending {
    answers: Mutex<Answers>,
    waker: AtomicWaker,
    places: Vec<TopicPartition>,
    to: Vec<u32>,
}

struct Answers {
    each: Vec<Option<Answer>>,
    /// Which records have an answer, for good: an answer that was taken is one.
    answered: Vec<bool>,
    left: usize,
    /// How many of them the client has.
    handed_over: usize,
    /// Nobody waits for it any more.
    abandoned: bool,
}

impl Sending {
    fn new(batch: &Produce) -> Self {
        let len = batch.len();
        let answers = Answers {
            each: (0..len).map(|_| None).collect(),
            answered: vec![false; len],
            left: len,
            handed_over: 0,
            abandoned: false,
        };
        let to = (0..len).map(|index| u32::try_from(batch.place(index)).unwrap_or(u32::MAX)).collect();
        Sending { answers: Mutex::new(answers), waker: AtomicWaker::new(), places: batch.places().to_vec(), to }
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn place(&self, index: usize) -> &TopicPartition {
        &self.places[self.to[index] as usize]
    }

    pub(super) fn is_handed_over(&self) {
        self.answers().handed_over += 1;
    }

    pub(super) fn is_taken_back(&self) {
        self.answers().handed_over -= 1;
    }

    /// The answer to a record. Whether it was the last.
    pub(super) fn answer(&self, index: usize, answer: Answer) -> bool {
        let mut answers = self.answers();
        if std::mem::replace(&mut answers.answered[index], true) {
            return false;
        }
        answers.each[index] = Some(answer);
        answers.left -= 1;
        let last = answers.left == 0;
        drop(answers);
        if last {
            self.waker.wake();
        }
        last
    }

    /// The answer to a record that the client had.
    pub(super) fn report(&self, index: usize, answer: Answer) -> bool {
        self.answers().handed_over -= 1;
        self.answer(index, answer);
        self.is_done()
    }

    /// Whether nothing of it is with the client, and nobody is still about to hand something over.
    fn is_done(&self) -> bool {
        let answers = self.answers();
        answers.handed_over == 0 && (answers.left == 0 || answers.abandoned)
    }

    /// Until every record has its answer.
    pub(super) async fn answered(&self) {
        poll_fn(|cx| {
            self.waker.register(cx.waker());
            if self.answers().left == 0 { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// All answers; those that did not come are `late`.
    pub(super) fn take(&self, late: impl Fn(usize) -> Answer) -> Vec<Answer> {
        let each = std::mem::take(&mut self.answers().each);
        each.into_iter().enumerate().map(|(index, answer)| answer.unwrap_or_else(|| late(index))).collect()
    }

    fn unanswered(&self, into: &mut BTreeMap<TopicPartition, usize>) {
        let answers = self.answers();
        for index in (0..self.to.len()).filter(|index| !answers.answered[*index]) {
            *into.entry(self.place(index).clone()).or_default() += 1;
        }
    }
}

/// All requests that are not done.
#[derive(Default)]
pub(super) struct Sendings {
    all: Mutex<All>,
    room: Notify,
    done: Notify,
}

#[derive(Default)]
struct All {
    begun: u64,
    under_way: BTreeMap<u64, Arc<Sending>>,
}

/// A request, for as long as somebody waits for it.
pub(super) struct Request<'a> {
    sendings: &'a Sendings,
    sending: Arc<Sending>,
}

impl Request<'_> {
    pub(super) fn sending(&self) -> &Arc<Sending> {
        &self.sending
    }
}

impl Drop for Request<'_> {
    fn drop(&mut self) {
        self.sending.answers().abandoned = true;
        self.sendings.sweep();
    }
}

impl Sendings {
    fn all(&self) -> MutexGuard<'_, All> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self, batch: &Produce) -> Request<'_> {
        let sending = Arc::new(Sending::new(batch));
        let mut all = self.all();
        all.begun += 1;
        let id = all.begun;
        all.under_way.insert(id, sending.clone());
        drop(all);
        Request { sendings: self, sending }
    }

    pub(super) fn len(&self) -> usize {
        self.all().under_way.len()
    }

    /// How many requests there were so far.
    pub(super) fn begun(&self) -> u64 {
        self.all().begun
    }

    /// Forgets what is done.
    fn sweep(&self) {
        self.all().under_way.retain(|_, sending| !sending.is_done());
        self.done.notify_waiters();
    }

    /// A record was reported, and there is room for another.
    pub(super) fn reported(&self, was_last: bool) {
        self.room.notify_one();
        if was_last {
            self.sweep();
        }
    }

    /// Until there may be room in the client's queue.
    pub(super) async fn room(&self) {
        self.room.notified().await;
    }

    /// Until something is done.
    pub(super) async fn done(&self) {
        self.done.notified().await;
    }

    /// Whether none of the first `begun` requests waits for an answer.
    pub(super) fn all_done(&self, begun: u64) -> bool {
        self.all().under_way.range(..=begun).all(|(_, sending)| sending.is_answered())
    }

    /// What of the first `begun` requests is not acknowledged, by destination.
    pub(super) fn unanswered(&self, begun: u64) -> String {
        let mut missing = BTreeMap::new();
        for (_, sending) in self.all().under_way.range(..=begun) {
            sending.unanswered(&mut missing);
        }
        missing.iter().map(|(place, count)| format!("{count} of {place}")).collect::<Vec<_>>().join(", ")
    }
}

impl Sending {
    fn is_answered(&self) -> bool {
        let answers = self.answers();
        answers.left == 0 || (answers.abandoned && answers.handed_over == 0)
    }
}

/// Keeps the compiler's eye on what is shared with librdkafka's threads.
const _: fn() = || {
    fn shared<T: Send + Sync>() {}
    shared::<Sending>();
    shared::<Sendings>();
    shared::<Error>();
};
