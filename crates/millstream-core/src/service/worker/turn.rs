//! Owns one turn of a worker: look at control, take what is there, do it, publish what changed, and park.

use super::{Worker, WorkerReport};
use crate::clock::MonoTime;
use crate::engine::BreakerState;
use crate::envelope::Timestamp;
use crate::service::account::Counts;
use crate::service::cell::Control;
use std::future::poll_fn;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

/// Records a turn touches before it lets others run: handlers that never wait would never yield.
const BUDGET: usize = 4_096;
/// Finished records after which the tail is handed on within a turn.
const FLUSH: usize = 512;

impl Worker {
    /// Runs until the epoch ends.
    pub(crate) async fn run(mut self) -> WorkerReport {
        let timer = tokio::time::sleep(std::time::Duration::ZERO);
        tokio::pin!(timer);
        poll_fn(move |cx| {
            self.cell.worker.register(cx.waker());
            let mut budget = BUDGET;
            loop {
                let now = self.plan.clock.now();
                planted!(B64: self.cell.suspect().turned(now, std::time::Duration::MAX));
                self.cell.suspect().look(now);
                self.cell.busy(Some(now));
                let turned = self.turn(now, cx, &mut budget);
                self.publish(now);
                self.cell.busy(None);
                match turned {
                    Turned::Ended(report) => return Poll::Ready(report),
                    Turned::Again => {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    Turned::Idle => {}
                }
                let Some(due) = self.due(now) else { return Poll::Pending };
                timer.as_mut().reset(self.plan.clock.instant(due));
                if timer.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
            }
        })
        .await
    }

    fn turn(&mut self, now: MonoTime, cx: &mut Context<'_>, budget: &mut usize) -> Turned {
        let stamp = self.stamp();
        loop {
            match self.cell.state() {
                Control::Stop => return Turned::Ended(self.end(false)),
                Control::Drain(until) => self.begin_drain(until, now),
                Control::Run => {}
            }
            // What these let go comes behind them in the turn, so that they are no reason for another round.
            self.take_inbox();
            self.take_acks(now);
            let exhausted = self.poll_woken(now);
            self.expire(now);
            let mut moved = self.check(now, cx);
            if self.drain.is_none() {
                let most = (*budget).min(FLUSH);
                let touched = match &self.batching {
                    None => self.dispatch(now, stamp, most),
                    Some(_) => self.dispatch_batches(now, most),
                };
                moved |= touched > 0;
                *budget = budget.saturating_sub(touched);
                moved |= self.probe_again(now);
            }
            moved |= self.hand_over();
            moved |= self.write_entries(now, cx);
            moved |= self.mark(now, cx);
            moved |= self.send_letters(now, cx);
            moved |= self.send_copies(now, cx);
            moved |= self.pass_turn();
            if let Some(report) = self.leave(now) {
                return Turned::Ended(report);
            }
            if exhausted || *budget == 0 {
                return Turned::Again;
            }
            if !moved {
                return Turned::Idle;
            }
        }
    }

    fn take_inbox(&mut self) {
        let advanced = self.cell.take(&mut self.queue);
        if self.drain.is_some() {
            self.queue.clear();
            return;
        }
        if let Some(next) = advanced {
            self.checks.advance_to = Some(next);
        }
        // An advance counts only after everything delivered before it is in the ledger.
        if self.queue.is_empty()
            && let Some(next) = self.checks.advance_to.take()
        {
            self.engine.advance(next);
        }
    }

    pub(super) fn stamp(&self) -> Timestamp {
        if !self.plan.emits {
            return Timestamp::UNIX_EPOCH;
        }
        Timestamp::from_millis(i64::try_from(self.plan.clock.wall_millis()).unwrap_or(i64::MAX))
    }

    /// Publishes what changed: counts, freed records, and the watermark.
    pub(super) fn publish(&mut self, now: MonoTime) {
        if self.counts != Counts::default() {
            let counts = std::mem::take(&mut self.counts);
            self.plan.counters.add(&counts);
            if let Some(meters) = &self.plan.meters {
                meters.count(&counts);
            }
        }
        let ledger = self.engine.ledger();
        let (watermark, span) = (ledger.watermark(), ledger.span());
        let freed = self.totals.1;
        if (watermark, freed) == self.published {
            return;
        }
        let moved = watermark != self.published.0;
        self.published = (watermark, freed);
        let cell = &self.cell;
        cell.freed_bytes.store(self.totals.2, Ordering::Release);
        cell.freed_records.store(freed, Ordering::SeqCst);
        cell.span.store(span, Ordering::SeqCst);
        cell.watermark.store(watermark, Ordering::SeqCst);
        cell.progress.store(now.as_nanos(), Ordering::Relaxed);
        if moved {
            cell.set_dirty();
        }
        cell.tell_if_wanted();
    }

    /// When to look again if nothing happens.
    fn due(&mut self, now: MonoTime) -> Option<MonoTime> {
        let drain = self.drain.as_ref().map(|drain| drain.deadline_of(drain.phase(now)));
        let breaker = match self.breaker.state() {
            BreakerState::Open { until } => Some(until),
            _ => None,
        };
        // Backoffs that are due but may not start are due again when what stops them changes. A breaker whose time has come
        // does not: it waits for a record to probe with.
        let backoff = self.engine.next_due().filter(|_| self.drain.is_none() && !self.breaker.holds_back(now));
        let batch = self.batching.as_ref().and_then(|batching| batching.due());
        let copy = self.waits.map(|(_, at)| at).filter(|_| self.drain.is_none());
        let table = self.table.as_ref().and_then(|table| table.writes.due());
        let sinks = [self.letters.due(), self.copies.due(), table];
        let timers = [drain, breaker, backoff, batch, copy, self.slots.next_deadline(), self.checks.due(), self.tail.due()];
        timers.into_iter().chain(sinks).flatten().filter(|&at| at > now).min()
    }
}

enum Turned {
    /// The epoch is over.
    Ended(WorkerReport),
    /// There is more to do, and others should run first.
    Again,
    /// Nothing to do until woken.
    Idle,
}
