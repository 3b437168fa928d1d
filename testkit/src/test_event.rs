//! Owns an event as a test says it: to be sent, to be given to a handler, or to be expected. Leaves comparing to
//! [`assert_published`](crate::assert_published) and raw records to [`Record`].

use millstream_core::contract::{Record, RecordSetBuilder};
use millstream_core::envelope::{ContentMode, EventData, EventEnvelope, EventId, Extra, Timestamp, WireId};
use millstream_core::handler::Event;
use millstream_core::topic::Topic;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use std::fmt;

/// An event as a test says it. **What is said is sent, and what is said is expected; what is not said has a fixed default
/// where it is sent, and is not compared where it is expected.** Type, data and key are always said.
///
/// The defaults are the same in every run: the time is 2026-01-01T00:00:00Z, when a
/// [`TestBench`](crate::TestBench) begins, the source `test`, and the id is made of all
/// that is said. So an event that is said twice is one event twice, which a deduplicator drops; of two alike that are to be
/// two, give one an id of its own. The namespace (`broker`) is that of the topic it is sent to.
///
/// Whatever is [`EventData`] is a `TestEvent` too, by `into()`: assertions take either.
///
/// ```
/// use millstream_core::envelope::{EventData, Key};
/// use millstream_core::handler::Event;
/// use millstream_testkit::TestEvent;
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Order { account: String }
/// # impl EventData for Order {
/// #     const TYPE: &'static str = "order_placed";
/// #     fn key(&self) -> Key<'_> { (&self.account).into() }
/// # }
///
/// let order = TestEvent::of(Order { account: "ann".to_owned() }).with_id("order-1").header("tenant", "blue");
///
/// let given: Event<Order> = order.event();                  // to call a handler with
/// assert_eq!((given.account.as_str(), given.id().as_ref()), ("ann", "order-1"));
///
/// let record = order.to("paper.orders.placed");             // to send, or to break first
/// assert_eq!(record.key.as_deref(), Some(&b"ann"[..]));
/// ```
#[derive(Clone, Debug)]
#[must_use = "an event is sent as a record (`to`), given to a handler (`event`), or expected (`assert_published`)"]
pub struct TestEvent {
    pub(crate) event_type: String,
    /// JSON text; `None` is a tombstone.
    pub(crate) data: Option<Box<RawValue>>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) id: Option<WireId>,
    pub(crate) timestamp: Option<Timestamp>,
    pub(crate) source: Option<String>,
    pub(crate) correlation: Option<WireId>,
    pub(crate) causation: Option<WireId>,
    pub(crate) broker: Option<String>,
    pub(crate) version: Option<u32>,
    pub(crate) mode: Option<ContentMode>,
    pub(crate) headers: Vec<(String, Vec<u8>)>,
    pub(crate) extra: Extra,
}

impl TestEvent {
    /// An event with this data, of its type and with its key.
    ///
    /// # Panics
    /// If the data cannot be written as JSON.
    #[track_caller]
    pub fn of<T: EventData + Serialize>(data: T) -> Self {
        let version = (T::SCHEMA_VERSION != 1).then_some(T::SCHEMA_VERSION);
        TestEvent { version, ..Self::of_type(T::TYPE, data.key().as_bytes(), &data) }
    }

    /// An event whose type and key are said here: for data that the service only reads, and that are no [`EventData`].
    ///
    /// # Panics
    /// If the data cannot be written as JSON.
    #[track_caller]
    pub fn of_type(event_type: &str, key: impl AsRef<[u8]>, data: &(impl Serialize + ?Sized)) -> Self {
        let written = serde_json::value::to_raw_value(data);
        let data = written.unwrap_or_else(|error| panic!("the data of `{event_type}` cannot be written as JSON: {error}"));
        TestEvent { event_type: event_type.to_owned(), data: Some(data), ..Self::tombstone(key) }
    }

    /// A tombstone: a record without a value, which says that its key is gone. It has a key and headers, and nothing else.
    pub fn tombstone(key: impl AsRef<[u8]>) -> Self {
        TestEvent {
            event_type: String::new(),
            data: None,
            key: Some(key.as_ref().to_vec()),
            id: None,
            timestamp: None,
            source: None,
            correlation: None,
            causation: None,
            broker: None,
            version: None,
            mode: None,
            headers: Vec::new(),
            extra: Extra::default(),
        }
    }

    /// With this id: a text, or an [`EventId`].
    ///
    /// # Panics
    /// If the text is no id.
    #[track_caller]
    pub fn with_id(mut self, id: impl TryInto<WireId, Error: fmt::Display>) -> Self {
        self.id = Some(wire_id(id));
        self
    }

    /// With this key in place of the data's own.
    pub fn key(mut self, key: impl AsRef<[u8]>) -> Self {
        self.key = Some(key.as_ref().to_vec());
        self
    }

    /// That happened at this time, in RFC 3339: `2026-01-05T09:15:00Z`.
    ///
    /// # Panics
    /// If the text is no time.
    #[track_caller]
    pub fn at(mut self, time: &str) -> Self {
        self.timestamp = Some(time.parse().unwrap_or_else(|error| panic!("{error}")));
        self
    }

    /// Published by this service.
    pub fn source(mut self, source: &str) -> Self {
        self.source = Some(source.to_owned());
        self
    }

    /// That belongs to this: a root's id.
    ///
    /// # Panics
    /// If the text is no id.
    #[track_caller]
    pub fn correlation_id(mut self, id: impl TryInto<WireId, Error: fmt::Display>) -> Self {
        self.correlation = Some(wire_id(id));
        self
    }

    /// That follows from the event with this id.
    ///
    /// # Panics
    /// If the text is no id.
    #[track_caller]
    pub fn causation_id(mut self, id: impl TryInto<WireId, Error: fmt::Display>) -> Self {
        self.causation = Some(wire_id(id));
        self
    }

    /// That follows from `cause` and belongs to what that belongs to, as what a handler sends out does.
    pub fn caused_by(mut self, cause: &TestEvent) -> Self {
        self.causation = Some(cause.id());
        self.correlation = Some(cause.correlation.clone().unwrap_or_else(|| cause.id()));
        self
    }

    /// With this namespace for audits, whatever its topic is.
    pub fn broker(mut self, broker: &str) -> Self {
        self.broker = Some(broker.to_owned());
        self
    }

    /// With this version of the data's schema.
    pub fn schema_version(mut self, version: u32) -> Self {
        self.version = Some(version);
        self
    }

    /// With one more header. Where it is expected, the last header of a name is compared, and there may be others.
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        self.headers.push((name.to_owned(), value.as_ref().to_vec()));
        self
    }

    /// With a field of the envelope that the framework does not know.
    ///
    /// # Panics
    /// If the envelope itself has such a field, or the value cannot be written as JSON.
    #[track_caller]
    pub fn field(mut self, name: &str, value: &impl Serialize) -> Self {
        self.extra.set(name, value).unwrap_or_else(|error| panic!("the field `{name}`: {error}"));
        self
    }

    /// Lying in its record in this way; by default as an envelope.
    pub fn content_mode(mut self, mode: ContentMode) -> Self {
        self.mode = Some(mode);
        self
    }

    /// Its id: the one that was said, or the one made of all that is said.
    pub fn id(&self) -> WireId {
        self.id.clone().unwrap_or_else(|| self.made_id().into())
    }

    fn made_id(&self) -> EventId {
        let text = |said: Option<String>| said.unwrap_or_default().into_bytes();
        let id = |said: &Option<WireId>| text(said.as_ref().map(ToString::to_string));
        let mut parts: Vec<Vec<u8>> = vec![
            self.event_type.clone().into_bytes(),
            text(self.data.as_ref().map(ToString::to_string)),
            self.key.clone().unwrap_or_default(),
            text(self.timestamp.map(|time| time.to_string())),
            text(self.source.clone()),
            id(&self.correlation),
            id(&self.causation),
            text(self.broker.clone()),
            text(self.version.map(|version| version.to_string())),
        ];
        parts.extend(self.headers.iter().flat_map(|(name, value)| [name.clone().into_bytes(), value.clone()]));
        parts.extend(self.extra.iter().flat_map(|(name, json)| [name.as_bytes().to_vec(), json.as_bytes().to_vec()]));
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        EventId::derive("millstream-test-event", &parts)
    }

    /// Its record, on the way to `topic`: to be sent by [`TestBench::send`](crate::TestBench::send), or to be changed first
    /// with what [`Record`] has.
    ///
    /// # Panics
    /// If `topic` is none, or the event cannot lie in a record in its mode.
    #[track_caller]
    pub fn to(&self, topic: impl AsRef<str>) -> Record {
        let topic: Topic = topic.as_ref().parse().unwrap_or_else(|error| panic!("{error}"));
        let mut record = self.record(&topic, topic.namespace_name());
        record.key = self.key.clone().map(Into::into);
        record
    }

    /// The event as a handler is given it. Its type is mostly known from the handler.
    ///
    /// # Panics
    /// If its data are no `T`, or it is a tombstone.
    #[track_caller]
    pub fn event<T: DeserializeOwned>(&self) -> Event<T> {
        Event::example_of(&self.record(&Topic::literal("test.events"), None))
    }

    #[track_caller]
    fn record(&self, topic: &Topic, broker: Option<&str>) -> Record {
        let key = self.key.clone().unwrap_or_default();
        let Some(data) = &self.data else {
            let tombstone = Record::tombstone(topic.clone(), key);
            return self.headers.iter().fold(tombstone, |record, (name, value)| record.header(name, value.clone()));
        };
        let source = self.source.as_deref().unwrap_or("test");
        let time = self.timestamp.unwrap_or_else(|| Timestamp::from_millis(crate::bench::BEGINNING));
        let mut event = EventEnvelope::new(self.id(), &self.event_type, time, source, data);
        event.correlation_id = self.correlation.clone().unwrap_or_else(|| self.id());
        event.causation_id = self.causation.clone();
        event.broker = self.broker.clone().or_else(|| broker.map(str::to_owned));
        event.schema_version = self.version.unwrap_or(1);
        event.extra = self.extra.clone();
        let mut set = RecordSetBuilder::new(0);
        for (name, value) in &self.headers {
            set.header(name, Some(value));
        }
        let written = event.push_to(&mut set, Some(&key), self.mode.unwrap_or_default());
        written.unwrap_or_else(|error| panic!("{self} cannot lie in a record: {error}"));
        crate::published::record_of(topic, set.build().view(0))
    }
}

#[track_caller]
fn wire_id(id: impl TryInto<WireId, Error: fmt::Display>) -> WireId {
    id.try_into().unwrap_or_else(|error| panic!("{error}"))
}

impl<T: EventData + Serialize> From<T> for TestEvent {
    #[track_caller]
    fn from(data: T) -> Self {
        TestEvent::of(data)
    }
}

impl fmt::Display for TestEvent {
    /// What it is, its key and its data, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_deref();
        crate::published::write_line(f, &self.event_type, key, self.data.as_ref().map(|data| data.get()))
    }
}
