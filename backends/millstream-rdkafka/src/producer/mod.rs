//! Writing: requests are handed to librdkafka in the order in which they were first polled, and answered out of its delivery
//! reports.
//!
//! | file | noun |
//! | --- | --- |
//! | `sending` | a request under way, and all of them |
//! | `reports` | librdkafka's callbacks |

mod reports;
mod sending;

use crate::asker::Asker;
use crate::client::ClientHooks;
use crate::config::Native;
use crate::{blocking, error};
use millstream_core::contract::{
    Applied, Error, ErrorKind, NotApplied, Operation, Produce, Producer, Receipt, RecordView, TopicPartition,
};
use millstream_core::topic::Topic;
use rdkafka::config::FromClientConfigAndContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer as _};
use rdkafka::types::RDKafkaErrorCode;
use reports::{Report, Reports};
use sending::{Sending, Sendings};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout, timeout_at};

/// How often a full queue is looked at, whatever the bells say.
const LOOK: Duration = Duration::from_millis(50);
/// How long the client is listened to at once.
const STEP: Duration = Duration::from_millis(100);
/// The time that records get which were on their way when the producer was dropped.
const DROPPED: Duration = Duration::from_secs(5);

type Answer = Result<Receipt, Error>;

/// A producer of an [`Rdkafka`](crate::Rdkafka). Needs a tokio runtime with time.
///
/// Idempotent: records of one partition are written in order and once, through any loss of answers or leaders, for as long as
/// the process lives. The queue is bounded: a `send` that finds it full waits, and those behind it wait their turn.
/// Dropped, it writes what was handed over, for 5 s at most.
pub struct RdkafkaProducer {
    inner: Arc<Inner>,
}

struct Inner {
    client: BaseProducer<Reports>,
    asker: Arc<Asker>,
    sendings: Arc<Sendings>,
    /// Whose turn it is to hand over: fair, so in the order of the first polls.
    turn: Arc<Mutex<()>>,
    stop: AtomicBool,
    most: usize,
    patience: Duration,
}

impl std::fmt::Debug for RdkafkaProducer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RdkafkaProducer").field("waiting", &self.inner.sendings.len()).finish_non_exhaustive()
    }
}

impl RdkafkaProducer {
    /// Makes the client and its thread. Blocks for a moment: for a thread of our own.
    pub(crate) fn start(native: &Native, asker: Arc<Asker>) -> Result<Self, Error> {
        let hooks: &ClientHooks = native.hooks();
        let sendings = Arc::new(Sendings::default());
        let reports = Reports::new(hooks.clone(), sendings.clone());
        let client = BaseProducer::from_config_and_context(&native.producer()?, reports);
        let client = client.map_err(|error| error::of_config(&error, hooks))?;
        let inner = Arc::new(Inner {
            client,
            asker,
            sendings,
            turn: Arc::default(),
            stop: AtomicBool::new(false),
            most: native.max_record_bytes(),
            patience: native.delivery_timeout(),
        });
        let listening = inner.clone();
        blocking::thread("millstream-reports", move || {
            while !listening.stop.load(Ordering::Acquire) {
                listening.client.poll(STEP);
            }
            // What is not acknowledged by then nobody asks for any more.
            let _ = listening.client.flush(DROPPED);
        })?;
        Ok(RdkafkaProducer { inner })
    }
}

impl Drop for RdkafkaProducer {
    fn drop(&mut self) {
        self.inner.stop.store(true, Ordering::Release);
    }
}

/// How far a request is handed over.
struct Handing {
    next: usize,
    /// Why a destination takes nothing more of it.
    closed: Vec<Option<Error>>,
}

/// Why handing over does not go on.
enum Halt {
    /// It is all with the client, or answered.
    Done,
    /// The client's queue is full.
    Full,
    /// It is not known whether this destination exists.
    Unknown(usize),
}

impl Handing {
    fn new(batch: &Produce) -> Self {
        Handing { next: 0, closed: batch.places().iter().map(|_| None).collect() }
    }
}

impl Inner {
    /// Hands over what can be at once.
    fn hand_over(&self, batch: &Produce, sending: &Arc<Sending>, handing: &mut Handing) -> Halt {
        while handing.next < batch.len() {
            let index = handing.next;
            let (at, record) = (batch.place(index), batch.record(index));
            let place = &batch.places()[at];
            if let Some(error) = &handing.closed[at] {
                sending.answer(index, Err(again(error, place)));
            } else if record.size() > self.most {
                sending.answer(index, Err(error::too_large(place, record.size(), self.most)));
            } else if !self.asker.remembers(place) {
                return Halt::Unknown(at);
            } else if let Err(code) = self.offer(place, record, sending, index) {
                if code == RDKafkaErrorCode::QueueFull {
                    return Halt::Full;
                }
                let error = error::of_delivery(code, place, false);
                if error.is_retriable() {
                    // Those behind it wait for it, so that their order is kept (P3).
                    handing.closed[at] = Some(again(&error, place));
                }
                sending.answer(index, Err(error));
            }
            handing.next += 1;
        }
        Halt::Done
    }

    /// Hands over the rest, waiting for room and for what is not known of its destinations.
    async fn hand_over_rest(&self, batch: &Produce, sending: &Arc<Sending>, mut handing: Handing) {
        let until = Instant::now() + self.patience;
        loop {
            match self.hand_over(batch, sending, &mut handing) {
                Halt::Done => return,
                Halt::Full if Instant::now() < until => drop(timeout(LOOK, self.sendings.room()).await),
                Halt::Full => {
                    let full = Error::new(ErrorKind::Full, Operation::Send, "the client's queue has been full for too long");
                    handing.closed.iter_mut().for_each(|closed| *closed = Some(again(&full, &batch.places()[0])));
                }
                Halt::Unknown(at) => {
                    let known = self.asker.knows(&batch.places()[at], Operation::Send).await;
                    handing.closed[at] = known.err();
                }
            }
        }
    }

    /// Puts a record into the client's queue.
    fn offer(
        &self,
        place: &TopicPartition,
        record: RecordView<'_>,
        sending: &Arc<Sending>,
        index: usize,
    ) -> Result<(), RDKafkaErrorCode> {
        let report = Box::new(Report { sending: sending.clone(), index });
        let mut offered = BaseRecord::with_opaque_to(place.topic.as_str(), report);
        offered.partition = i32::try_from(place.partition).ok();
        (offered.key, offered.payload) = (record.key(), record.value());
        offered.timestamp = Some(record.timestamp()).filter(|millis| *millis >= 0);
        let headers = record.headers();
        if headers.clone().next().is_some() {
            let mut owned = OwnedHeaders::new();
            for (key, value) in headers {
                owned = owned.insert(Header { key, value });
            }
            offered.headers = Some(owned);
        }
        sending.is_handed_over();
        self.client.send(offered).map_err(|(error, _)| {
            sending.is_taken_back();
            error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail)
        })
    }
}

/// The same error for another record.
fn again(error: &Error, place: &TopicPartition) -> Error {
    let applied = match error.applied() {
        Applied::Unknown => Applied::NotApplied(NotApplied::NotSent),
        known => known,
    };
    let text = if error.is_retriable() { format!("{place} did not take the record before") } else { error.context().to_owned() };
    Error::new(error.kind(), Operation::Send, text).with_try_again(error.retry()).with_applied(applied)
}

impl Producer for RdkafkaProducer {
    async fn send(&self, batch: &Produce) -> Vec<Answer> {
        let inner = &self.inner;
        let until = Instant::now() + inner.patience;
        let request = inner.sendings.begin(batch);
        let mut handing = Handing::new(batch);
        // All of it happens in the first poll, so that the order of first polls is that of the log; what cannot be handed over at
        // once is by a task of its own, whether or not anybody polls this on.
        let turn = match inner.turn.clone().try_lock_owned() {
            Ok(turn) => (!matches!(inner.hand_over(batch, request.sending(), &mut handing), Halt::Done)).then_some(Ok(turn)),
            Err(_) => {
                let mut waiting = Box::pin(inner.turn.clone().lock_owned());
                let first = poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx))).await;
                Some(match first {
                    Poll::Ready(turn) => Ok(turn),
                    Poll::Pending => Err(waiting),
                })
            }
        };
        if let Some(turn) = turn {
            let (inner, batch, sending) = (inner.clone(), batch.clone(), request.sending().clone());
            tokio::spawn(async move {
                let _turn = match turn {
                    Ok(turn) => turn,
                    Err(waiting) => waiting.await,
                };
                inner.hand_over_rest(&batch, &sending, handing).await;
                inner.sendings.reported(true);
            });
        }
        let _ = timeout_at(until, request.sending().answered()).await;
        let late = |index: usize| {
            let place = &batch.places()[batch.place(index)];
            let text = format!("{place} has not answered within {:?}; the client goes on trying", inner.patience);
            Err(Error::new(ErrorKind::TimedOut, Operation::Send, text))
        };
        request.sending().take(late)
    }

    async fn flush(&self, within: Duration) -> Result<(), Error> {
        let sendings = &self.inner.sendings;
        let before = sendings.begun();
        let until = Instant::now() + within;
        loop {
            if sendings.all_done(before) {
                return Ok(());
            }
            let wait = (Instant::now() + LOOK).min(until);
            let _ = timeout_at(wait, sendings.done()).await;
            if Instant::now() >= until && !sendings.all_done(before) {
                let text = format!("not acknowledged: {}", sendings.unanswered(before));
                return Err(Error::new(ErrorKind::TimedOut, Operation::Flush, text));
            }
        }
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        self.inner.asker.partitions(topic, Operation::Lookup).await
    }
}

/// What became of a record: `written` says whether a record that failed may be in the log.
pub(crate) fn answer_of(place: &TopicPartition, error: &KafkaError, written: bool) -> Error {
    error::of_delivery(error.rdkafka_error_code().unwrap_or(RDKafkaErrorCode::Fail), place, written)
}
