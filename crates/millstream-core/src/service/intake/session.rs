//! Owns one epoch as the intake sees it, and how much is asked for on its behalf.

use super::revoking::Saving;
use crate::contract::{AnyConsumer, Assigned, Command, Consumer, Offset};
use crate::engine::Window;
use crate::service::cell::Cell;
use crate::service::partition_meters::PartitionMeters;
use crate::service::plan::Plan;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::task::AbortHandle;

/// One epoch, as the intake sees it.
pub(super) struct Session {
    pub(super) assigned: Assigned,
    pub(super) plan: Arc<Plan>,
    /// What reads its state back, before it is started.
    pub(super) restoring: Option<AbortHandle>,
    pub(super) running: Option<Running>,
    /// The hook that runs before it is given up.
    pub(super) saving: Saving,
}

/// What a started epoch adds.
pub(super) struct Running {
    pub(super) cell: Arc<Cell>,
    pub(super) window: Window,
    pub(super) freed: (u64, u64),
    pub(super) granted: u32,
    /// Nothing more is asked for.
    pub(super) draining: bool,
    /// Its worker has rung, and does not ring again until its mark is taken.
    pub(super) rung: bool,
    /// The note to be told of when the commit with this version is applied.
    pub(super) noting: Option<(Offset, u64)>,
    /// Its metrics, if they are wanted.
    pub(super) meters: Option<PartitionMeters>,
}

/// Batches that may wait in a worker's inbox: one to work on next, one to come. More would only be smaller.
const QUEUED: u64 = 2;

/// Asks for as much as the window has room for, if the worker has room in its inbox.
pub(super) fn grant(consumer: &mut AnyConsumer, running: &mut Running, max_batch: usize) {
    if running.draining {
        return;
    }
    let cell = &running.cell;
    for asked in [false, true] {
        if asked {
            // To be woken when there is room; looked at once more, since there may just have come some.
            cell.ask_for_news();
        }
        if cell.queued() >= QUEUED {
            continue;
        }
        let (records, bytes) = (cell.freed_records.load(Ordering::SeqCst), cell.freed_bytes.load(Ordering::SeqCst));
        running.window.freed(records - running.freed.0, bytes - running.freed.1);
        running.freed = (records, bytes);
        let span = cell.span.load(Ordering::SeqCst);
        let demand = running.window.demand(span, u32::try_from(max_batch).unwrap_or(u32::MAX));
        if demand.records > 0 {
            if running.granted != demand.records {
                running.granted = demand.records;
                consumer.submit(Command::Want { epoch: cell.epoch, records: demand.records, bytes: demand.bytes });
            }
            return;
        }
    }
}
