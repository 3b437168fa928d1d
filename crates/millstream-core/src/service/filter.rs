//! Owns which records of its topics a handler wants at all: by event type, and by what a user asks of a delivery.
//!
//! Asked once a record, on its way in, where heads are read; nothing is asked of handlers without a filter. Leaves the
//! settling of what is filtered out to the worker.

use super::prepare::PreparedBatch;
use crate::contract::RecordBatch;
use crate::envelope::{EventKey, Metadata};
use crate::handler::{Input, OutputContext};
use crate::layer::{DeliveryInfo, panics};
use std::fmt;
use std::sync::Arc;

type Test = Arc<dyn Fn(&DeliveryInfo<'_>) -> bool + Send + Sync>;

/// What a handler wants.
#[derive(Clone, Default)]
pub(crate) struct Filter {
    /// Event types; empty for all.
    pub(crate) types: Vec<&'static str>,
    tests: Vec<Test>,
}

impl Filter {
    /// Whether it wants everything.
    pub(crate) fn is_empty(&self) -> bool {
        self.types.is_empty() && self.tests.is_empty()
    }

    pub(crate) fn add(&mut self, test: impl Fn(&DeliveryInfo<'_>) -> bool + Send + Sync + 'static) {
        self.tests.push(Arc::new(test));
    }
}

impl fmt::Debug for Filter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("types", &self.types).field("tests", &self.tests.len()).finish()
    }
}

/// The filter of one worker.
pub(crate) struct Filtering {
    filter: Filter,
    input: Input,
    context: Arc<OutputContext>,
}

impl Filtering {
    /// A filter for the partition of `first`.
    pub(crate) fn new(filter: Filter, first: &RecordBatch, context: Arc<OutputContext>) -> Self {
        Filtering { filter, input: Input::new(first, context.copied), context }
    }

    /// Finds what is not wanted in a batch that was prepared. What is poison stays poison.
    pub(crate) fn sift(&mut self, batch: &RecordBatch, prepared: &mut PreparedBatch) {
        for index in 0..batch.len() {
            if prepared.poison(index).is_some() {
                continue;
            }
            match panics::contained(|| self.wants(batch, index, prepared)) {
                Ok(true) => {}
                Ok(false) => prepared.filter_out(index),
                // Whether it is wanted nobody can tell: it must not be lost.
                Err(panic) => prepared.condemn(index, format!("the filter panicked: {panic}").into()),
            }
        }
    }

    fn wants(&mut self, batch: &RecordBatch, index: usize, prepared: &PreparedBatch) -> bool {
        let head = prepared.head(index);
        if let Some(head) = head
            && !self.filter.types.is_empty()
        {
            let event_type = Metadata::of(head, batch.view(index)).event_type();
            if !self.filter.types.contains(&&*event_type) {
                return false;
            }
        }
        if self.filter.tests.is_empty() {
            return true;
        }
        self.input.record.point_to(batch, index);
        (self.input.key, self.input.head) = (EventKey::from_u128(prepared.keys[index]), head.copied());
        let delivery = DeliveryInfo::new(&self.input, &self.context);
        self.filter.tests.iter().all(|test| test(&delivery))
    }
}
