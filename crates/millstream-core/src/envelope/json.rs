//! The JSON form of an envelope, read in full through serde.
//!
//! The visitor is by hand: a derived one would accept arrays, drop unknown fields, and read
//! numbers in them as floats. Only serde_json can read it, since unknown fields are kept as text.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde::ser::{Error as _, SerializeMap, Serializer};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::error::EnvelopeError;
use super::event::EventEnvelope;
use super::extra::Extra;
use super::head::Field;
use super::limits::{Limits, MAX_TEXT_BYTES};
use super::timestamp::Timestamp;
use super::wire_id::WireId;
use super::write::{EnvelopeMeta, write_envelope};

impl<T> EventEnvelope<T> {
    /// Reads a record's value, with the limits of [`Limits::DEFAULT`].
    ///
    /// # Errors
    ///
    /// When a limit is broken, the value is no JSON object, a field is bad, missing or twice, or
    /// the data are of another type.
    pub fn from_json<'de>(value: &'de [u8]) -> Result<Self, EnvelopeError>
    where
        T: Deserialize<'de>,
    {
        Self::from_json_within(value, &Limits::DEFAULT)
    }

    /// Reads a record's value, with other limits.
    ///
    /// # Errors
    ///
    /// As [`from_json`](Self::from_json).
    pub fn from_json_within<'de>(value: &'de [u8], limits: &Limits) -> Result<Self, EnvelopeError>
    where
        T: Deserialize<'de>,
    {
        limits.check_start(value)?;
        limits.check_depth(value, 0, 0)?;
        serde_json::from_slice(value).map_err(EnvelopeError::decode)
    }

    /// The envelope's metadata, borrowed, for writing.
    #[must_use]
    pub fn meta(&self) -> EnvelopeMeta<'_> {
        let mut meta = EnvelopeMeta::new(&self.id, &self.event_type, self.timestamp, &self.source);
        meta.correlation_id = self.correlation_id.as_ref();
        meta.causation_id = self.causation_id.as_ref().map(WireId::as_ref);
        meta.broker = self.broker.as_deref();
        meta.schema_version = self.schema_version;
        meta.extra = Some(&self.extra);
        meta
    }

    /// The record's value for this event.
    ///
    /// # Errors
    ///
    /// When a text is empty or too long, or the data cannot be written as JSON.
    pub fn to_json(&self) -> Result<Vec<u8>, EnvelopeError>
    where
        T: Serialize,
    {
        let mut out = Vec::with_capacity(512);
        write_envelope(&mut out, &self.meta(), &self.data)?;
        Ok(out)
    }
}

impl<T: Serialize> Serialize for EventEnvelope<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.meta().check().map_err(S::Error::custom)?;
        let mut map = serializer.serialize_map(Some(9 + self.extra.len()))?;
        map.serialize_entry("id", &self.id)?;
        map.serialize_entry("type", &self.event_type)?;
        map.serialize_entry("timestamp", &self.timestamp)?;
        map.serialize_entry("source", &self.source)?;
        map.serialize_entry("correlation_id", &self.correlation_id)?;
        map.serialize_entry("causation_id", &self.causation_id)?;
        map.serialize_entry("broker", &self.broker)?;
        map.serialize_entry("schema_version", &self.schema_version)?;
        for (name, value) in self.extra.raw() {
            map.serialize_entry(name, value)?;
        }
        map.serialize_entry("data", &self.data)?;
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for EventEnvelope<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = EventEnvelope<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an event envelope, which is a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<EventEnvelope<T>, A::Error> {
        let mut id: Option<WireId> = None;
        let mut event_type: Option<String> = None;
        let mut timestamp: Option<Timestamp> = None;
        let mut source: Option<String> = None;
        let mut correlation_id: Option<Option<WireId>> = None;
        let mut causation_id: Option<Option<WireId>> = None;
        let mut broker: Option<Option<String>> = None;
        let mut schema_version: Option<u32> = None;
        let mut extra = Extra::default();
        let mut data: Option<T> = None;
        while let Some(name) = map.next_key_seed(Name)? {
            match Field::named(name.as_bytes()) {
                Some(Field::Id) => once(&mut id, &mut map, Field::Id)?,
                Some(Field::Type) => {
                    once(&mut event_type, &mut map, Field::Type)?;
                    bounded::<A::Error>(event_type.as_deref(), Field::Type, 1)?;
                }
                Some(Field::Timestamp) => once(&mut timestamp, &mut map, Field::Timestamp)?,
                Some(Field::Source) => {
                    once(&mut source, &mut map, Field::Source)?;
                    bounded::<A::Error>(source.as_deref(), Field::Source, 1)?;
                }
                Some(Field::Correlation) => {
                    once(&mut correlation_id, &mut map, Field::Correlation)?;
                }
                Some(Field::Causation) => once(&mut causation_id, &mut map, Field::Causation)?,
                Some(Field::Broker) => {
                    once(&mut broker, &mut map, Field::Broker)?;
                    bounded::<A::Error>(broker.as_ref().and_then(Option::as_deref), Field::Broker, 0)?;
                }
                Some(Field::SchemaVersion) => {
                    once(&mut schema_version, &mut map, Field::SchemaVersion)?;
                }
                Some(Field::Data) => once(&mut data, &mut map, Field::Data)?,
                None => extra.push(name.into_owned(), map.next_value::<Box<RawValue>>()?),
            }
        }
        let missing = |field: Field| A::Error::missing_field(field.name());
        let id = id.ok_or_else(|| missing(Field::Id))?;
        Ok(EventEnvelope {
            event_type: event_type.ok_or_else(|| missing(Field::Type))?,
            timestamp: timestamp.ok_or_else(|| missing(Field::Timestamp))?,
            source: source.ok_or_else(|| missing(Field::Source))?,
            correlation_id: correlation_id.flatten().unwrap_or_else(|| id.clone()),
            id,
            causation_id: causation_id.flatten(),
            broker: broker.flatten().filter(|broker| !broker.is_empty()),
            schema_version: schema_version.unwrap_or(1),
            extra,
            data: data.ok_or_else(|| missing(Field::Data))?,
        })
    }
}

fn once<'de, A: MapAccess<'de>, V: Deserialize<'de>>(slot: &mut Option<V>, map: &mut A, field: Field) -> Result<(), A::Error> {
    if slot.is_some() {
        return Err(A::Error::duplicate_field(field.name()));
    }
    *slot = Some(map.next_value()?);
    Ok(())
}

fn bounded<E: Error>(text: Option<&str>, field: Field, least: usize) -> Result<(), E> {
    match text {
        Some(text) if text.len() < least || text.len() > MAX_TEXT_BYTES => Err(E::custom(EnvelopeError::Text(field.name()))),
        _ => Ok(()),
    }
}

/// A field's name, borrowed where it has no escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of a field")
    }

    fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}
