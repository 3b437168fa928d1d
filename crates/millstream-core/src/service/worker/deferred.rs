//! Owns what follows when a handler puts its record off: it waits with its key until then. Leaves the waiting and the order
//! to the engine's partition.

use super::Worker;
use super::dispatch::lane_of;
use crate::clock::MonoTime;
use crate::contract::Offset;
use crate::handler::Until;

impl Worker {
    /// A held record is to come again later.
    pub(super) fn deferred(&mut self, offset: Offset, until: Until, why: &str, now: MonoTime) {
        let Some(payload) = self.payloads.get(&offset) else { return };
        let (id, lane) = (payload.prepared.key.as_u128(), lane_of(&self.engine, &payload.batch, payload.index));
        self.counts.deferred += 1;
        // The one place where wall time becomes a time to wait (F77).
        let wait = until.counted_from(self.plan.clock.wall_millis());
        self.engine.deferred(offset, id, lane, now.after(wait), now);
        self.quarantine.put_back(offset);
        if self.probing.take_if(|probing| *probing == offset).is_some() {
            // It says nothing of the dependency: the next record asks.
            self.breaker.probe_abandoned(now);
        }
        tracing::debug!(partition = %self.partition, offset, handler = %self.plan.handler, ?wait, why, "put off");
    }
}
