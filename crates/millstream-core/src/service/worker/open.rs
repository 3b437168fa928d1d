//! Owns the batches that still have open records: their bytes leave the window when the last of them settles, which is
//! when their memory does.

use crate::contract::{Offset, RecordBatch};
use std::collections::VecDeque;
use std::ops::Range;

struct OpenBatch {
    batch: RecordBatch,
    first: Offset,
    end: Offset,
    open: u64,
    bytes: u64,
}

/// Batches with open records, in offset order.
#[derive(Default)]
pub(super) struct OpenBatches {
    batches: VecDeque<OpenBatch>,
}

impl OpenBatches {
    /// Takes a batch in.
    pub(super) fn admit(&mut self, batch: &RecordBatch, bytes: u64) {
        let (first, end) = (batch.view(0).offset(), batch.view(batch.len() - 1).offset() + 1);
        self.batches.push_back(OpenBatch { batch: batch.clone(), first, end, open: batch.len() as u64, bytes });
    }

    /// Settles a run through `settle`, which answers how many were open; answers how many records and bytes that frees.
    #[inline]
    pub(super) fn settle(&mut self, run: Range<Offset>, mut settle: impl FnMut(Range<Offset>) -> u64) -> (u64, u64) {
        let (mut records, mut bytes) = (0, 0);
        for batch in &mut self.batches {
            if batch.end <= run.start {
                continue;
            }
            if batch.first >= run.end {
                break;
            }
            let settled = settle(run.start.max(batch.first)..run.end.min(batch.end));
            batch.open -= settled;
            records += settled;
            if batch.open == 0 {
                bytes += std::mem::take(&mut batch.bytes);
            }
        }
        while self.batches.front().is_some_and(|batch| batch.open == 0) {
            self.batches.pop_front();
        }
        (records, bytes)
    }

    /// The open record at `offset`: its batch and its number there.
    pub(super) fn find(&self, offset: Offset) -> Option<(RecordBatch, usize)> {
        let open = self.batches.iter().find(|open| open.first <= offset && offset < open.end)?;
        let (mut low, mut high) = (0, open.batch.len());
        while low < high {
            let middle = (low + high) / 2;
            if open.batch.view(middle).offset() < offset { low = middle + 1 } else { high = middle }
        }
        (low < open.batch.len() && open.batch.view(low).offset() == offset).then(|| (open.batch.clone(), low))
    }

    /// Forgets everything; answers how many records were open and the bytes they held.
    pub(super) fn abandon(&mut self) -> (u64, u64) {
        let all = self.batches.drain(..);
        all.fold((0, 0), |(records, bytes), batch| (records + batch.open, bytes + batch.bytes))
    }
}

#[cfg(test)]
mod tests;
