//! The floor: what a record costs without any framework, in one loop over batches. Leaves lanes, retries, outputs, commits
//! and everything else that makes a service to the scenarios that run one.

use super::Run;
use crate::input::{self, ID, IDS};
use millstream_core::contract::{DedupScope, Deduplicator, Error, Fingerprint, Mark, RecordSet, Seen};
use millstream_moka::{Limits, WindowDeduplicator};
use std::hint::black_box;
use std::sync::Arc;

pub(super) fn prepare(records: u32) -> Run {
    let sets = input::records(records);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let scope = DedupScope::new("-", "bench", 0, "by-hand", "records");
    let done = WindowDeduplicator::new(Limits::new().with_ids(IDS));
    Box::new(move || {
        let watermark = runtime.block_on(handle(&sets, &scope, &done)).expect("memory is always there");
        // The log would keep them; to free them is no part of handling.
        std::mem::forget(sets);
        watermark
    })
}

/// Handles every record once. Answers the watermark.
async fn handle(sets: &[Arc<RecordSet>], scope: &DedupScope, done: &impl Deduplicator) -> Result<u64, Error> {
    let (mut keys, mut answers, mut marks, mut met) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let mut watermark = 0;
    for set in sets {
        keys.clear();
        keys.extend(set.iter().map(|record| {
            let id = record.headers().find(ID).and_then(|bytes| bytes.try_into().ok());
            u128::from_be_bytes(id.expect("each record carries its id"))
        }));
        answers.clear();
        done.check(scope, &keys, &mut answers).await?;
        marks.clear();
        for ((record, &key), seen) in set.iter().zip(&keys).zip(&answers) {
            if *seen == Seen::Fresh {
                black_box(record.value());
                marks.push(Mark::new(key, 0, record.offset(), Fingerprint(0)));
            }
        }
        met.clear();
        done.complete(scope, &marks, &mut met).await?;
        for mark in &marks {
            watermark += u64::from(mark.at.offset == watermark);
        }
    }
    Ok(watermark)
}
