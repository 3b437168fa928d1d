//! Owns the turn that careful epochs of one service take, so that at most one of them has a record under suspicion.
//!
//! A crash takes all partitions of its process along. A record that runs beside a killer each time would be counted, and
//! become a dead letter, with it. So an epoch notes a suspect only while it has the turn, and keeps the turn until a note
//! without that suspect is committed.

use super::cell::Cell;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who has the turn, and who waits for it in order. At most one entry an epoch.
#[derive(Default)]
struct Queue {
    holder: Option<Arc<Cell>>,
    waiting: VecDeque<Arc<Cell>>,
}

/// The turn of one service.
#[derive(Default)]
pub(crate) struct Turns(Mutex<Queue>);

impl Turns {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the turn for an epoch if it is free or the epoch's own; else the epoch waits, its worker is woken when its turn
    /// comes, and the holder's worker is woken to pass it on.
    pub(crate) fn take(&self, cell: &Arc<Cell>) -> bool {
        let mut queue = self.queue();
        match &queue.holder {
            None => queue.holder = Some(cell.clone()),
            Some(holder) if Arc::ptr_eq(holder, cell) => {}
            Some(holder) => {
                holder.worker.wake();
                if !queue.waiting.iter().any(|waiting| Arc::ptr_eq(waiting, cell)) {
                    queue.waiting.push_back(cell.clone());
                }
                return false;
            }
        }
        true
    }

    /// Whether another epoch waits for the turn.
    pub(crate) fn is_wanted(&self) -> bool {
        !self.queue().waiting.is_empty()
    }

    /// Passes the turn on if it has come to this epoch, which has not used it. Answers whether it had.
    pub(crate) fn pass_unused(&self, cell: &Arc<Cell>) -> bool {
        let has_it = self.queue().holder.as_ref().is_some_and(|holder| Arc::ptr_eq(holder, cell));
        if has_it {
            self.pass(cell);
        }
        has_it
    }

    /// Gives the turn, or the place among those who wait for it, up. Harmless for who has neither.
    pub(crate) fn pass(&self, cell: &Arc<Cell>) {
        let mut queue = self.queue();
        queue.waiting.retain(|waiting| !Arc::ptr_eq(waiting, cell));
        if queue.holder.as_ref().is_some_and(|holder| Arc::ptr_eq(holder, cell)) {
            queue.holder = queue.waiting.pop_front();
            if let Some(next) = &queue.holder {
                next.worker.wake();
            }
        }
    }
}
