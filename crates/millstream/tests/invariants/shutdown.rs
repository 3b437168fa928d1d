//! I12, I19: a service ends before its deadline, outputs before commits, unfinished work abandoned and not settled, and
//! leaves no task behind. F61, F75, F76, F79; B07, B32, B34, B55, B56.

use super::support::*;
use super::world::*;
use millstream::engine::Note;
use millstream::memory::{Memory, TopicConfig};
use millstream::prelude::*;
use millstream_testkit::FlakyTransport;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const COPIES: &str = "paper.orders.new.retry.1";

/// Waits as long as an account's name says, in seconds; for ever if it says no number.
struct Slow {
    history: Arc<History>,
    alive: AtomicI64,
}

struct Alive<'a>(&'a AtomicI64);

impl Drop for Alive<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Slow {
    fn new(history: &Arc<History>) -> Arc<Self> {
        Arc::new(Slow { history: history.clone(), alive: AtomicI64::new(0) })
    }

    async fn on_order(&self, order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
        self.history.called(order.number);
        self.alive.fetch_add(1, Ordering::SeqCst);
        let _alive = Alive(&self.alive);
        match order.account.parse() {
            Ok(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
            Err(_) if order.account == "fails" => return Err(HandlerError::transient("again")),
            Err(_) => std::future::pending::<()>().await,
        }
        out.emit(DONE, &*order)?;
        self.history.effect(order.number);
        Ok(())
    }
}

fn slow(transport: impl Transport, state: &Arc<Slow>) -> StreamService {
    builder(transport, 1)
        .with_shutdown(Shutdown::within(Duration::from_secs(20)))
        .with_shared_state(state.clone())
        .with_deduplicator(store())
        .add_producer()
        .add_consumer_handler_with(NEW, GROUP, Slow::on_order, HandlerSettings::new().timeout(Duration::from_secs(290)))
        .build()
        .expect("a valid service")
}

async fn begun(memory: &Memory, accounts: &[&str]) -> (Arc<History>, Arc<Slow>) {
    let history = History::watch(memory, true);
    send_orders(memory, NEW, accounts.iter().enumerate().map(|(n, account)| order(account, n as u64))).await;
    (history.clone(), Slow::new(&history))
}

fn tasks() -> usize {
    tokio::runtime::Handle::current().metrics().num_alive_tasks()
}

/// F75, F79: handlers that finish within their share are settled; the others are abandoned, and all is gone at the end.
#[tokio::test(start_paused = true)]
async fn a_stop_returns_in_time_settles_what_ended_and_abandons_the_rest() {
    let memory = log(1);
    let before = tasks();
    // Handlers have 0.6 of 20 s.
    let (history, state) = begun(&memory, &["1", "11", "13", "hangs", "fails", "fails", "2"]).await;
    let running = Running::start(slow(memory.clone(), &state)).await;
    tokio::time::sleep(ms(1)).await;
    let (handle, began) = (running.handle.clone(), Instant::now());
    running.stop().await.expect("a clean end");
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    assert_eq!(history.done(), [0, 1, 6].into());
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(2), "the first unfinished one holds the commit");
    history.assert_safe();
    let account = handle.account().total();
    assert_eq!(account.delivered, account.settled() + account.abandoned, "I19");
    assert_eq!((account.done, account.abandoned), (3, 4));
    assert_eq!(state.alive.load(Ordering::SeqCst), 0, "no attempt outlives the run");
    assert_eq!(tasks(), before, "no task outlives the run");
    assert_eq!(memory.group_members(GROUP).len(), 0, "it has left the group");
}

/// B55: nothing waits for a backoff or a retry during a drain.
#[tokio::test(start_paused = true)]
async fn a_stop_does_not_wait_for_retries() {
    let memory = log(1);
    let (history, state) = begun(&memory, &["fails", "fails", "0"]).await;
    let service = builder(memory.clone(), 1)
        .with_error_handling(ErrorHandling::new().retry(Retry::exponential(Duration::from_secs(9), Duration::from_secs(9))))
        .with_shared_state(state.clone())
        .add_producer()
        .add_consumer_handler(NEW, GROUP, Slow::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(ms(50)).await;
    let began = Instant::now();
    running.stop().await.expect("a clean end");
    assert!(began.elapsed() < ms(500), "{:?}", began.elapsed());
    assert!(committed(&memory, GROUP, NEW, 0).is_none_or(|offset| offset == 0));
    history.assert_safe();
}

/// F76: the second stop drops what runs and ends within a second, with what is settled committed.
#[tokio::test(start_paused = true)]
async fn a_second_stop_ends_within_a_second() {
    let memory = log(1);
    let before = tasks();
    let (history, state) = begun(&memory, &["0", "0", "hangs", "0"]).await;
    let running = Running::start(slow(memory.clone(), &state)).await;
    running.settled(3).await;
    running.handle.stop();
    tokio::time::sleep(ms(100)).await;
    assert_eq!(running.handle.account().total().abandoned, 0, "the first stop waits for the handler");
    let began = Instant::now();
    running.handle.stop();
    running.handle.stop();
    running.end().await.expect("a clean end");
    assert!(began.elapsed() <= Duration::from_secs(1), "{:?}", began.elapsed());
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(2));
    let note = memory.committed(GROUP, &topic(NEW), 0).and_then(|committed| committed.metadata);
    assert!(Note::read(note.as_deref()).is_some_and(|note| note.clean), "it ended in order: {note:?}");
    assert_eq!((state.alive.load(Ordering::SeqCst), tasks()), (0, before));
    history.assert_safe();
}

/// F61, B32: outputs that are slow are confirmed before their inputs are committed, in a shutdown too.
#[tokio::test(start_paused = true)]
async fn a_stop_flushes_outputs_before_it_commits_their_inputs() {
    let memory = log(1);
    let flaky = FlakyTransport::new(memory.clone());
    flaky.to(&topic(OUT)).slow(Duration::from_secs(3));
    let (history, state) = begun(&memory, &["0", "1", "2", "0"]).await;
    let running = Running::start(slow(flaky.clone(), &state)).await;
    tokio::time::sleep(ms(1)).await;
    running.stop().await.expect("a clean end");
    assert_eq!(numbers_in(&memory, &topic(OUT)), (0..4).collect());
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(4));
    history.assert_safe();
}

/// F61: outputs that are never acknowledged leave their inputs unsettled, and the service still ends in time.
#[tokio::test(start_paused = true)]
async fn a_stop_leaves_inputs_of_unacknowledged_outputs_unsettled() {
    let memory = log(1);
    let before = tasks();
    let flaky = FlakyTransport::new(memory.clone());
    flaky.to(&topic(OUT)).hang(true);
    let (history, state) = begun(&memory, &["0", "0", "0"]).await;
    let running = Running::start(slow(flaky.clone(), &state)).await;
    tokio::time::sleep(ms(10)).await;
    let began = Instant::now();
    running.handle.stop();
    while running.handle.account().total().abandoned < 3 {
        tokio::time::sleep(ms(10)).await;
    }
    // Outputs have until four fifths of the time; the rest is for marks, the commit and leaving.
    assert!(began.elapsed() < ms(16_100), "{:?}", began.elapsed());
    // The outcome may say that not all was flushed.
    let _ = running.end().await;
    assert!(began.elapsed() <= Duration::from_secs(20), "{:?}", began.elapsed());
    assert!(committed(&memory, GROUP, NEW, 0).is_none_or(|offset| offset == 0));
    assert_eq!(tasks(), before, "no task outlives the run");
    history.assert_safe();
}

/// §1: at the end of a grace a completed record whose mark is unknown is settled and counted: the commit protects better.
#[tokio::test(start_paused = true)]
async fn a_stop_settles_completed_records_whose_marks_are_missing() {
    let (memory, store) = (log(1), store());
    let (history, state) = begun(&memory, &["0", "0"]).await;
    let service = builder(memory.clone(), 1)
        .with_deduplicator(store.clone())
        .with_shared_state(state.clone())
        .add_producer()
        .add_consumer_handler(NEW, GROUP, Slow::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(2).await;
    store.marks().down(true);
    send_orders(&memory, NEW, (2..5).map(|n| order("0", n))).await;
    tokio::time::sleep(ms(500)).await;
    assert_eq!((running.handle.account().total().done, running.handle.account().total().delivered), (2, 5));
    let handle = running.handle.clone();
    running.stop().await.expect("a clean end");
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(5));
    assert_eq!(handle.account().total().marks_missing, 3);
    history.assert_safe();
}

/// Runs one order that fails through a service whose letters or copies take three seconds, and stops while one is under way.
async fn stopped_while_sent(errors: ErrorHandling, slow: &str) -> (Memory, millstream::service::Counts) {
    let memory = log(1);
    for name in [NEW, LETTERS, COPIES] {
        memory.create_topic(&topic(name), TopicConfig::new(1)).expect("a new topic");
    }
    let flaky = FlakyTransport::new(memory.clone());
    flaky.to(&topic(slow)).slow(Duration::from_secs(3));
    send_orders(&memory, NEW, [order("a", 0)]).await;
    let service = builder(flaky, 1)
        .with_error_handling(errors)
        .with_deduplicator(store())
        .add_consumer_handler(NEW, GROUP, async |_: Event<Order>| Err::<(), _>(HandlerError::transient("no")))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let handle = running.handle.clone();
    assert_eq!(handle.account().total().settled(), 0, "it is under way");
    running.stop().await.expect("a clean end");
    (memory, handle.account().total())
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_letter_that_is_under_way() {
    let (memory, counts) = stopped_while_sent(quick(), LETTERS).await;
    assert_eq!((counts.dead_lettered, counts.abandoned), (1, 0));
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_a_copy_that_is_under_way() {
    let (memory, counts) = stopped_while_sent(quick().retry_topics([Duration::from_secs(60)]), COPIES).await;
    assert_eq!((counts.handed_on, counts.dead_lettered), (1, 0));
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(1));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_marks_that_are_under_way() {
    let (memory, store) = (log(1), store());
    store.marks().slow(Duration::from_secs(3));
    let (_, state) = begun(&memory, &["0", "0", "0"]).await;
    let service = builder(memory.clone(), 1)
        .with_deduplicator(store.clone())
        .with_shared_state(state)
        .add_producer()
        .add_consumer_handler(NEW, GROUP, Slow::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let handle = running.handle.clone();
    running.stop().await.expect("a clean end");
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(3));
    assert_eq!((handle.account().total().done, handle.account().total().marks_missing), (3, 0));
}

/// Stops before it was assigned, at once after, and twice in a row.
#[tokio::test(start_paused = true)]
async fn a_stop_at_the_very_beginning_ends_cleanly() {
    for delay in [None, Some(0), Some(1)] {
        let memory = log(3);
        let before = tasks();
        let (history, state) = begun(&memory, &["0", "1"]).await;
        let running = Running::spawn(slow(memory.clone(), &state));
        if let Some(delay) = delay {
            tokio::time::sleep(ms(delay)).await;
        }
        let began = Instant::now();
        running.stop().await.expect("a clean end");
        assert!(began.elapsed() < Duration::from_secs(20));
        assert_eq!(tasks(), before);
        let running = Running::start(slow(memory.clone(), &state)).await;
        history.caught_up().await;
        running.stop().await.expect("a clean end");
        history.assert_safe();
    }
}

/// F79: dropping the run drops everything with it.
#[tokio::test(start_paused = true)]
async fn dropping_the_run_leaves_nothing_running() {
    let memory = log(1);
    let before = tasks();
    let (_, state) = begun(&memory, &["hangs", "5", "5"]).await;
    let running = Running::start(slow(memory.clone(), &state)).await;
    tokio::time::sleep(ms(10)).await;
    assert!(state.alive.load(Ordering::SeqCst) > 0);
    running.crash().await;
    tokio::task::yield_now().await;
    assert_eq!((state.alive.load(Ordering::SeqCst), tasks()), (0, before));
}

/// F80, B34: a transport that cannot go on ends the run with its error.
#[tokio::test(start_paused = true)]
async fn a_consumer_that_cannot_go_on_ends_the_run_with_its_error() {
    let memory = log(1);
    let (_, state) = begun(&memory, &["0"]).await;
    let service = builder(memory.clone(), 1)
        .start_at(millstream::service::StartAt::Fail)
        .with_shared_state(state.clone())
        .add_producer()
        .add_consumer_handler(NEW, GROUP, Slow::on_order)
        .build()
        .expect("a valid service");
    let error = Running::spawn(service).end().await.expect_err("no commit, and the policy is to fail");
    assert!(error.to_string().contains("no commit"), "{error}");
}
