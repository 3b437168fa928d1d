//! Composed sinks in a service: the dead-letter topic among others, and what `build()` says of what may lose letters.

use super::support::*;
use super::*;
use millstream::contract::{DeadLetter, DeadLetterReason, Durability, ErrorSink};
use millstream::memory::TopicConfig;
use millstream_testkit::FlakySink;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

async fn refuses(order: Event<Order>) -> Result<(), HandlerError> {
    if order.number == 1 { panic!("the first one") } else { Err(HandlerError::permanent("no")) }
}

/// Somebody's pager: what it is told is gone with the process.
#[derive(Clone, Default)]
struct Pager(FlakySink);

impl Pager {
    fn paged(&self) -> Vec<DeadLetterReason> {
        self.0.letters().iter().map(|letter| letter.reason).collect()
    }
}

impl ErrorSink for Pager {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        self.0.accept(letters).await
    }

    fn durability(&self) -> Durability {
        Durability::Lossy
    }
}

fn in_topic(memory: &Memory) -> Vec<String> {
    memory.records(&topic("paper.orders.new.dlq")).iter().map(|letter| said(letter, "millstream-dlq-reason")).collect()
}

async fn run(memory: &Memory, errors: ErrorHandling) {
    send_orders(memory, NEW, [order("a", 1), order("a", 2)]).await;
    run_until_settled(desk(memory, errors).add_consumer_handler(NEW, GROUP, refuses), 2).await;
}

#[tokio::test(start_paused = true)]
async fn letters_are_in_the_topic_and_those_of_one_reason_page_somebody() {
    let (memory, pager) = (Memory::new(), Pager::default());
    let paging = pager.clone();
    let errors = ErrorHandling::new();
    run(&memory, errors.error_sink_with(move |to_topic| to_topic.and(paging.clone().only([DeadLetterReason::Panic])))).await;
    assert_eq!(in_topic(&memory), ["panic", "permanent"]);
    assert_eq!(pager.paged(), [DeadLetterReason::Panic]);
}

#[tokio::test(start_paused = true)]
async fn a_record_settles_only_when_both_sinks_have_accepted_its_letter() {
    let (memory, pager) = (Memory::new(), FlakySink::new());
    pager.switches().down(true);
    let paging = pager.clone();
    let errors = ErrorHandling::new().error_sink_with(move |to_topic| to_topic.and(paging.clone()));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let service = desk(&memory, errors).add_consumer_handler(NEW, GROUP, refuses).build().expect("a valid service");
    let running = Running::start(service).await;
    while in_topic(&memory).is_empty() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(running.handle.account().total().dead_lettered, 0);
    assert!(running.handle.health().is_degraded());
    pager.switches().down(false);
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    assert_eq!(pager.letters().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_pager_that_is_down_stops_nothing_at_best_effort() {
    let (memory, pager) = (Memory::new(), Pager::default());
    pager.0.switches().down(true);
    let errors = ErrorHandling::new().error_sink_with(move |to_topic| to_topic.and(pager.clone().best_effort()));
    run(&memory, errors).await;
    assert_eq!(in_topic(&memory), ["panic", "permanent"]);
}

#[tokio::test(start_paused = true)]
async fn a_fallback_takes_the_letters_that_the_topic_refuses() {
    let (memory, store) = (Memory::new(), FlakySink::new());
    let letters = topic("paper.orders.new.dlq");
    memory.create_topic(&letters, TopicConfig::new(1)).expect("a new topic");
    memory.set_writable(&letters, false).expect("it exists");
    let fallback = store.clone();
    run(&memory, ErrorHandling::new().error_sink_with(move |to_topic| to_topic.or_else(fallback.clone()))).await;
    assert_eq!((store.letters().len(), in_topic(&memory).len()), (2, 0));
}

/// Each service has a dead-letter topic of its own transport, also where they share what was said of errors.
#[tokio::test(start_paused = true)]
async fn two_services_with_the_same_error_handling_write_to_their_own_topics() {
    let (one, two) = (Memory::new(), Memory::new());
    let errors = ErrorHandling::new().error_sink_with(|to_topic| to_topic);
    run(&one, errors.clone()).await;
    run(&two, errors).await;
    assert_eq!((in_topic(&one).len(), in_topic(&two).len()), (2, 2));
}

fn problems(errors: ErrorHandling) -> Option<String> {
    let built = desk(&Memory::new(), errors).add_consumer_handler(NEW, GROUP, refuses).build();
    built.err().map(|error| error.to_string())
}

#[test]
fn a_composition_that_may_lose_letters_is_refused_unless_loss_is_allowed_aloud() {
    let lossy = || ErrorHandling::new().error_sink_with(|to_topic| to_topic.or_else(Pager::default()));
    let text = problems(lossy()).expect("it may lose");
    assert!(text.contains("may lose what it accepted") && text.contains("allow_loss"), "{text}");
    assert_eq!(problems(lossy().allow_loss("a demonstration")), None);
    assert!(problems(ErrorHandling::new().error_sink_with(|to_topic| to_topic.only([DeadLetterReason::Crash]))).is_some());
    assert_eq!(problems(ErrorHandling::new().error_sink_with(|to_topic| to_topic.and(Pager::default()))), None);
}

#[test]
fn a_service_that_reads_dead_letters_must_not_write_them_through_a_composed_sink_either() {
    let reads = |errors| {
        let handler = async |_: Position| {};
        desk(&Memory::new(), errors).add_consumer_handler("paper.orders.new.dlq", GROUP, handler).build().map(drop)
    };
    let text = reads(ErrorHandling::new().error_sink_with(|to_topic| to_topic.and(FlakySink::new()))).expect_err("a loop");
    assert!(text.to_string().contains("its own dead letters would feed it"), "{text}");
    reads(ErrorHandling::new().error_sink_with(|_| FlakySink::new())).expect("the topic is no part of it");
}

/// Panics when it is first asked, in its call or in the future that it gives, and takes everything later.
#[derive(Clone, Default)]
struct Broken {
    asked: Arc<AtomicU32>,
    taken: FlakySink,
}

impl ErrorSink for Broken {
    fn accept(&self, letters: &[DeadLetter]) -> impl Future<Output = Vec<Result<(), Error>>> + Send {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        assert!(asked != 0, "not now");
        async move {
            assert!(asked != 1, "not yet");
            self.taken.accept(letters).await
        }
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}

/// I20: a fault of the sink stops what waits for it, and neither other keys nor the service.
#[tokio::test(start_paused = true)]
async fn a_sink_that_panics_has_taken_nothing_and_is_asked_again() {
    let (memory, sink) = (Memory::new(), Broken::default());
    send_orders(&memory, NEW, [order("a", 1), order("b", 2), order("c", 3)]).await;
    let errors = ErrorHandling::new().error_sink(sink.clone());
    let handler = async |order: Event<Order>| {
        if order.number == 1 { Err(HandlerError::permanent("no")) } else { Ok(()) }
    };
    run_until_settled(desk(&memory, errors).add_consumer_handler(NEW, GROUP, handler), 3).await;
    assert_eq!((sink.asked.load(Ordering::SeqCst), sink.taken.letters().len()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_pager_that_panics_at_best_effort_keeps_no_letter_from_settling() {
    let (memory, pager) = (Memory::new(), Broken::default());
    let paging = pager.clone();
    run(&memory, ErrorHandling::new().error_sink_with(move |to_topic| to_topic.and(paging.clone().best_effort()))).await;
    assert_eq!(in_topic(&memory), ["panic", "permanent"], "each is written once");
}
