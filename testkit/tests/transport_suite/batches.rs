//! Owns flaws of what is delivered: batches with records left out.

use millstream_core::contract::{RecordBatch, RecordSetBuilder, RecordView};
use std::sync::Arc;

/// The records of `batch` that `stays` keeps; `None` if it keeps none.
pub(crate) fn filtered(batch: &RecordBatch, mut stays: impl FnMut(usize, &RecordView<'_>) -> bool) -> Option<RecordBatch> {
    let mut set = RecordSetBuilder::new(batch.view(0).offset());
    for (at, view) in batch.iter().enumerate() {
        if stays(at, &view) {
            set.push_view(view.offset(), view.timestamp(), view);
        }
    }
    if set.is_empty() {
        return None;
    }
    let set = Arc::new(set.build());
    let end = batch.high_watermark.unwrap_or(batch.next);
    let range = 0..set.len();
    Some(RecordBatch::new(batch.partition.clone(), batch.epoch, set, range, batch.next).with_end(end, end))
}
