//! Owns an event as a list of fields, as it is expected and as it was found, and what differs between two. Leaves which two
//! are compared to `pairs`, and how it is printed to `report`.

use super::FoundRecord;
use crate::TestEvent;
use millstream_core::contract::{Record, RecordSetBuilder};
use millstream_core::envelope::{ContentMode, EventEnvelope, Limits, WireId, read_head};
use serde_json::Value;
use std::collections::BTreeMap;

/// The value of one field, as it is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Field {
    /// An id, which may be shortened.
    Id(String),
    /// Anything else.
    Text(String),
}

/// An event in fields: those of the envelope, and the leaves of its data by their paths.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields {
    pub(super) event_type: String,
    pub(super) key: Option<Vec<u8>>,
    /// JSON text.
    pub(super) data: Option<String>,
    /// Why the record is no event.
    pub(super) error: Option<String>,
    envelope: Vec<(String, Field)>,
    leaves: BTreeMap<String, String>,
}

/// A field in which two events differ; `None` where it is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Difference {
    pub(super) name: String,
    pub(super) expected: Option<Field>,
    pub(super) found: Option<Field>,
}

impl Fields {
    /// What is said of an expected event.
    pub(super) fn expected(event: &TestEvent) -> Self {
        let mut fields = Fields::new(&event.event_type, event.key.clone(), event.data.as_ref().map(|data| data.get()));
        let ids = [("id", &event.id), ("correlation_id", &event.correlation), ("causation_id", &event.causation)];
        for (name, id) in ids {
            fields.put_id(name, id.as_ref());
        }
        fields.put("timestamp", event.timestamp);
        fields.put("source", event.source.as_deref());
        fields.put("broker", event.broker.as_deref());
        fields.put("schema_version", event.version);
        fields.put("content mode", event.mode.map(mode));
        for (name, json) in event.extra.iter() {
            fields.put(&format!("field {name}"), Some(plain(json)));
        }
        for (name, value) in &event.headers {
            fields.put(&format!("header {name}"), Some(value.escape_ascii()));
        }
        fields
    }

    /// All that is known of a record that was found.
    pub(super) fn found(found: &FoundRecord) -> Self {
        let key = found.record.key.as_ref().map(|key| key.to_vec());
        let mut fields = match read(&found.record) {
            None => Fields::new("", key, None),
            Some(Err(error)) => {
                let mut fields = Fields { error: Some(error.clone()), ..Fields::new("", key, None) };
                fields.envelope[0].1 = Field::Text(format!("no event: {error}"));
                fields
            }
            Some(Ok((event, mode))) => {
                let mut fields = Fields::new(&event.event_type, key, Some(&event.data.to_string()));
                fields.put_id("id", Some(&event.id));
                fields.put_id("correlation_id", Some(&event.correlation_id));
                fields.put_id("causation_id", event.causation_id.as_ref());
                fields.put("timestamp", Some(event.timestamp));
                fields.put("source", Some(&event.source));
                fields.put("broker", event.broker.as_deref());
                fields.put("schema_version", Some(event.schema_version));
                fields.put("content mode", Some(mode));
                for (name, json) in event.extra.iter() {
                    fields.put(&format!("field {name}"), Some(plain(json)));
                }
                fields
            }
        };
        for (name, value) in &found.record.headers {
            fields.put(&format!("header {name}"), value.as_ref().map(|value| value.escape_ascii()));
        }
        fields
    }

    fn new(event_type: &str, key: Option<Vec<u8>>, data: Option<&str>) -> Self {
        let mut fields = Fields { event_type: event_type.to_owned(), key, data: data.map(plain), ..Fields::default() };
        fields.put("type", Some(if data.is_none() { "tombstone" } else { event_type }));
        let key = fields.key.as_ref().map(|key| key.escape_ascii().to_string());
        fields.put("key", key);
        if let Some(data) = data {
            // What is no JSON differs from everything by its text.
            let data = serde_json::from_str(data).unwrap_or_else(|_| Value::String(data.to_owned()));
            leaves(&data, "data".to_owned(), &mut fields.leaves);
        }
        fields
    }

    fn put(&mut self, name: &str, value: Option<impl ToString>) {
        if let Some(value) = value {
            self.envelope.push((name.to_owned(), Field::Text(value.to_string())));
        }
    }

    fn put_id(&mut self, name: &str, id: Option<&WireId>) {
        if let Some(id) = id {
            self.envelope.push((name.to_owned(), Field::Id(id.to_string())));
        }
    }

    /// The last field of this name: of headers that is the one that counts.
    fn get(&self, name: &str) -> Option<&Field> {
        self.envelope.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// How it differs from what was found: in what is said here, and in all of the data.
    pub(super) fn differences(&self, found: &Fields) -> Vec<Difference> {
        let mut differences = Vec::new();
        let mut compare = |name: &str, expected: Option<Field>, found: Option<Field>| {
            if expected != found {
                differences.push(Difference { name: name.to_owned(), expected, found });
            }
        };
        for (index, (name, _)) in self.envelope.iter().enumerate() {
            if !self.envelope[index + 1..].iter().any(|(later, _)| later == name) {
                compare(name, self.get(name).cloned(), found.get(name).cloned());
            }
        }
        for name in self.paths(found) {
            let of = |fields: &Fields| fields.leaves.get(name).cloned().map(Field::Text);
            compare(name, of(self), of(found));
        }
        differences
    }

    /// How many fields are compared: at least 1.
    pub(super) fn compared(&self, found: &Fields) -> usize {
        self.envelope.len() + self.paths(found).len()
    }

    fn paths<'f>(&'f self, found: &'f Fields) -> Vec<&'f String> {
        let mut paths: Vec<&String> = self.leaves.keys().chain(found.leaves.keys()).collect();
        paths.sort();
        paths.dedup();
        paths
    }
}

type Read = (EventEnvelope<Value>, &'static str);

/// The event in a record; `None` for a tombstone.
fn read(record: &Record) -> Option<Result<Read, String>> {
    record.value.as_ref()?;
    let mut set = RecordSetBuilder::new(0);
    set.push_record(0, record.timestamp.unwrap_or(0), record);
    let set = set.build();
    let event = EventEnvelope::from_record(set.view(0)).map_err(|error| error.to_string());
    let head = read_head(set.view(0), &Limits::DEFAULT).map_err(|error| error.to_string());
    Some(event.and_then(|event| Ok((event, mode(head?.content_mode())))))
}

fn mode(mode: ContentMode) -> &'static str {
    match mode {
        ContentMode::CloudEventsBinary => "CloudEvents, binary",
        ContentMode::CloudEventsStructured => "CloudEvents, structured",
        _ => "envelope",
    }
}

/// JSON without what is between its tokens, so that two ways of writing it are one.
fn plain(json: &str) -> String {
    serde_json::from_str::<Value>(json).map_or_else(|_| json.to_owned(), |value| value.to_string())
}

fn leaves(value: &Value, path: String, into: &mut BTreeMap<String, String>) {
    match value {
        Value::Object(fields) if !fields.is_empty() => {
            for (name, value) in fields {
                leaves(value, format!("{path}.{name}"), into);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for (index, value) in items.iter().enumerate() {
                leaves(value, format!("{path}[{index}]"), into);
            }
        }
        leaf => {
            into.insert(path, leaf.to_string());
        }
    }
}
