//! Owns how outputs begin that are not those of a single attempt: a unit test's, and those of one record of a batch.

use super::Outputs;
use crate::envelope::{Timestamp, TraceContext};
use crate::handler::BatchRecord;

impl Outputs {
    /// Keeps each output, to be looked at.
    pub(in crate::handler) fn record(&mut self) {
        self.recorded.get_or_insert_default();
    }

    /// Begins the outputs of one record of a batch. They stay in the record's own trace; without one they are in that of the
    /// call, if it is recorded.
    pub(in crate::handler) fn begin_of(&mut self, of: &BatchRecord, stamp: Timestamp, call: Option<TraceContext>) {
        let record = of.record.view();
        self.begin(of.head.as_ref(), of.key, record, stamp);
        let call = call.filter(|_| TraceContext::of(record.headers()).is_none());
        self.carry(record.headers(), of.attempt, call);
    }
}
