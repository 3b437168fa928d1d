//! Owns one destination partition: at most one request under way, and what waits behind it in order.
//!
//! One request in flight is what makes "never re-send a record while a later one is in flight" true for every client;
//! what accumulates meanwhile is the next batch, so throughput follows the round trip and not the record.

use super::message::Message;
use crate::clock::MonoTime;
use std::collections::VecDeque;
use std::sync::Arc;

/// One output in a lane: its message and its number there.
pub(super) type Item = (Arc<Message>, u32);

/// One destination partition.
#[derive(Default)]
pub(super) struct Lane {
    /// A request is under way.
    pub(super) busy: bool,
    /// What waits, in order.
    pub(super) queue: VecDeque<Item>,
    /// Nothing is sent before this.
    pub(super) not_before: Option<MonoTime>,
    /// Failures in a row.
    pub(super) failures: u32,
}

/// Records in one request of a lane. 512: a consumer's batch again.
const MOST: usize = 512;

impl Lane {
    /// Whether a new output may be sent at once.
    pub(super) fn is_free(&self) -> bool {
        !self.busy && self.queue.is_empty() && self.not_before.is_none()
    }

    /// Takes what is to be sent next. What belongs to an ended epoch or attempt is dropped: its input will be redone
    /// (B37, B61). Stops before what belongs to a suspect one.
    pub(super) fn take(&mut self, now: MonoTime) -> Vec<Item> {
        if self.busy || self.not_before.is_some_and(|at| at > now) {
            return Vec::new();
        }
        let mut items = Vec::new();
        while items.len() < MOST {
            let Some((message, _)) = self.queue.front() else { break };
            if message.is_void() {
                self.queue.pop_front();
                continue;
            }
            message.cell.look(now);
            if !message.cell.may_hand_over() {
                break;
            }
            items.extend(self.queue.pop_front());
        }
        if !items.is_empty() {
            self.busy = true;
            self.not_before = None;
        }
        items
    }

    /// Forgets failures of what was dropped; answers whether there were any.
    pub(super) fn give_up(&mut self) -> bool {
        self.not_before = None;
        std::mem::take(&mut self.failures) > 0
    }

    /// Puts back, in order, what must be sent again, not before `at`.
    pub(super) fn put_back(&mut self, items: Vec<Item>, at: MonoTime) {
        for item in items.into_iter().rev() {
            self.queue.push_front(item);
        }
        self.not_before = Some(at);
        self.failures = self.failures.saturating_add(1);
    }
}
