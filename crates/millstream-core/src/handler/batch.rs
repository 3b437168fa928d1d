//! Owns the batch as a handler is given it: decoded events of one partition, each in its slot. Leaves the answers to
//! `outcomes`, what goes out to `outputs`, and which records come together to the service's worker.
//!
//! | file | noun |
//! | --- | --- |
//! | `call` | what one call of a batch handler reads |
//! | `extract` | how its arguments come about |
//! | `handler` | the shape and meaning of a batch handler |
//! | `outcomes` | what it answers, record by record |
//! | `outputs` | what goes out, record by record |

mod call;
mod extract;
#[allow(clippy::module_inception, reason = "the noun is the handler of a batch")]
mod handler;
mod outcomes;
mod outputs;

pub use call::{BatchDelivery, BatchSeat};
pub use extract::ExtractBatch;
pub use handler::{BatchHandler, RunsBatch};
pub use outcomes::{IntoOutcomes, Outcomes};
pub use outputs::{BatchOutputs, InBatch};

pub(crate) use call::{BatchRecord, CallInput};

use super::attempt::Attempt;
use super::event::Event;
use crate::contract::{Record, RecordRef, RecordSet, RecordSetBuilder};
use crate::envelope::{EnvelopeMeta, EventData, IdGenerator, Limits, Timestamp, read_head, write_envelope};
use crate::topic::Topic;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;

/// The place of one record in its batch: by it a handler answers, and emits.
///
/// A slot means something in the batch it came from only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub(super) u32);

impl Slot {
    /// More records no batch has; `build()` sees to it. What is kept by slot is bounded by it.
    pub(crate) const MOST: u32 = 1 << 16;

    /// The slot of the `index`th record, from 0: for unit tests, which know what they put in. In a handler slots come from
    /// the batch, and may have gaps where a record was poison.
    ///
    /// # Panics
    /// If no batch has that many records: 65,536.
    #[must_use]
    pub const fn nth(index: u32) -> Self {
        assert!(index < Slot::MOST, "a batch has at most 65,536 records");
        Slot(index)
    }

    #[inline]
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

/// Events of one partition that are handled together, in the order of their offsets.
///
/// Each event has a [`Slot`], by which its handler answers ([`Outcomes`]) and emits ([`BatchOutputs`]). Never empty. A
/// record that is no `T` is not in it: it is a dead letter with 0 attempts, and its neighbours go on.
///
/// No two events of a batch have the same key, unless the handler is
/// [`unordered`](crate::service::BatchSettings::unordered): if the first of them failed, the second would have been
/// handled before it. Keyless records have no order, and any number of them may be together.
///
/// ```
/// # use millstream_core::handler::{Batch, HandlerError, Outcomes};
/// # #[derive(serde::Deserialize)] struct Tick;
/// # struct Engine;
/// # impl Engine { fn take(&self, _: &Tick) -> Result<(), HandlerError> { Ok(()) } }
/// async fn on_ticks(ticks: Batch<Tick>, engine: &Engine) -> Outcomes {
///     let mut answers = Outcomes::new(); // unanswered = failed, never done
///     for (slot, tick) in ticks.iter() {
///         match engine.take(tick) {
///             Ok(()) => answers.done(slot),
///             Err(error) => answers.fail(slot, error),
///         }
///     }
///     answers
/// }
/// # fn takes<A>(_: impl millstream_core::handler::BatchHandler<A, Engine>) {}
/// # takes(on_ticks);
/// ```
pub struct Batch<T> {
    events: Vec<(Slot, Event<T>)>,
    attempts: Vec<Attempt>,
}

impl<T> Batch<T> {
    /// How many events there are; at least one.
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether there is none, which no handler sees.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events with their slots, in the order of their offsets.
    pub fn iter(&self) -> <&Self as IntoIterator>::IntoIter {
        self.into_iter()
    }

    /// The slots, in the same order.
    pub fn slots(&self) -> impl ExactSizeIterator<Item = Slot> + '_ {
        self.events.iter().map(|(slot, _)| *slot)
    }

    /// The event in a slot.
    pub fn get(&self, slot: Slot) -> Option<&Event<T>> {
        self.place(slot).map(|place| &self.events[place].1)
    }

    /// Which attempt it is for the event in a slot: events that are tried again come together with new ones.
    pub fn attempt(&self, slot: Slot) -> Option<Attempt> {
        self.place(slot).map(|place| self.attempts[place])
    }

    fn place(&self, slot: Slot) -> Option<usize> {
        self.events.binary_search_by_key(&slot, |(slot, _)| *slot).ok()
    }
}

type Pair<'b, T> = fn(&'b (Slot, Event<T>)) -> (Slot, &'b Event<T>);

impl<'b, T> IntoIterator for &'b Batch<T> {
    type Item = (Slot, &'b Event<T>);
    type IntoIter = std::iter::Map<std::slice::Iter<'b, (Slot, Event<T>)>, Pair<'b, T>>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.iter().map(|(slot, event)| (*slot, event))
    }
}

impl<T> IntoIterator for Batch<T> {
    type Item = (Slot, Event<T>);
    type IntoIter = std::vec::IntoIter<(Slot, Event<T>)>;

    fn into_iter(self) -> Self::IntoIter {
        self.events.into_iter()
    }
}

impl<T> fmt::Debug for Batch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Events show no payloads (I13).
        f.debug_map().entries(self.iter().map(|(slot, event)| (slot.0, event))).finish()
    }
}

impl<T: DeserializeOwned> Batch<T> {
    /// A batch for unit tests of records as they come from the log: with headers, or as CloudEvents.
    ///
    /// # Panics
    /// If one is no such event: a test wants to fail here.
    pub fn examples_of(records: &[Record]) -> Self {
        let mut builder = RecordSetBuilder::new(0);
        for (offset, record) in (0..).zip(records) {
            builder.push_record(offset, 0, record);
        }
        Self::of_set(builder.build())
    }

    fn of_set(set: RecordSet) -> Self {
        let set = Arc::new(set);
        let events = (0_u32..).zip(0..set.len()).map(|(slot, index)| {
            let record = RecordRef::new(set.clone(), index);
            let head = read_head(record.view(), &Limits::DEFAULT).unwrap_or_else(|error| panic!("record {slot}: {error}"));
            let event =
                Event::decode_at(&record, Some(&head), 0, false).unwrap_or_else(|error| panic!("record {slot}: {error:?}"));
            (Slot(slot), event)
        });
        let events: Vec<_> = events.collect();
        Batch { attempts: vec![Attempt::FIRST; events.len()], events }
    }
}

impl<T: EventData + Serialize + DeserializeOwned> Batch<T> {
    /// A batch for unit tests: each of the data in an envelope with an id of its own, in the slots 0, 1, 2 ….
    ///
    /// # Panics
    /// If the data cannot be written as JSON and read again.
    pub fn examples(data: impl IntoIterator<Item = T>) -> Self {
        let (mut ids, mut builder) = (IdGenerator::from_seed(1), RecordSetBuilder::new(0));
        for (offset, data) in (0..).zip(data) {
            let meta = EnvelopeMeta::new(ids.next(0), T::TYPE, Timestamp::UNIX_EPOCH, "example");
            let key = data.key();
            let written = builder.push_with(offset, 0, Some(key.as_bytes()), |out| write_envelope(out, &meta, &data));
            written.expect("example data can be written as JSON");
        }
        Self::of_set(builder.build())
    }
}

impl<T> Batch<T> {
    /// Outputs for a unit test of a handler that is given this batch from `from`; look at them with `out[0]`, which are the
    /// [`Outputs`](crate::handler::Outputs) of the first event.
    ///
    /// ```
    /// # use millstream_core::envelope::{EventData, Key};
    /// # use millstream_core::handler::{Batch, BatchOutputs, HandlerError, Outcomes};
    /// # use millstream_core::topic::{Sibling, Topic};
    /// # #[derive(serde::Serialize, serde::Deserialize)] struct Order(u32);
    /// # impl EventData for Order { const TYPE: &'static str = "order"; fn key(&self) -> Key<'_> { self.0.into() } }
    /// const FILLED: Sibling = Sibling::new("orders", "filled");
    ///
    /// async fn fill(orders: Batch<Order>, out: &mut BatchOutputs) -> Result<Outcomes, HandlerError> {
    ///     let mut answers = Outcomes::new();
    ///     for (slot, order) in &orders {
    ///         out.of(slot).emit(FILLED, order.data())?;
    ///         answers.done(slot);
    ///     }
    ///     Ok(answers)
    /// }
    ///
    /// # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
    /// let orders = Batch::examples([Order(1), Order(2)]);
    /// let mut out = orders.example_outputs(&Topic::literal("paper.orders.new"));
    /// let answers = fill(orders, &mut out).await?;
    /// assert_eq!((answers.done_count(), out[1][0].key()), (2, &b"2"[..]));
    /// # Ok::<(), HandlerError>(()) }).unwrap();
    /// ```
    pub fn example_outputs(&self, from: &Topic) -> BatchOutputs {
        let records = self.events.iter().map(|(_, event)| BatchRecord::example(event)).collect();
        BatchOutputs::recorded(from, records)
    }
}
