//! Owns what a user says of every record, looked at when it is written.

use millstream_core::contract::{RecordView, TopicPartition};
use millstream_memory::Memory;
use std::fmt;
use std::sync::Arc;

type Holds = dyn Fn(&Memory, &TopicPartition, RecordView<'_>) -> Result<(), String> + Send + Sync;

/// What must be true of every record, and what that is called.
#[derive(Clone)]
pub(crate) struct Each(Arc<str>, Arc<Holds>);

impl Each {
    pub(crate) fn new(
        name: &str,
        holds: impl Fn(&Memory, &TopicPartition, RecordView<'_>) -> Result<(), String> + Send + Sync + 'static,
    ) -> Self {
        Each(name.into(), Arc::new(holds))
    }

    pub(super) fn name(&self) -> &str {
        &self.0
    }

    pub(super) fn holds(&self, memory: &Memory, place: &TopicPartition, view: RecordView<'_>) -> Result<(), String> {
        (self.1)(memory, place, view)
    }
}

impl fmt::Debug for Each {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Each").field(&self.0).finish()
    }
}
