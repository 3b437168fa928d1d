//! Owns root events: what a program publishes that follows from no event, outside handlers. Leaves outputs, which have a
//! cause, to `handler::Outputs`, and retries to who publishes.

use super::producer_settings::ProducerSettings;
use crate::clock::{Clock, MonoTime};
use crate::contract::{AnyProducer, AnyTransport, Error, ErrorKind, Operation, Produce, Producer, Receipt, RecordSet};
use crate::contract::{RecordSetBuilder, TopicPartition, Transport, partition_for_key};
use crate::envelope::{EnvelopeMeta, EventData, EventDraft, EventId, IdGenerator, Limits, Timestamp, WireId};
use crate::handler::{EmitError, Writing, check_key};
use crate::process::Process;
use crate::topic::Topic;
use serde::Serialize;
use std::collections::BTreeMap;
use std::hash::{BuildHasher, Hasher};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;

/// How long a send or a look-up may take; as for outputs.
const DEADLINE: Duration = Duration::from_secs(30);
/// How long a topic's number of partitions is believed; as for outputs.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// Publishes root events: a market feed's ticks, a user's orders, what a timer says.
///
/// Each gets a new id (UUIDv7), the name of its service as source, and its own id as correlation. Cheap to clone; clones
/// share one connection, which is opened when something is published for the first time. It works before, while and after
/// its service runs, and [`new`](Self::new) makes one for programs without a handler.
///
/// ```
/// # use millstream_core::contract::*;
/// # use millstream_core::envelope::{EventData, EventEnvelope, Key};
/// # use millstream_core::service::Publisher;
/// # use millstream_core::topic::Topic;
/// # #[derive(serde::Serialize)] struct Tick { price: String }
/// # impl EventData for Tick { const TYPE: &'static str = "market_tick"; fn key(&self) -> Key<'_> { "NIFTY".into() } }
/// # async fn feed(transport: impl Transport, tick: Tick) -> Result<(), Error> {
/// const TICKS: Topic = Topic::literal("market.ticks");
/// let publisher = Publisher::new("feed", transport).await?;
/// let receipt = publisher.publish(&TICKS, &tick).await?;
/// println!("at {} of partition {}", receipt.offset, receipt.partition);
/// publisher.publish_envelope(&TICKS, EventEnvelope::root(tick).header("tenant", "blue")).await?;
/// # Ok(())
/// # }
/// ```
///
/// # Not for handlers
/// What a handler publishes follows from its input, and belongs into `&mut Outputs`: there ids repeat when the input is
/// handled again, so that the next service drops the duplicate, and the input settles only when its outputs are
/// acknowledged. A publisher in a handler's state does neither: a redelivery publishes again under a new id.
///
/// # Unknown outcomes
/// Nothing is sent again here. An error tells what is known of the record ([`Error::applied`]): after a time-out it may
/// have been written, and may still be. Publishing again makes a second event; where that must not be, give the draft
/// a [derived id](EventDraft::derived_id), by which consumers know both for one.
///
/// # Order
/// Events with one key go to one partition, by Java's murmur2 as everywhere. They lie there in the order in which their
/// futures were first polled, unless one fails: await one before the next where that matters.
#[derive(Clone)]
pub struct Publisher(Arc<Inner>);

struct Inner {
    source: String,
    transport: AnyTransport,
    settings: ProducerSettings,
    producer: OnceCell<AnyProducer>,
    ids: Mutex<IdGenerator>,
    partitions: Mutex<BTreeMap<Topic, (u32, MonoTime)>>,
    clock: Clock,
}

impl std::fmt::Debug for Publisher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Publisher").field("source", &self.0.source).finish_non_exhaustive()
    }
}

impl Publisher {
    /// A publisher of its own on `transport`. `source` is the name under which its events are known: 1 to 255 bytes.
    ///
    /// # Errors
    /// If the log cannot be reached, or the name is empty or too long.
    ///
    /// # Cancel safety
    /// Nothing is lost by dropping the future.
    pub async fn new(source: &str, transport: impl Transport) -> Result<Self, Error> {
        Self::with(source, transport, ProducerSettings::default()).await
    }

    /// As [`new`](Self::new), with settings: how events lie in their records.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub async fn with(source: &str, transport: impl Transport, settings: ProducerSettings) -> Result<Self, Error> {
        if source.trim().is_empty() || source.len() > 255 {
            let text = "a publisher's name is not 1 to 255 bytes: give the name under which its events are known";
            return Err(Error::new(ErrorKind::Configuration, Operation::Build, text));
        }
        // The standard library seeds each hasher differently: enough that no two publishers make the same ids.
        let random = || std::collections::hash_map::RandomState::new().build_hasher().finish();
        let seed = Process::current().map_or_else(random, |process| process.entropy());
        let publisher = Self::lazy(source, AnyTransport::new(transport), settings, seed, Clock::new());
        publisher.producer().await?;
        Ok(publisher)
    }

    pub(crate) fn lazy(source: &str, transport: AnyTransport, settings: ProducerSettings, seed: u64, clock: Clock) -> Self {
        let (producer, partitions) = (OnceCell::new(), Mutex::default());
        let ids = Mutex::new(IdGenerator::from_seed(seed));
        Publisher(Arc::new(Inner { source: source.to_owned(), transport, settings, producer, ids, partitions, clock }))
    }

    /// Publishes `data` and waits until it is acknowledged.
    ///
    /// # Errors
    /// If it has no key, is too large or cannot be written as JSON ([`ErrorKind::Invalid`], [`ErrorKind::TooLarge`]: nothing
    /// was sent), or was not acknowledged. See *unknown outcomes* above.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the effect unknown.
    pub async fn publish<T: EventData + Serialize + Sync>(&self, topic: &Topic, data: &T) -> Result<Receipt, Error> {
        self.publish_envelope(topic, EventDraft::new(data)).await
    }

    /// As [`publish`](Self::publish), with what the draft says of key, headers, correlation and the rest.
    ///
    /// # Errors
    /// As [`publish`](Self::publish), and if a header is reserved or breaks a limit, or the draft has a
    /// [name](EventDraft::named), which only outputs of a handler have.
    ///
    /// # Cancel safety
    /// As [`publish`](Self::publish).
    pub async fn publish_envelope<T: EventData + Serialize>(
        &self,
        topic: &Topic,
        draft: EventDraft<T>,
    ) -> Result<Receipt, Error> {
        let mut records = RecordSetBuilder::new(0);
        self.write(&mut records, topic, &draft).map_err(refused)?;
        // The data are not needed while the record travels.
        drop(draft);
        let mut answers = self.send(topic, records.build()).await?;
        answers.pop().unwrap_or_else(|| Err(unanswered()))
    }

    /// Publishes many events in one request, in order, and answers for each: for throughput, where waiting for one before
    /// the next would cost a round trip each.
    ///
    /// A record that fails in a way to be tried again takes with it the later ones of its partition, unwritten, so that
    /// what failed can be published again in order.
    ///
    /// # Errors
    /// If one cannot be written, or the topic's partitions cannot be looked up: nothing was sent then. What became of
    /// each record stands inside.
    ///
    /// # Cancel safety
    /// As [`publish`](Self::publish), for each.
    pub async fn publish_all<T: EventData + Serialize>(
        &self,
        topic: &Topic,
        events: impl IntoIterator<Item = T>,
    ) -> Result<Vec<Result<Receipt, Error>>, Error> {
        self.publish_envelopes(topic, events.into_iter().map(EventDraft::new)).await
    }

    /// As [`publish_all`](Self::publish_all), with drafts.
    ///
    /// # Errors
    /// As [`publish_all`](Self::publish_all) and [`publish_envelope`](Self::publish_envelope).
    ///
    /// # Cancel safety
    /// As [`publish`](Self::publish), for each.
    pub async fn publish_envelopes<T: EventData + Serialize>(
        &self,
        topic: &Topic,
        drafts: impl IntoIterator<Item = EventDraft<T>>,
    ) -> Result<Vec<Result<Receipt, Error>>, Error> {
        let written = {
            let mut records = RecordSetBuilder::new(0);
            drafts.into_iter().try_for_each(|draft| self.write(&mut records, topic, &draft)).map(|()| records.build())
        };
        self.send(topic, written.map_err(refused)?).await
    }

    fn write<T: EventData + Serialize>(
        &self,
        records: &mut RecordSetBuilder,
        topic: &Topic,
        draft: &EventDraft<T>,
    ) -> Result<(), EmitError> {
        if let Some(name) = &draft.name {
            return Err(EmitError::NamedRoot(name.clone()));
        }
        let inner = &*self.0;
        let now = inner.clock.wall_millis();
        let id = draft.id.unwrap_or_else(|| self.next_id(now));
        let stamp = draft.timestamp.unwrap_or_else(|| Timestamp::from_millis(i64::try_from(now).unwrap_or(i64::MAX)));
        let own = draft.key.is_none().then(|| draft.data.key());
        let key = own.as_ref().map_or_else(|| draft.key.as_deref().unwrap_or_default(), |key| key.as_bytes());
        let limits = &Limits::DEFAULT;
        check_key(key, limits)?;
        let mut meta = EnvelopeMeta::new(id, T::TYPE, stamp, &inner.source);
        if let Some(correlation) = &draft.correlation {
            meta.correlation_id = WireId::as_ref(correlation);
        }
        meta.broker = topic.namespace_name();
        meta.schema_version = draft.schema_version.unwrap_or(T::SCHEMA_VERSION);
        meta.extra = (!draft.extra.is_empty()).then_some(&draft.extra);
        let (mode, headers) = (inner.settings.content_mode, draft.headers.as_slice());
        let offset = records.len() as u64;
        Writing { meta, key, mode, limits, attached: None, headers }.push(records, offset, &draft.data)
    }

    fn next_id(&self, now: u64) -> EventId {
        self.0.ids.lock().unwrap_or_else(PoisonError::into_inner).next(now)
    }

    async fn producer(&self) -> Result<&AnyProducer, Error> {
        self.0.producer.get_or_try_init(|| self.0.transport.producer()).await
    }

    async fn send(&self, topic: &Topic, records: RecordSet) -> Result<Vec<Result<Receipt, Error>>, Error> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let producer = self.producer().await?;
        let count = self.partitions(producer, topic).await?;
        let mut numbers: Vec<u32> = Vec::new();
        let mut to = Vec::with_capacity(records.len());
        for record in records.iter() {
            let partition = partition_for_key(record.key().unwrap_or_default(), count);
            let place = numbers.iter().position(|&known| known == partition).unwrap_or_else(|| {
                numbers.push(partition);
                numbers.len() - 1
            });
            to.push(u32::try_from(place).unwrap_or(u32::MAX));
        }
        let places = numbers.into_iter().map(|partition| TopicPartition::new(topic.clone(), partition)).collect();
        let produce = Produce::new(places, to, records);
        let late = || Error::new(ErrorKind::TimedOut, Operation::Send, "no answer within 30 s");
        let mut answers = match tokio::time::timeout(DEADLINE, producer.send(&produce)).await {
            Ok(answers) => answers,
            Err(_) => (0..produce.len()).map(|_| Err(late())).collect(),
        };
        // P1: an answer for every record. A client that forgets some leaves them unknown.
        answers.truncate(produce.len());
        answers.resize_with(produce.len(), || Err(unanswered()));
        if answers.iter().any(|answer| answer.as_ref().is_err_and(|error| error.kind() == ErrorKind::UnknownTopic)) {
            // It may have been made again with other partitions: they are asked for anew.
            self.0.partitions.lock().unwrap_or_else(PoisonError::into_inner).remove(topic);
        }
        Ok(answers)
    }

    async fn partitions(&self, producer: &AnyProducer, topic: &Topic) -> Result<u32, Error> {
        let now = self.0.clock.now();
        let known = self.0.partitions.lock().unwrap_or_else(PoisonError::into_inner).get(topic).copied();
        if let Some((count, until)) = known
            && until > now
        {
            return Ok(count);
        }
        let late = |_| Error::new(ErrorKind::TimedOut, Operation::Lookup, "no answer within 30 s");
        let count = tokio::time::timeout(DEADLINE, producer.partitions(topic)).await.map_err(late)??;
        let mut partitions = self.0.partitions.lock().unwrap_or_else(PoisonError::into_inner);
        partitions.insert(topic.clone(), (count, now.after(LOOK_AGAIN)));
        Ok(count)
    }
}

fn unanswered() -> Error {
    Error::new(ErrorKind::TimedOut, Operation::Send, "the producer gave no answer for this record")
}

/// An event that was not sent because of what it is.
fn refused(error: EmitError) -> Error {
    let kind = match error {
        EmitError::TooLarge(_) | EmitError::KeyTooLong(_) | EmitError::TooManyHeaders(_) | EmitError::HeadersTooLarge(_) => {
            ErrorKind::TooLarge
        }
        _ => ErrorKind::Invalid,
    };
    Error::new(kind, Operation::Send, error.to_string()).with_source(error)
}
