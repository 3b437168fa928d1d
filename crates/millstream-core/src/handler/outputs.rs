//! Owns what a handler sends out: a list that is published only if the attempt returns `Ok`.
//!
//! Leaves to the service when it is handed over, sent again, and confirmed (`service::outbox`).

use super::emit_error::EmitError;
use super::event::Lineage;
use crate::contract::{Error, Receipt, RecordSet, RecordSetBuilder};
use crate::envelope::{CausalScope, Cause, EnvelopeMeta, EventData, EventId, EventKey, Head, Limits, Place};
use crate::envelope::{Slot, Timestamp, WireId, write_envelope};
use crate::topic::{Address, Namespace, Topic};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::ops::Index;
use std::pin::Pin;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Sends one record at once, for `publish_now`.
pub(crate) trait PublishNow: Send + Sync {
    fn publish(&self, topic: Topic, record: RecordSet) -> Boxed<Result<Receipt, Error>>;
}

/// What all attempts of one worker share when they emit.
pub(crate) struct OutputContext {
    pub(crate) source: String,
    pub(crate) scope: CausalScope,
    pub(crate) limits: Limits,
    pub(crate) most: usize,
    pub(crate) publisher: Option<Box<dyn PublishNow>>,
}

/// Where outputs of one input topic go, resolved once.
struct Destination {
    domain: &'static str,
    event_type: &'static str,
    namespace: Option<Namespace>,
    topic: Topic,
    /// A hash of the topic's logical name: outputs equal in it share their numbers, whichever way they were addressed.
    logical: u64,
}

/// One output, as unit tests look at it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Output {
    topic: Topic,
    id: EventId,
    event_type: &'static str,
    key: Vec<u8>,
    value: Vec<u8>,
}

impl Output {
    /// Where it goes.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Its causal id.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// Its event type.
    pub fn event_type(&self) -> &str {
        self.event_type
    }

    /// Its record's key.
    pub fn key(&self) -> &[u8] {
        &self.key
    }

    /// Its whole envelope, as bytes of JSON.
    pub fn envelope(&self) -> &[u8] {
        &self.value
    }

    /// Its data.
    ///
    /// # Panics
    /// If the data is not a `T`: a test wants to fail here.
    pub fn data<T: DeserializeOwned>(&self) -> T {
        crate::envelope::EventEnvelope::from_json(&self.value)
            .unwrap_or_else(|error| panic!("the output to {} is no such event: {error}", self.topic))
            .data
    }
}

/// What a handler sends out.
///
/// What is emitted goes out only if the attempt returns `Ok`, and is acknowledged before the input settles. Ids,
/// correlation, causation and namespace are carried along; they are not the handler's business.
pub struct Outputs {
    context: Arc<OutputContext>,
    from: Topic,
    namespace: Option<Namespace>,
    cause: Cause,
    lineage: Lineage,
    stamp: Timestamp,
    destinations: Vec<Destination>,
    records: RecordSetBuilder,
    to: Vec<u32>,
    slots: Vec<u64>,
    recorded: Option<Vec<Output>>,
}

impl fmt::Debug for Outputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Outputs").field("from", &self.from).field("len", &self.to.len()).finish_non_exhaustive()
    }
}

const EMIT: u64 = 1;
const PUBLISH: u64 = 2;
const NAMED: u64 = 3;

impl Outputs {
    /// Outputs for a unit test of a handler whose input comes from `from`; look at them with `len`, `iter` and `[0]`.
    pub fn of(from: &Topic) -> Self {
        let context = OutputContext {
            source: String::from("unit-test"),
            scope: CausalScope::new(0, "unit-test", "unit-test"),
            limits: Limits::DEFAULT,
            most: 10_000,
            publisher: None,
        };
        let mut outputs = Outputs::new(Arc::new(context), from.clone());
        outputs.recorded = Some(Vec::new());
        outputs.begin(None, EventId::v7(0, 1).key(), &[], Timestamp::UNIX_EPOCH);
        outputs
    }

    pub(crate) fn new(context: Arc<OutputContext>, from: Topic) -> Self {
        Outputs {
            context,
            namespace: from.namespace(),
            from,
            cause: Cause { id: EventKey::from_u128(0), millis: 0 },
            lineage: Lineage::default(),
            stamp: Timestamp::UNIX_EPOCH,
            destinations: Vec::new(),
            records: RecordSetBuilder::new(0),
            to: Vec::new(),
            slots: Vec::new(),
            recorded: None,
        }
    }

    /// Begins an attempt: forgets what an earlier one emitted and takes over the ids of the input.
    pub(crate) fn begin(&mut self, head: Option<&Head>, key: EventKey, value: &[u8], stamp: Timestamp) {
        self.clear();
        self.stamp = stamp;
        self.cause = head.map_or_else(|| Cause::new(key, None), |head| Cause::of(head, value));
        self.lineage.set(head, key, value);
    }

    /// Forgets what was emitted.
    pub(crate) fn clear(&mut self) {
        if !self.to.is_empty() {
            self.records.truncate(0);
            self.to.clear();
        }
        self.slots.clear();
        if let Some(recorded) = &mut self.recorded {
            recorded.clear();
        }
    }

    /// Sends `data` out if this attempt returns `Ok`. Its id follows from the input's id, the destination, its type and key,
    /// and its number among equals: outputs equal in topic, type and key whose number or order may vary between attempts
    /// are to be named ([`emit_named`](Self::emit_named)).
    ///
    /// # Errors
    /// If it cannot go there, or is too large, too many, or without a key. Nothing of it goes out then.
    pub fn emit<T: EventData + Serialize>(&mut self, to: impl Address, data: &T) -> Result<EventId, EmitError> {
        self.put(&to, None, data)
    }

    /// As [`emit`](Self::emit), with a name of your own in place of type, key and number.
    ///
    /// # Errors
    /// As [`emit`](Self::emit), or if the attempt has used the name for this topic already: two outputs would share an id.
    pub fn emit_named<T: EventData + Serialize>(&mut self, to: impl Address, name: &str, data: &T) -> Result<EventId, EmitError> {
        self.put(&to, Some(name), data)
    }

    /// Sends `data` out at once, whatever the attempt returns, and answers where it landed. Its id is causal like an
    /// emitted one's, in a slot of its own.
    ///
    /// # Errors
    /// As [`emit`](Self::emit), or if it was not acknowledged; its effect is then unknown, and the next attempt's has the
    /// same id.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the effect unknown.
    pub async fn publish_now<T: EventData + Serialize>(&mut self, to: impl Address, data: &T) -> Result<Receipt, EmitError> {
        let mut records = RecordSetBuilder::new(0);
        let (destination, id) = self.write(&mut records, 0, &to, PUBLISH, None, data)?;
        let topic = self.destinations[destination].topic.clone();
        let records = records.build();
        if let Some(recorded) = &mut self.recorded {
            let landed = Receipt::new(0, recorded.len() as u64, 0);
            let view = records.view(0);
            let (key, value) = (view.key().unwrap_or_default().to_vec(), view.value().unwrap_or_default().to_vec());
            recorded.push(Output { topic, id, event_type: T::TYPE, key, value });
            return Ok(landed);
        }
        let publisher = self.context.publisher.as_ref().ok_or(EmitError::NoProducer)?;
        publisher.publish(topic, records).await.map_err(EmitError::Publish)
    }

    /// How many outputs there are.
    pub fn len(&self) -> usize {
        self.recorded.as_ref().map_or(self.to.len(), Vec::len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The outputs of a unit test, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Output> {
        self.recorded.iter().flatten()
    }

    /// The outputs of a unit test that go to a topic called `topic`.
    pub fn to(&self, topic: &str) -> Vec<&Output> {
        self.iter().filter(|output| output.topic.as_str() == topic).collect()
    }

    /// The id of the input, as the outputs' causation id says it.
    pub fn cause(&self) -> Option<WireId> {
        self.lineage.cause()
    }

    /// The records emitted and the topic of each.
    pub(crate) fn emitted(&self) -> impl ExactSizeIterator<Item = (&Topic, Option<&[u8]>, Option<&[u8]>)> {
        self.to.iter().enumerate().map(|(index, &to)| {
            let (key, value) = self.records.peek(index);
            (&self.destinations[to as usize].topic, key, value)
        })
    }

    /// How many records were emitted.
    pub(crate) fn count(&self) -> usize {
        self.to.len()
    }

    fn put<T: EventData + Serialize>(&mut self, to: &impl Address, name: Option<&str>, data: &T) -> Result<EventId, EmitError> {
        let count = self.to.len();
        if count >= self.context.most {
            return Err(EmitError::TooMany(self.context.most));
        }
        let mut records = std::mem::take(&mut self.records);
        let written = self.write(&mut records, count as u64, to, EMIT, name, data);
        self.records = records;
        let (destination, id) = written?;
        self.to.push(u32::try_from(destination).unwrap_or(u32::MAX));
        if let Some(recorded) = &mut self.recorded {
            let (key, value) = self.records.peek(count);
            let topic = self.destinations[destination].topic.clone();
            let (key, value) = (key.unwrap_or_default().to_vec(), value.unwrap_or_default().to_vec());
            recorded.push(Output { topic, id, event_type: T::TYPE, key, value });
        }
        Ok(id)
    }

    fn write<T: EventData + Serialize>(
        &mut self,
        records: &mut RecordSetBuilder,
        offset: u64,
        to: &impl Address,
        verb: u64,
        name: Option<&str>,
        data: &T,
    ) -> Result<(usize, EventId), EmitError> {
        let destination = self.destination(to)?;
        let topic = &self.destinations[destination].topic;
        let key = data.key();
        let key = key.as_bytes();
        let limits = &self.context.limits;
        if key.is_empty() {
            return Err(EmitError::EmptyKey);
        }
        if key.len() > limits.key_bytes {
            return Err(EmitError::KeyTooLong(limits.key_bytes));
        }
        let slots = self.slots.len();
        let id = match name {
            Some(name) => {
                let slot = xxh3_64_with_seed(name.as_bytes(), self.destinations[destination].logical ^ NAMED);
                if self.slots.contains(&slot) {
                    return Err(EmitError::NamedTwice(name.to_owned()));
                }
                self.slots.push(slot);
                self.context.scope.output(self.cause, &Slot::Named { topic: topic.logical_name(), name })
            }
            None => {
                // Equal hashes are taken for equal slots: then the second is number 1, and its id still its own.
                let kind = xxh3_64_with_seed(T::TYPE.as_bytes(), self.destinations[destination].logical ^ verb);
                let slot = xxh3_64_with_seed(key, kind);
                let nth = self.slots.iter().filter(|&&known| known == slot).count() as u64;
                self.slots.push(slot);
                let place = Place { topic: topic.logical_name(), event_type: T::TYPE, key, nth };
                let slot = if verb == EMIT { Slot::Emit(place) } else { Slot::Publish(place) };
                self.context.scope.output(self.cause, &slot)
            }
        };
        let mut meta = EnvelopeMeta::new(id, T::TYPE, self.stamp, &self.context.source);
        meta.schema_version = T::SCHEMA_VERSION;
        if let Some((correlation, cause)) = self.lineage.ids() {
            meta.correlation_id = correlation;
            meta.causation_id = Some(cause);
        }
        let namespace = self.destinations[destination].namespace.as_ref().or(self.namespace.as_ref());
        meta.broker = namespace.map(Namespace::as_str);
        let most = limits.value_bytes;
        let written = records.push_with(offset, -1, Some(key), |out| {
            let start = out.len();
            write_envelope(out, &meta, data).map_err(EmitError::Envelope)?;
            if out.len() - start > most { Err(EmitError::TooLarge(most)) } else { Ok(()) }
        });
        if let Err(error) = written {
            // What does not go out has no number.
            self.slots.truncate(slots);
            return Err(error);
        }
        Ok((destination, id))
    }

    fn destination(&mut self, to: &impl Address) -> Result<usize, EmitError> {
        let key = to.cache_key();
        let found = self.destinations.iter().position(|known| {
            known.domain == key.domain
                && known.event_type == key.event_type
                && known.namespace.as_ref().map(Namespace::as_str) == key.namespace
        });
        if let Some(index) = found {
            return Ok(index);
        }
        let topic = to.resolve(&self.from).map_err(EmitError::Address)?;
        let namespace = key.namespace.and(topic.namespace());
        let logical = xxh3_64_with_seed(topic.logical_name().as_bytes(), 0);
        self.destinations.push(Destination { domain: key.domain, event_type: key.event_type, namespace, topic, logical });
        Ok(self.destinations.len() - 1)
    }
}

impl Index<usize> for Outputs {
    type Output = Output;

    fn index(&self, index: usize) -> &Output {
        let recorded = self.recorded.as_ref().expect("outputs are looked at in unit tests: make them with `Outputs::of`");
        &recorded[index]
    }
}
