//! Owns outputs that were handed over, and how their answers find back to the worker that owes them.

use crate::contract::{Error, Receipt, RecordSet};
use crate::service::account::{Counters, Counts};
use crate::service::cell::{Ack, Cell};
use crate::service::sink::Handed;
use crate::topic::Topic;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::oneshot;

enum Reply {
    Tail { generation: u64, owners: Vec<u32>, counters: Arc<Counters> },
    Now(Mutex<Option<oneshot::Sender<Result<Receipt, Error>>>>),
}

/// Outputs handed over together.
pub(super) struct Message {
    pub(super) cell: Arc<Cell>,
    pub(super) records: RecordSet,
    pub(super) topics: Vec<Topic>,
    pub(super) to: Vec<u32>,
    reply: Reply,
}

impl Message {
    pub(super) fn outputs(cell: Arc<Cell>, counters: Arc<Counters>, generation: u64, handed: Handed) -> Self {
        let reply = Reply::Tail { generation, owners: handed.owners, counters };
        Message { cell, records: handed.records, topics: handed.topics, to: handed.to, reply }
    }

    pub(super) fn now(cell: Arc<Cell>, topic: Topic, record: RecordSet, reply: oneshot::Sender<Result<Receipt, Error>>) -> Self {
        Message { cell, records: record, topics: vec![topic], to: vec![0], reply: Reply::Now(Mutex::new(Some(reply))) }
    }

    pub(super) fn is_urgent(&self) -> bool {
        matches!(self.reply, Reply::Now(_))
    }

    /// Whether nothing of it may be handed to the transport any more: its epoch has ended, or the attempt that waited for
    /// its receipt (I16).
    pub(super) fn is_void(&self) -> bool {
        let unheard = |reply: &Mutex<Option<oneshot::Sender<_>>>| {
            reply.lock().unwrap_or_else(PoisonError::into_inner).as_ref().is_none_or(oneshot::Sender::is_closed)
        };
        (self.cell.is_over() && !planted!(B37)) || matches!(&self.reply, Reply::Now(reply) if unheard(reply) && !planted!(B61))
    }

    pub(super) fn topic(&self, index: usize) -> &Topic {
        &self.topics[self.to[index] as usize]
    }

    /// Answers all records at once: they are confirmed.
    pub(super) fn confirm_all(mut self, receipts: &[Result<Receipt, Error>]) {
        if let Reply::Tail { generation, owners, counters } = &mut self.reply {
            counters.add(&Counts { outputs: owners.len() as u64, ..Counts::default() });
            let (generation, owners) = (*generation, std::mem::take(owners));
            self.cell.answer(Ack { generation, owners, refused: Vec::new() });
        } else if let Some(Ok(receipt)) = receipts.first() {
            self.answer(&mut vec![(0, Ok(*receipt))]);
        }
    }

    /// Answers some records: confirmed, or refused for good. Empties `answers`.
    pub(super) fn answer(&self, answers: &mut Vec<(u32, Result<Receipt, Error>)>) {
        match &self.reply {
            Reply::Tail { generation, owners, counters } => {
                let mut ack = Ack { generation: *generation, owners: Vec::with_capacity(answers.len()), refused: Vec::new() };
                let mut confirmed = 0;
                for (index, answer) in answers.drain(..) {
                    ack.owners.push(owners[index as usize]);
                    match answer {
                        Ok(_) => confirmed += 1,
                        Err(error) => ack.refused.push((ack.owners.len() - 1, error)),
                    }
                }
                counters.add(&Counts { outputs: confirmed, ..Counts::default() });
                self.cell.answer(ack);
            }
            Reply::Now(reply) => {
                let sender = reply.lock().unwrap_or_else(PoisonError::into_inner).take();
                if let (Some(sender), Some((_, answer))) = (sender, answers.pop()) {
                    // The attempt may have ended; then nobody listens.
                    let _ = sender.send(answer);
                }
            }
        }
    }
}
