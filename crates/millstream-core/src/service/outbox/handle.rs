//! Owns the way into an outbox: a queue bounded by what its workers may owe, and a waker.

use super::message::Message;
use crate::contract::{Error, ErrorKind, Operation, Receipt, RecordSet};
use crate::handler::PublishNow;
use crate::service::account::Counters;
use crate::service::cell::Cell;
use crate::service::sink::Handed;
use crate::topic::Topic;
use atomic_waker::AtomicWaker;
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

#[derive(Default)]
pub(super) struct Shared {
    inbox: Mutex<VecDeque<Message>>,
    pub(super) waker: AtomicWaker,
    closing: AtomicBool,
    closed: AtomicBool,
}

impl Shared {
    pub(super) fn take(&self) -> VecDeque<Message> {
        std::mem::take(&mut *self.inbox.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::Acquire)
    }

    pub(super) fn closed(&self) {
        self.closed.store(true, Ordering::Release);
    }

    fn put(&self, message: Message) {
        let mut inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner);
        // `publish_now` waits inside a handler, so it goes first: a handler cannot deadlock with its worker's own outputs.
        if message.is_urgent() {
            inbox.push_front(message)
        } else {
            inbox.push_back(message)
        }
        drop(inbox);
        self.waker.wake();
    }
}

/// Hands outputs to the outbox of one namespace. Never waits: each worker bounds what it has handed over.
#[derive(Clone, Default)]
pub(crate) struct OutboxHandle {
    pub(super) shared: Arc<Shared>,
}

impl OutboxHandle {
    /// Hands over outputs of a tail generation of `cell`'s epoch.
    pub(crate) fn hand_over(&self, cell: Arc<Cell>, counters: Arc<Counters>, generation: u64, handed: Handed) {
        self.shared.put(Message::outputs(cell, counters, generation, handed));
    }

    /// Lets the outbox end when everything is sent.
    pub(crate) fn close(&self) {
        self.shared.closing.store(true, Ordering::Release);
        self.shared.waker.wake();
    }
}

/// Finds the outbox of a destination.
pub(crate) type OutboxFor = Box<dyn Fn(&Topic) -> Option<OutboxHandle> + Send + Sync>;

/// Publishes at once, for one worker's handlers.
pub(crate) struct PublishThrough {
    pub(crate) outbox: OutboxFor,
    pub(crate) cell: Arc<Cell>,
}

impl PublishNow for PublishThrough {
    fn publish(&self, topic: Topic, record: RecordSet) -> Pin<Box<dyn Future<Output = Result<Receipt, Error>> + Send>> {
        let ended = || Error::new(ErrorKind::Ended, Operation::Send, "the attempt's epoch has ended");
        let Some(outbox) = (self.outbox)(&topic).filter(|_| !self.cell.is_over()) else {
            return Box::pin(std::future::ready(Err(ended())));
        };
        let (reply, answer) = oneshot::channel();
        if outbox.shared.closed.load(Ordering::Acquire) {
            return Box::pin(std::future::ready(Err(ended())));
        }
        outbox.shared.put(Message::now(self.cell.clone(), topic, record, reply));
        Box::pin(async move { answer.await.unwrap_or_else(|_| Err(ended())) })
    }
}
