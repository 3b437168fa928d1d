//! Owns the settling of records that the handler's filter does not want (§1e): counted, without a call, without a mark.

use super::Worker;
use super::check::Current;
use std::ops::Range;

impl Worker {
    /// Settles a run of records that are filtered out. They hold no key and no id: others neither wait for them nor learn
    /// of them.
    #[cold]
    pub(super) fn settle_filtered(&mut self, current: &Current, records: Range<usize>) {
        self.counts.filtered += records.len() as u64;
        let mut offsets = current.batch.views(records).map(|record| record.offset()).peekable();
        while let Some(first) = offsets.next() {
            let mut end = first + 1;
            while offsets.next_if_eq(&end).is_some() {
                end += 1;
            }
            let engine = &mut self.engine;
            let freed = self.open.settle(first..end, |run| engine.settle(run));
            self.freed(freed);
            if !self.quarantine.is_idle() {
                for offset in first..end {
                    self.out_of_quarantine(offset);
                }
            }
        }
    }
}
