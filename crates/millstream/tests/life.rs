//! A service's life: commits while it runs, starts and stops at any moment, ends in time.

mod support;

use millstream::contract::{Capabilities, ConsumerRequest, Error, ErrorKind, Operation, Produce, Producer, Receipt, Transport};
use millstream::memory::CommitFault;
use millstream::prelude::*;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use support::*;

const DONE: Sibling = Sibling::new("orders", "done");

async fn ignore(_: Event<Order>) {}

async fn copy(order: Event<Order>, out: &mut Outputs) -> Result<(), EmitError> {
    out.emit(DONE, &*order).map(drop)
}

fn ignoring(memory: &Memory, settings: HandlerSettings) -> StreamService {
    StreamServiceBuilder::new("seen", memory.clone())
        .add_consumer_handler_with("paper.orders.new", "seen.orders", ignore, settings)
        .build()
        .expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_partition_goes_on_committing_after_a_mark_that_went_at_once() {
    let memory = Memory::new();
    let orders = topic("paper.orders.new");
    memory.create_topic(&orders, millstream::memory::TopicConfig::new(1)).expect("a new topic");
    // So far does one record move the watermark that its mark does not wait for company.
    for _ in 0..10_050 {
        memory.append_control(&orders, 0).expect("it exists");
    }
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let running = Running::start(ignoring(&memory, HandlerSettings::new())).await;
    running.settled(1).await;
    for n in 2..5 {
        tokio::time::sleep(Duration::from_secs(1)).await;
        send_orders(&memory, "paper.orders.new", [order("a", n)]).await;
        running.settled(n).await;
    }
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(committed(&memory, "seen.orders", "paper.orders.new", 0), memory.end(&orders, 0));
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn one_attempt_at_a_time_is_a_concurrency() {
    for attempts in [1, 2, 3, 5] {
        let memory = Memory::new();
        send_orders(&memory, "paper.orders.new", (0..20).map(|n| order("a", n))).await;
        let running = Running::start(ignoring(&memory, HandlerSettings::new().concurrency(attempts))).await;
        tokio::time::timeout(Duration::from_secs(5), running.settled(20)).await.expect("it runs");
        running.stop().await.expect("a clean end");
    }
}

#[tokio::test(start_paused = true)]
async fn a_service_told_to_stop_before_it_runs_ends() {
    let memory = Memory::new();
    let service = ignoring(&memory, HandlerSettings::new());
    service.handle().stop();
    let running = Running::spawn(service);
    tokio::time::timeout(Duration::from_secs(60), running.end()).await.expect("it ends").expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_a_commit_that_is_refused_again_and_again() {
    let memory = Memory::new();
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    memory.fail_commits("seen.orders", 1_000, CommitFault::Refused);
    let running = Running::start(ignoring(&memory, HandlerSettings::new())).await;
    running.settled(1).await;
    let stopped = tokio::time::timeout(Duration::from_secs(10), running.stop()).await;
    stopped.expect("its budget is longer").expect("a clean end");
}

/// Memory whose producer is in trouble while told so.
#[derive(Clone)]
struct Shaky {
    memory: Memory,
    no_lookups: Arc<AtomicBool>,
    no_answers: Arc<AtomicBool>,
}

impl Shaky {
    fn new(memory: &Memory) -> Self {
        Shaky { memory: memory.clone(), no_lookups: Arc::default(), no_answers: Arc::default() }
    }
}

struct ShakyProducer(<Memory as Transport>::Producer, Shaky);

impl Producer for ShakyProducer {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        if self.1.no_answers.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        self.0.send(batch).await
    }

    async fn flush(&self, within: Duration) -> Result<(), Error> {
        self.0.flush(within).await
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        if self.1.no_lookups.load(Ordering::SeqCst) && !topic.is_dlq() {
            return Err(Error::new(ErrorKind::Unavailable, Operation::Lookup, "no broker"));
        }
        self.0.partitions(topic).await
    }
}

impl Transport for Shaky {
    type Producer = ShakyProducer;
    type Consumer = <Memory as Transport>::Consumer;

    fn capabilities(&self) -> Capabilities {
        self.memory.capabilities()
    }

    async fn producer(&self) -> Result<ShakyProducer, Error> {
        Ok(ShakyProducer(self.memory.producer().await?, self.clone()))
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
        self.memory.consumer(request).await
    }
}

fn copying(transport: &Shaky) -> StreamService {
    StreamServiceBuilder::new("copy", transport.clone())
        .add_producer()
        .with_shutdown(Shutdown::within(Duration::from_secs(10)))
        .add_consumer_handler("paper.orders.new", "copy.orders", copy)
        .build()
        .expect("a valid service")
}

#[tokio::test(start_paused = true)]
async fn a_service_ends_though_a_destination_cannot_be_looked_up() {
    let memory = Memory::new();
    let shaky = Shaky::new(&memory);
    shaky.no_lookups.store(true, Ordering::SeqCst);
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let running = Running::start(copying(&shaky)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(12), running.stop()).await;
    stopped.expect("it ends within its deadline").expect("a clean end");
    assert_eq!(committed(&memory, "copy.orders", "paper.orders.new", 0), Some(0));
}

#[tokio::test(start_paused = true)]
async fn a_service_ends_in_time_though_its_producer_never_answers() {
    let memory = Memory::new();
    let shaky = Shaky::new(&memory);
    shaky.no_answers.store(true, Ordering::SeqCst);
    send_orders(&memory, "paper.orders.new", [order("a", 1)]).await;
    let running = Running::start(copying(&shaky)).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let stopped = tokio::time::timeout(Duration::from_secs(12), running.stop()).await;
    stopped.expect("it ends within its deadline").expect("a clean end");
    assert_eq!(committed(&memory, "copy.orders", "paper.orders.new", 0), Some(0));
}

#[test]
fn nothing_outlives_a_run_that_was_dropped() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let memory = Memory::new();
        let state = Arc::new(());
        let weak = Arc::downgrade(&state);
        let service = StreamServiceBuilder::new("seen", memory.clone())
            .with_shared_state(state)
            .add_consumer_handler("paper.orders.new", "seen.orders", ignore)
            .build()
            .expect("a valid service");
        let running = Running::start(service).await;
        running.crash().await;
        let deadline = std::time::Instant::now() + Duration::from_secs(5);
        while weak.strong_count() > 0 && std::time::Instant::now() < deadline {
            tokio::task::yield_now().await;
        }
        assert_eq!(weak.strong_count(), 0, "the intake's thread and the workers have ended");
    });
}

#[tokio::test(start_paused = true)]
async fn who_waits_for_the_end_of_a_service_whose_run_was_dropped_does_not_wait_for_ever() {
    let service = StreamServiceBuilder::new("dropped", Memory::new())
        .add_consumer_handler("paper.orders.new", "dropped.orders", async |_: Event<Order>| {})
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    let handle = running.handle.clone();
    running.crash().await;
    tokio::time::timeout(Duration::from_secs(1), handle.ended()).await.expect("it has ended");
}
