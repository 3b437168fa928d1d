//! Owns what a handler sends out: a list that is published only if the attempt returns `Ok`.
//!
//! Leaves to the service when it is handed over, sent again, and confirmed (`service::outbox`), and to `publish` what goes
//! out at once.

mod begin;
mod entry;
mod looks;
mod publish;
mod tombstone;
mod trace;

use super::emit_error::EmitError;
use super::lineage::{Attached, Lineage};
use super::output::Output;
use super::said::Said;
use super::writing::{Writing, check_header, check_key};
use crate::contract::{Headers, RecordSetBuilder, RecordView};
use crate::envelope::{CausalScope, Cause, ContentMode, EnvelopeMeta, EventData, EventDraft, EventId, EventKey, Head, Limits};
use crate::envelope::{Metadata, Place, Slot, Timestamp, WireId};
use crate::topic::{Address, Namespace, Topic};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

pub(crate) use publish::PublishNow;

/// What all attempts of one worker share: whose they are, and what they need when they emit.
pub(crate) struct OutputContext {
    pub(crate) source: String,
    pub(crate) group: String,
    pub(crate) handler: String,
    pub(crate) scope: CausalScope,
    pub(crate) limits: Limits,
    pub(crate) most: usize,
    pub(crate) mode: ContentMode,
    pub(crate) publisher: Option<Box<dyn PublishNow>>,
    /// Whether inputs are of a retry topic.
    pub(crate) copied: bool,
}

impl OutputContext {
    /// What stands in for a worker's in unit tests.
    pub(crate) fn of_unit_tests() -> Arc<Self> {
        let name = || String::from("unit-test");
        Arc::new(OutputContext {
            source: name(),
            group: name(),
            handler: name(),
            scope: CausalScope::new(0, "unit-test", "unit-test"),
            limits: Limits::DEFAULT,
            most: 10_000,
            mode: ContentMode::Envelope,
            publisher: None,
            copied: false,
        })
    }
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
    attached: Attached,
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
const DERIVED: u64 = 4;

impl Outputs {
    /// Outputs for a unit test of a handler whose input comes from `from`; look at them with `len`, `iter` and `[0]`.
    pub fn of(from: &Topic) -> Self {
        let mut outputs = Outputs::new(OutputContext::of_unit_tests(), from.clone());
        outputs.record();
        outputs.begin_at(EventId::v7(0, 1).key());
        outputs
    }

    pub(crate) fn new(context: Arc<OutputContext>, from: Topic) -> Self {
        Outputs {
            context,
            namespace: from.namespace(),
            from,
            cause: Cause { id: EventKey::from_u128(0), millis: 0 },
            lineage: Lineage::default(),
            attached: Attached::default(),
            stamp: Timestamp::UNIX_EPOCH,
            destinations: Vec::new(),
            records: RecordSetBuilder::new(0),
            to: Vec::new(),
            slots: Vec::new(),
            recorded: None,
        }
    }

    /// Begins an attempt: forgets what an earlier one emitted and takes over the ids of the input.
    #[inline]
    pub(crate) fn begin(&mut self, head: Option<&Head>, key: EventKey, record: RecordView<'_>, stamp: Timestamp) {
        self.clear();
        self.stamp = stamp;
        match head {
            Some(head) if head.content_mode() == ContentMode::Envelope => {
                let value = record.value().unwrap_or_default();
                self.cause = Cause::of(head, value);
                self.lineage.set(head, value);
            }
            Some(head) => self.begin_after(Metadata::of(head, record)),
            None => self.begin_at(key),
        }
    }

    /// The input is a CloudEvent.
    #[inline(never)]
    fn begin_after(&mut self, input: Metadata<'_>) {
        self.cause = input.cause();
        self.lineage.set_foreign(&input);
    }

    /// The input is no event, and known by this.
    #[inline(never)]
    fn begin_at(&mut self, key: EventKey) {
        self.cause = Cause::new(key, None);
        self.lineage.set_key(key);
    }

    /// Forgets what was emitted.
    pub(crate) fn clear(&mut self) {
        if !self.to.is_empty() {
            self.records.truncate(0);
            self.to.clear();
        }
        self.slots.clear();
        if !self.attached.is_empty() {
            self.attached.clear();
        }
        if let Some(recorded) = &mut self.recorded {
            recorded.clear();
        }
    }

    /// Sends `data` out if this attempt returns `Ok`. Its id follows from the input's id, the destination, its type and key,
    /// and its number among equals: outputs equal in topic, type and key whose number or order may vary between attempts
    /// are to be named ([`emit_named`](Self::emit_named)).
    ///
    /// # Errors
    /// If it cannot go there, or is too large, too many, or without a key. Nothing of it goes out then; hand the error on with
    /// `?`, or answer it, for the attempt may still succeed without that output.
    #[must_use = "without `?` a refused output is missing, and its record still counts as done"]
    pub fn emit<T: EventData + Serialize>(&mut self, to: impl Address, data: &T) -> Result<EventId, EmitError> {
        self.put(&to, &Said::of(data), data)
    }

    /// As [`emit`](Self::emit), with a name of your own in place of type, key and number.
    ///
    /// # Errors
    /// As [`emit`](Self::emit), or if the attempt has used the name for this topic already: two outputs would share an id.
    #[must_use = "without `?` a refused output is missing, and its record still counts as done"]
    pub fn emit_named<T: EventData + Serialize>(&mut self, to: impl Address, name: &str, data: &T) -> Result<EventId, EmitError> {
        self.put(&to, &Said { name: Some(name), ..Said::of(data) }, data)
    }

    /// As [`emit`](Self::emit), with what the draft says of key, headers, correlation, name and the rest. Its id stays causal
    /// and its cause is the input, whatever the draft says, unless it has a
    /// [derived id](EventDraft::derived_id).
    ///
    /// ```
    /// # use millstream_core::envelope::{EventData, EventDraft, Key};
    /// # use millstream_core::handler::{EmitError, Outputs};
    /// # use millstream_core::topic::{Sibling, Topic};
    /// # #[derive(serde::Serialize)] struct Filled;
    /// # impl EventData for Filled { const TYPE: &'static str = "filled"; fn key(&self) -> Key<'_> { "k".into() } }
    /// const FILLED: Sibling = Sibling::new("orders", "filled");
    /// # fn main() -> Result<(), EmitError> {
    /// # let mut out = Outputs::of(&Topic::literal("paper.signals.validated"));
    /// out.emit_envelope(FILLED, EventDraft::new(Filled).key("NIFTY").header("tenant", "blue"))?;
    /// assert_eq!((out[0].key(), out[0].header("tenant")), (&b"NIFTY"[..], Some("blue")));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`emit`](Self::emit) and [`emit_named`](Self::emit_named), if a derived id was used for this topic before in this
    /// attempt, or if a header is reserved or breaks a limit.
    #[must_use = "without `?` a refused output is missing, and its record still counts as done"]
    pub fn emit_envelope<T: EventData + Serialize>(
        &mut self,
        to: impl Address,
        draft: EventDraft<T>,
    ) -> Result<EventId, EmitError> {
        self.put(&to, &Said::by(&draft), &draft.data)
    }

    /// Gives everything that this attempt sends out from here on one more header: a tenant, or a trace's context. Its
    /// value is copied. A draft's own header of the same name comes behind it, and whoever looks for one finds the last.
    ///
    /// # Errors
    /// If the name is reserved: `content-type`, or one that begins with `ce_`.
    pub fn attach_header(&mut self, name: &'static str, value: impl AsRef<[u8]>) -> Result<(), EmitError> {
        check_header(name)?;
        self.attached.push(name, value.as_ref());
        Ok(())
    }

    /// How many outputs there are.
    pub fn len(&self) -> usize {
        self.recorded.as_ref().map_or(self.to.len(), Vec::len)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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

    /// Whether any output has a header.
    #[inline]
    pub(crate) fn has_headers(&self) -> bool {
        self.records.has_headers()
    }

    /// The headers of the output emitted `index`th.
    pub(crate) fn headers_of(&self, index: usize) -> Headers<'_> {
        self.records.peek_headers(index)
    }

    fn put<T: EventData + Serialize>(&mut self, to: &impl Address, said: &Said<'_>, data: &T) -> Result<EventId, EmitError> {
        let count = self.to.len();
        if count >= self.context.most {
            return Err(EmitError::TooMany(self.context.most));
        }
        let mut records = std::mem::take(&mut self.records);
        let written = self.write(&mut records, count as u64, to, EMIT, said, data);
        self.records = records;
        let (destination, id) = written?;
        self.to.push(u32::try_from(destination).unwrap_or(u32::MAX));
        if let Some(recorded) = &mut self.recorded {
            let (key, value) = self.records.peek(count);
            let topic = self.destinations[destination].topic.clone();
            recorded.push(Output::new(topic, id, T::TYPE, |builder| {
                for (name, value) in self.records.peek_headers(count) {
                    builder.header(name, value);
                }
                builder.push(0, -1, key, value);
            }));
        }
        Ok(id)
    }

    fn write<T: EventData + Serialize>(
        &mut self,
        records: &mut RecordSetBuilder,
        offset: u64,
        to: &impl Address,
        verb: u64,
        said: &Said<'_>,
        data: &T,
    ) -> Result<(usize, EventId), EmitError> {
        let destination = self.destination(to)?;
        let topic = &self.destinations[destination].topic;
        let (key, limits) = (said.key.as_bytes(), &self.context.limits);
        check_key(key, limits)?;
        let slots = self.slots.len();
        let id = match (said.id, said.name) {
            (Some(id), _) => {
                let slot = xxh3_64_with_seed(&id.to_ascii(), self.destinations[destination].logical ^ DERIVED);
                if self.slots.contains(&slot) {
                    return Err(EmitError::NamedTwice(id.to_string()));
                }
                self.slots.push(slot);
                id
            }
            (None, Some(name)) => {
                let slot = xxh3_64_with_seed(name.as_bytes(), self.destinations[destination].logical ^ NAMED);
                if self.slots.contains(&slot) {
                    return Err(EmitError::NamedTwice(name.to_owned()));
                }
                self.slots.push(slot);
                #[cfg(millstream_planted)]
                let index = self.slots.len().to_string();
                #[cfg(millstream_planted)]
                let name = if planted!(B39) { &index } else { name };
                self.context.scope.output(self.cause, &Slot::Named { topic: topic.logical_name(), name })
            }
            (None, None) => {
                // Equal hashes are taken for equal slots: then the second is number 1, and its id still its own.
                let kind = xxh3_64_with_seed(T::TYPE.as_bytes(), self.destinations[destination].logical ^ verb);
                let slot = xxh3_64_with_seed(key, kind);
                let nth = self.slots.iter().filter(|&&known| known == slot).count() as u64;
                self.slots.push(slot);
                let place = Place { topic: topic.logical_name(), event_type: T::TYPE, key, nth };
                let slot = if verb == EMIT || planted!(B38) { Slot::Emit(place) } else { Slot::Publish(place) };
                self.context.scope.output(self.cause, &slot)
            }
        };
        let mut meta = EnvelopeMeta::new(id, T::TYPE, said.timestamp.unwrap_or(self.stamp), &self.context.source);
        let (correlation, cause) = self.lineage.ids();
        meta.schema_version = said.schema_version.unwrap_or(T::SCHEMA_VERSION);
        meta.correlation_id = said.correlation.map_or(correlation, WireId::as_ref);
        meta.causation_id = Some(cause);
        meta.extra = said.extra;
        let namespace = self.destinations[destination].namespace.as_ref().or(self.namespace.as_ref());
        meta.broker = namespace.map(Namespace::as_str);
        let (mode, attached) = (self.context.mode, Some(&self.attached));
        let writing = Writing { meta, key, mode, limits, attached, headers: said.headers };
        if let Err(error) = writing.push(records, offset, data) {
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
