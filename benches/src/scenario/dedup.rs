//! The deduplicators alone: fresh ids in batches, checked and then marked. Leaves hits to the conformance suite: they cost
//! less than fresh ids do.

use super::Run;
use crate::input::{self, BATCH, IDS};
use millstream_core::contract::{DedupScope, Deduplicator, Error, Fingerprint, Mark, Marked, Seen};
use millstream_moka::{Limits, MokaDeduplicator, WindowDeduplicator};

pub(super) fn window(records: u32) -> Run {
    prepare(records, WindowDeduplicator::new(Limits::new().with_ids(IDS)))
}

pub(super) fn moka(records: u32) -> Run {
    prepare(records, MokaDeduplicator::new(Limits::new().with_ids(IDS)))
}

fn prepare(records: u32, store: impl Deduplicator) -> Run {
    let marks: Vec<Mark> = (0..records).map(|n| Mark::new(input::id(n), 0, u64::from(n), Fingerprint(n))).collect();
    let keys: Vec<u128> = marks.iter().map(|mark| mark.key).collect();
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    Box::new(move || runtime.block_on(mark_all(&store, &keys, &marks)).expect("memory is always there"))
}

/// Checks and marks everything. Answers how many ids were fresh and then marked first.
async fn mark_all(store: &impl Deduplicator, keys: &[u128], marks: &[Mark]) -> Result<u64, Error> {
    let scope = DedupScope::new("-", "bench", 0, "dedup", "records");
    let (mut answers, mut met) = (Vec::new(), Vec::new());
    let mut count = 0;
    for (keys, marks) in keys.chunks(BATCH as usize).zip(marks.chunks(BATCH as usize)) {
        answers.clear();
        met.clear();
        store.check(&scope, keys, &mut answers).await?;
        store.complete(&scope, marks, &mut met).await?;
        let first = |(seen, met): &(&Seen, &Marked)| **seen == Seen::Fresh && **met == Marked::First;
        count += answers.iter().zip(&met).filter(first).count() as u64;
    }
    Ok(count)
}
