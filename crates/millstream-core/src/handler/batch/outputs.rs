//! Owns what a batch handler sends out: a list for each record, so that ids, correlation and fate of an output are those of
//! its record, whatever came together with it. Leaves writing to `handler::outputs`.

use super::Slot;
use super::call::BatchRecord;
use crate::contract::RecordRef;
use crate::envelope::{Timestamp, TraceContext};
use crate::handler::event::Event;
use crate::handler::outputs::{OutputContext, Outputs};
use crate::topic::Topic;
use std::fmt;
use std::ops::Index;
use std::sync::Arc;

/// Lists that are kept for the next call. 256: more than most batches have outputs of; the rest is made anew.
const SPARE: usize = 256;

/// What a batch handler sends out: [`Outputs`] for each record of the batch.
///
/// An output belongs to the record it follows from: it goes out only if *that* record is done or skipped, its id follows
/// from that record's id, and comes out the same in whatever batch the record comes again. There are no outputs of a batch:
/// the next batch has other neighbours, and ids made of it would be new each time.
pub struct BatchOutputs {
    context: Arc<OutputContext>,
    from: Topic,
    stamp: Timestamp,
    trace: Option<TraceContext>,
    records: Arc<[BatchRecord]>,
    /// By record; `None` as long as nothing was asked of it.
    begun: Vec<Option<Outputs>>,
    spare: Vec<Outputs>,
    /// For unit tests.
    recorded: bool,
}

/// What tells a record of the batch: its [`Slot`], or the event itself.
pub trait InBatch: sealed::Sealed {
    /// The record's index, or the record.
    #[doc(hidden)]
    fn place(&self) -> Result<u32, &RecordRef>;
}

impl InBatch for Slot {
    fn place(&self) -> Result<u32, &RecordRef> {
        Ok(self.0)
    }
}

impl<T> InBatch for &Event<T> {
    fn place(&self) -> Result<u32, &RecordRef> {
        Err(self.record_ref())
    }
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Slot {}
    impl<T> Sealed for &super::Event<T> {}
}

impl BatchOutputs {
    pub(crate) fn new(context: Arc<OutputContext>, from: Topic) -> Self {
        let (stamp, records) = (Timestamp::UNIX_EPOCH, Arc::from([]));
        BatchOutputs { context, from, stamp, trace: None, records, begun: Vec::new(), spare: Vec::new(), recorded: false }
    }

    /// Outputs of a unit test.
    pub(super) fn recorded(from: &Topic, records: Arc<[BatchRecord]>) -> Self {
        let mut outputs = Self::new(OutputContext::of_unit_tests(), from.clone());
        outputs.recorded = true;
        outputs.begin(records, Timestamp::UNIX_EPOCH, None);
        // A test looks at all of them, also at those without outputs.
        for index in 0..outputs.begun.len() {
            outputs.at(index);
        }
        outputs
    }

    /// Begins a call: forgets what an earlier one emitted.
    pub(crate) fn begin(&mut self, records: Arc<[BatchRecord]>, stamp: Timestamp, trace: Option<TraceContext>) {
        self.end();
        self.begun.resize_with(records.len(), || None);
        (self.records, self.stamp, self.trace) = (records, stamp, trace);
    }

    /// Ends a call: lets go of its records and drops what was not taken.
    pub(crate) fn end(&mut self) {
        for mut outputs in self.begun.drain(..).flatten() {
            if self.spare.len() < SPARE {
                outputs.clear();
                self.spare.push(outputs);
            }
        }
        self.records = Arc::from([]);
    }

    /// The outputs of one record, told by its slot or by the event.
    ///
    /// # Panics
    /// If the event is of another batch, or the slot beyond this one: the call fails as a whole.
    pub fn of(&mut self, record: impl InBatch) -> &mut Outputs {
        let index = match record.place() {
            Ok(index) => index as usize,
            Err(record) => self.records.iter().position(|own| own.record.is(record)).unwrap_or(usize::MAX),
        };
        assert!(index < self.records.len(), "outputs are asked for of a record that is not in the batch");
        self.at(index)
    }

    fn at(&mut self, index: usize) -> &mut Outputs {
        let Self { context, from, stamp, trace, records, begun, spare, recorded } = self;
        begun[index].get_or_insert_with(|| {
            let mut outputs = spare.pop().unwrap_or_else(|| Outputs::new(context.clone(), from.clone()));
            if *recorded {
                outputs.record();
            }
            outputs.begin_of(&records[index], *stamp, *trace);
            outputs
        })
    }

    /// The outputs of the record at `index`, if it has any.
    pub(crate) fn emitted(&mut self, index: usize) -> Option<&mut Outputs> {
        self.begun.get_mut(index).and_then(Option::as_mut).filter(|outputs| outputs.count() > 0)
    }
}

/// In a unit test: the outputs of the record with this number, from 0.
impl Index<usize> for BatchOutputs {
    type Output = Outputs;

    fn index(&self, index: usize) -> &Outputs {
        let begun = self.begun.get(index).and_then(Option::as_ref);
        begun.expect("outputs are looked at in unit tests, by the number of a record: make them with `Batch::example_outputs`")
    }
}

impl fmt::Debug for BatchOutputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchOutputs").field("from", &self.from).field("records", &self.records.len()).finish_non_exhaustive()
    }
}
