//! Owns the assertions on what was published. Leaves pairing to `pairs` and words to `report`.

use super::fields::Fields;
use super::report::{self, Report};
use super::{FoundRecord, Published, pairs};
use crate::TestEvent;
use millstream_core::contract::{Record, RecordSet, RecordSetBuilder};
use millstream_core::envelope::EventEnvelope;
use millstream_core::topic::Topic;
use serde::de::DeserializeOwned;

/// Looks at what was published to a topic, to assert something of it. See [`FoundEvents`].
///
/// ```
/// use millstream_core::envelope::{EventData, Key};
/// use millstream_core::handler::Outputs;
/// use millstream_core::topic::{Sibling, Topic};
/// use millstream_testkit::{TestEvent, assert_published};
/// # #[derive(serde::Serialize, serde::Deserialize)]
/// # struct Alert { account: String }
/// # impl EventData for Alert {
/// #     const TYPE: &'static str = "order_alert";
/// #     fn key(&self) -> Key<'_> { (&self.account).into() }
/// # }
/// # let alert = |account: &str| Alert { account: account.to_owned() };
/// let mut out = Outputs::of(&Topic::literal("paper.orders.placed"));
/// out.emit(Sibling::new("orders", "alerts"), &alert("ann"))?;
///
/// assert_published(&out, "paper.orders.alerts").exactly([alert("ann")]);
/// assert_published(&out, "paper.orders.alerts").exactly([TestEvent::of(alert("ann")).source("unit-test")]);
/// assert_eq!(assert_published(&out, "paper.orders.alerts").one::<Alert>().data.account, "ann");
/// # Ok::<(), millstream_core::handler::EmitError>(())
/// ```
///
/// # Panics
/// If `topic` is none.
#[track_caller]
pub fn assert_published<'p>(source: &'p impl Published, topic: impl AsRef<str>) -> FoundEvents<'p> {
    FoundEvents::new(source, topic.as_ref())
}

/// Asserts that nothing was published to a topic.
///
/// # Panics
/// If something was, with a list of it.
#[track_caller]
pub fn assert_nothing_published(source: &impl Published, topic: impl AsRef<str>) {
    let events = FoundEvents::new(source, topic.as_ref());
    if !events.found.is_empty() {
        panic!("{}", events.report(&[]).of_count("nothing"));
    }
}

/// Asserts that no topic has a dead letter.
///
/// # Panics
/// If one has, with where each record failed, why, and after how many attempts.
#[track_caller]
pub fn assert_no_dead_letters(source: &impl Published) {
    let letters = report::letters(source);
    if !letters.is_empty() {
        panic!("{}", report::of_letters(&letters));
    }
}

/// The events of one topic, to be compared with expected ones.
///
/// Expected is data, as it was published, or a [`TestEvent`], which may say more: of the envelope, whatever it says is
/// compared; type, key and all of the data always are.
///
/// A failure says which event differs in which fields, expected and found side by side, which are missing, and which are
/// there besides; then what else may explain it: topics where there is something, if there is nothing in this one, and dead
/// letters. Long ids are cut to their ends.
#[must_use = "it asserts nothing by itself: say what is expected"]
pub struct FoundEvents<'p> {
    source: &'p dyn Published,
    topic: Topic,
    records: Vec<FoundRecord>,
    found: Vec<Fields>,
}

impl<'p> FoundEvents<'p> {
    #[track_caller]
    fn new(source: &'p dyn Published, topic: &str) -> Self {
        let topic: Topic = topic.parse().unwrap_or_else(|error| panic!("{error}"));
        let records = source.published_to(&topic);
        let found = records.iter().map(Fields::found).collect();
        FoundEvents { source, topic, records, found }
    }

    /// Exactly these, in this order. Order is promised for events with one key: of a topic with several partitions it is
    /// that of the partitions, one after the other, and [`in_any_order`](Self::in_any_order) says what is meant.
    ///
    /// # Panics
    /// If one differs, is missing, is there besides, or stands elsewhere.
    #[track_caller]
    pub fn exactly<E: Into<TestEvent>>(self, expected: impl IntoIterator<Item = E>) {
        let expected = fields(expected);
        let report = self.report(&expected);
        if let Some(text) = report.of_pairs(&pairs::in_order(&expected, &self.found)) {
            let whatever = pairs::in_any_order(&expected, &self.found);
            // The same events in another order would read as missing here and besides there.
            let text = if report.of_pairs(&whatever).is_none() { report.of_order(&whatever) } else { text };
            self.fail(text);
        }
    }

    /// Exactly these, in any order.
    ///
    /// # Panics
    /// If one differs, is missing, or is there besides.
    #[track_caller]
    pub fn in_any_order<E: Into<TestEvent>>(self, expected: impl IntoIterator<Item = E>) {
        let expected = fields(expected);
        if let Some(text) = self.report(&expected).of_pairs(&pairs::in_any_order(&expected, &self.found)) {
            self.fail(text);
        }
    }

    /// These at least, in any order: others do not matter.
    ///
    /// # Panics
    /// If one differs or is missing.
    #[track_caller]
    pub fn at_least<E: Into<TestEvent>>(self, expected: impl IntoIterator<Item = E>) {
        let expected = fields(expected);
        let pairs = pairs::Pairs { besides: Vec::new(), ..pairs::in_any_order(&expected, &self.found) };
        if let Some(text) = self.report(&expected).of_pairs(&pairs) {
            self.fail(text);
        }
    }

    /// The one event there is, to be looked at.
    ///
    /// # Panics
    /// If there is none, if there are more, or if its data are no `T`.
    #[track_caller]
    pub fn one<T: DeserializeOwned>(self) -> EventEnvelope<T> {
        let mut all = match self.found.len() {
            1 => self.all::<T>(),
            _ => self.fail(self.report(&[]).of_count("one event")),
        };
        all.pop().expect("there is one")
    }

    /// All events, partition by partition, to be looked at.
    ///
    /// # Panics
    /// If the data of one are no `T`.
    #[track_caller]
    pub fn all<T: DeserializeOwned>(self) -> Vec<EventEnvelope<T>> {
        let mut all = Vec::with_capacity(self.records.len());
        for (at, FoundRecord { record, .. }) in self.records.iter().enumerate() {
            match EventEnvelope::from_record(set_of(record).view(0)) {
                Ok(event) => all.push(event),
                Err(error) => {
                    let name = std::any::type_name::<T>();
                    let why = wrong_data::<T>(record).unwrap_or_else(|| error.to_string());
                    let mut text = format!("{}: no `{name}`: {why}\n  found: ", self.topic);
                    self.report(&[]).found_line(&mut text, at);
                    panic!("{text}");
                }
            }
        }
        all
    }

    fn report<'a>(&'a self, expected: &'a [Fields]) -> Report<'a> {
        Report { topic: &self.topic, records: &self.records, found: &self.found, expected }
    }

    #[track_caller]
    fn fail(&self, mut text: String) -> ! {
        report::hints(&mut text, self.source, &self.topic, self.found.is_empty());
        panic!("{text}")
    }
}

fn set_of(record: &Record) -> RecordSet {
    let mut set = RecordSetBuilder::new(0);
    set.push_record(0, record.timestamp.unwrap_or(0), record);
    set.build()
}

/// Why the data of an event are no `T`, without lines and columns of a text that nobody sees.
fn wrong_data<T: DeserializeOwned>(record: &Record) -> Option<String> {
    let event = EventEnvelope::<serde_json::Value>::from_record(set_of(record).view(0)).ok()?;
    serde_json::from_value::<T>(event.data).err().map(|error| error.to_string())
}

fn fields<E: Into<TestEvent>>(expected: impl IntoIterator<Item = E>) -> Vec<Fields> {
    expected.into_iter().map(|event| Fields::expected(&event.into())).collect()
}
