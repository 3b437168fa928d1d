//! What follows if a table's topic cannot be read: it is tried again until the deadline, and nothing starts meanwhile.

use super::support::*;
use super::world::*;
use millstream::contract::{Capabilities, ConsumerRequest, Error, ErrorKind, Operation, Support, Transport};
use millstream::memory::Memory;
use millstream::prelude::*;
use millstream::service::TableSettings;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// Memory whose tables cannot be read a number of times, or (`usize::MAX`) whose reader never comes.
#[derive(Clone)]
struct Unreadable {
    memory: Memory,
    times: Arc<AtomicUsize>,
    assignment: Support,
}

impl Unreadable {
    fn new(memory: &Memory, times: usize) -> Self {
        Unreadable { memory: memory.clone(), times: Arc::new(AtomicUsize::new(times)), assignment: Support::Yes }
    }
}

impl Transport for Unreadable {
    type Producer = <Memory as Transport>::Producer;
    type Consumer = <Memory as Transport>::Consumer;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.memory.capabilities();
        capabilities.assignment = self.assignment.clone();
        capabilities
    }

    async fn producer(&self) -> Result<Self::Producer, Error> {
        self.memory.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
        if !request.partitions.is_empty() {
            match self.times.load(Ordering::Relaxed) {
                0 => {}
                usize::MAX => std::future::pending().await,
                times => {
                    self.times.store(times - 1, Ordering::Relaxed);
                    return Err(Error::new(ErrorKind::Unavailable, Operation::Connect, "no broker answers"));
                }
            }
        }
        self.memory.consumer(request).await
    }
}

fn service_on(transport: Unreadable) -> Result<StreamService, Error> {
    let settings = settings().table(TableSettings::new().restore_within(Duration::from_secs(20)));
    StreamServiceBuilder::new("ledger", transport)
        .add_producer()
        .add_consumer_handler_with(INPUT, GROUP, on_order, settings)
        .build()
}

#[tokio::test(start_paused = true)]
async fn a_table_that_cannot_be_read_for_a_while_is_read_then() {
    let memory = log(1);
    send_orders(&memory, INPUT, (0..5).map(|n| order("a", n))).await;
    let running = Running::start(service_on(Unreadable::new(&memory, 4)).expect("a valid service")).await;
    through(&memory).await;
    running.stop().await.expect("a clean end");
    assert_folded(&memory);
}

#[tokio::test(start_paused = true)]
async fn a_table_that_is_not_restored_in_time_ends_the_run_and_nothing_has_started() {
    for times in [usize::MAX, usize::MAX - 1] {
        let memory = log(1);
        send_orders(&memory, INPUT, (0..5).map(|n| order("a", n))).await;
        let service = service_on(Unreadable::new(&memory, times)).expect("a valid service");
        let error = Running::spawn(service).end().await.expect_err("it cannot run");
        assert_eq!((error.kind(), error.operation()), (ErrorKind::TimedOut, Operation::Restore));
        assert!(error.to_string().contains("paper.ledger.journals-0 was not restored within 20s"), "{error}");
        assert!(told(&memory).is_empty() && journals(&memory).is_empty());
        assert_eq!(committed(&memory, GROUP, INPUT, 0).unwrap_or(0), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_that_is_stopped_while_it_restores_ends_at_once() {
    let memory = log(1);
    let running = Running::spawn(service_on(Unreadable::new(&memory, usize::MAX)).expect("a valid service"));
    running.handle.until(|health| !health.restoring.is_empty()).await;
    let before = tokio::time::Instant::now();
    running.stop().await.expect("a clean end");
    assert!(before.elapsed() < Duration::from_secs(1), "nothing is waited for");
}

#[test]
fn a_table_needs_a_transport_that_reads_without_a_group() {
    let mut transport = Unreadable::new(&Memory::new(), 0);
    transport.assignment = Support::No("it only knows groups");
    let error = service_on(transport).expect_err("it is not valid").to_string();
    assert!(error.contains("which the transport cannot read back: it only knows groups"), "{error}");
}
