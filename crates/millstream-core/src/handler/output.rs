//! Owns one output as unit tests look at it.

use crate::contract::{RecordRef, RecordSetBuilder, RecordView};
use crate::envelope::{EventEnvelope, EventId};
use crate::topic::Topic;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// One output, as unit tests look at it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Output {
    topic: Topic,
    id: EventId,
    event_type: &'static str,
    record: RecordRef,
}

impl Output {
    /// A copy of a record that was written.
    pub(super) fn new(topic: Topic, id: EventId, event_type: &'static str, write: impl FnOnce(&mut RecordSetBuilder)) -> Self {
        let mut builder = RecordSetBuilder::new(0);
        write(&mut builder);
        Output { topic, id, event_type, record: RecordRef::new(Arc::new(builder.build()), 0) }
    }

    /// Where it goes.
    pub fn topic(&self) -> &Topic {
        &self.topic
    }

    /// Its causal id.
    pub fn id(&self) -> EventId {
        self.id
    }

    /// Its event type; nothing for a tombstone.
    pub fn event_type(&self) -> &str {
        self.event_type
    }

    /// Whether it is a tombstone, which has no event.
    pub fn is_tombstone(&self) -> bool {
        self.record().value().is_none()
    }

    /// Its record: key, value and headers.
    pub fn record(&self) -> RecordView<'_> {
        self.record.view()
    }

    /// Its record's key.
    pub fn key(&self) -> &[u8] {
        self.record().key().unwrap_or_default()
    }

    /// The text of its record's last header with this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.record().headers().text(name)
    }

    /// Its whole envelope, as bytes of JSON.
    pub fn envelope(&self) -> &[u8] {
        self.record().value().unwrap_or_default()
    }

    /// Its envelope, read.
    ///
    /// # Panics
    /// If the data is not a `T`: a test wants to fail here.
    #[track_caller]
    pub fn event<T: DeserializeOwned>(&self) -> EventEnvelope<T> {
        EventEnvelope::from_record(self.record()).unwrap_or_else(|error| {
            let (type_name, envelope) = (std::any::type_name::<T>(), self.envelope().escape_ascii());
            let cause = std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            panic!("the output {self} is no `{type_name}`: {error}{cause}\n  it is {envelope}")
        })
    }

    /// Its data.
    ///
    /// # Panics
    /// If the data is not a `T`: a test wants to fail here.
    #[track_caller]
    pub fn data<T: DeserializeOwned>(&self) -> T {
        self.event().data
    }
}

impl fmt::Display for Output {
    /// What it is, where it goes and under which key, on one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.is_tombstone() {
            true => f.write_str("tombstone")?,
            false => write!(f, "`{}`", self.event_type)?,
        }
        write!(f, " to {} with key `{}`", self.topic, self.key().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use crate::envelope::{EventData, Key};
    use crate::handler::Outputs;
    use crate::topic::{Sibling, Topic};

    #[derive(serde::Serialize)]
    struct Filled(u32);

    impl EventData for Filled {
        const TYPE: &'static str = "filled";

        fn key(&self) -> Key<'_> {
            self.0.into()
        }
    }

    fn out() -> Outputs {
        let mut out = Outputs::of(&Topic::literal("paper.signals.validated"));
        out.emit(Sibling::new("orders", "filled"), &Filled(7)).expect("it fits");
        out
    }

    #[test]
    fn an_output_says_what_it_is_on_one_line() {
        assert_eq!(out()[0].to_string(), "`filled` to paper.orders.filled with key `7`");
        assert_eq!(out()[0].data::<u32>(), 7);
    }

    #[test]
    #[should_panic(expected = "the output `filled` to paper.orders.filled with key `7` is no `alloc::string::String`: ")]
    fn an_output_of_another_type_names_both() {
        out()[0].data::<String>();
    }
}
