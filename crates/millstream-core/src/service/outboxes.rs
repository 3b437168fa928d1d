//! Owns the outboxes of a service: one a namespace, made when first asked for. Leaves running them to `run`.

use super::client_meters::Watch;
use super::health::Board;
use super::outbox::{Outbox, OutboxHandle};
use super::plan::OutboxOf;
use crate::clock::Clock;
use crate::contract::AnyProducer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;

/// The outboxes of a service, one a namespace, made when first asked for.
#[derive(Clone)]
pub(super) struct Outboxes {
    made: Arc<Mutex<BTreeMap<Option<String>, OutboxHandle>>>,
    spawn: mpsc::UnboundedSender<Outbox>,
    producer: AnyProducer,
    clock: Clock,
    board: Board,
    watch: Watch,
}

impl Outboxes {
    pub(super) fn new(
        producer: AnyProducer,
        clock: Clock,
        board: Board,
        watch: Watch,
    ) -> (Self, mpsc::UnboundedReceiver<Outbox>) {
        // Bounded by the number of namespaces.
        let (spawn, spawned) = mpsc::unbounded_channel();
        (Outboxes { made: Arc::default(), spawn, producer, clock, board, watch }, spawned)
    }

    pub(super) fn of(&self, produces: bool) -> OutboxOf {
        let outboxes = self.clone();
        Arc::new(move |namespace| produces.then(|| outboxes.get(namespace)))
    }

    fn get(&self, namespace: Option<&str>) -> OutboxHandle {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let key = namespace.map(str::to_owned);
        made.entry(key)
            .or_insert_with(|| {
                let name = format!("outputs of {}", namespace.unwrap_or("shared topics"));
                let (outbox, handle) =
                    Outbox::new(name, self.producer.clone(), self.clock.clone(), self.board.clone(), self.watch.clone());
                // The receiver lives as long as the run.
                let _ = self.spawn.send(outbox);
                handle
            })
            .clone()
    }

    pub(super) fn close(&self) {
        for handle in self.made.lock().unwrap_or_else(PoisonError::into_inner).values() {
            handle.close();
        }
    }
}
