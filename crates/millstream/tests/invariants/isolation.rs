//! I10, I20: a fault of one key, destination, sink or store stops only what needs it, and everything goes on by itself when
//! it has passed. F29, F43, F50, F62, F63, F109; B09, B25, B26, B31, B55.

use super::support::*;
use super::world::*;
use millstream::memory::CommitFault;
use millstream::prelude::*;
use millstream_testkit::{FlakySink, FlakyTransport};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// Waits at a gate for the account `stuck`, fails for `bad`, and sends the rest on if it emits.
struct Desk {
    history: Arc<History>,
    gate: Semaphore,
}

impl Desk {
    fn new(history: &Arc<History>) -> Arc<Self> {
        Arc::new(Desk { history: history.clone(), gate: Semaphore::new(0) })
    }

    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        self.history.called(order.number);
        match order.account.as_str() {
            "stuck" => self.gate.acquire().await.map(drop)?,
            "bad" => return Err(HandlerError::permanent("never")),
            _ => {}
        }
        self.history.effect(order.number);
        Ok(())
    }

    async fn send_on(&self, order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
        self.history.called(order.number);
        out.emit(DONE, &*order)?;
        self.history.effect(order.number);
        Ok(())
    }
}

/// F29: a stuck key waits alone, in its partition and out of it.
#[tokio::test(start_paused = true)]
async fn a_stuck_key_stops_only_its_own_followers() {
    let memory = log(3);
    let history = History::watch(&memory, false);
    let desk = Desk::new(&history);
    let name = |n: u64| if n.is_multiple_of(10) { String::from("stuck") } else { format!("account-{}", n % 9) };
    send_orders(&memory, NEW, (0..600).map(|n| order(&name(n), n))).await;
    let service = builder(memory.clone(), 1)
        .with_shared_state(desk.clone())
        .add_consumer_handler_with(NEW, GROUP, Desk::on_order, HandlerSettings::new().timeout(Duration::from_secs(290)))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(540).await;
    assert_eq!(history.done(), (0..600).filter(|n| n % 10 != 0).collect());
    assert_eq!((0..600).filter(|n| n % 10 == 0 && history.calls(*n) > 0).count(), 1, "its followers wait for it");
    desk.gate.add_permits(1_000);
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    history.assert_safe();
}

/// F50: while the sink is down only keys with a pending letter wait; health says so; it resumes by itself.
#[tokio::test(start_paused = true)]
async fn a_sink_that_is_down_stops_only_keys_with_pending_letters() {
    let (memory, sink) = (log(1), FlakySink::new());
    let history = History::watch(&memory, false);
    let name = |n: u64| if n.is_multiple_of(10) { String::from("bad") } else { format!("account-{}", n % 9) };
    send_orders(&memory, NEW, (0..300).map(|n| order(&name(n), n))).await;
    sink.switches().down(true);
    let service = builder(memory.clone(), 1)
        .with_error_handling(into_sink(&sink))
        .with_shared_state(Desk::new(&history))
        .add_consumer_handler(NEW, GROUP, Desk::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(270).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert!(running.handle.health().is_degraded(), "{:?}", running.handle.health());
    assert_eq!(running.handle.account().total().dead_lettered, 0);
    assert_eq!((0..300).filter(|n| n % 10 == 0 && history.calls(*n) > 0).count(), 1);
    assert!(committed(&memory, GROUP, NEW, 0).is_none_or(|offset| offset == 0), "the first record has no letter yet");
    sink.switches().down(false);
    running.settled(300).await;
    running.handle.until(|health| health.is_ready()).await;
    running.stop().await.expect("a clean end");
    assert_eq!(sink.letters().len(), 30);
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(300));
}

/// F50: pending letters fill their limit; then nothing more starts, until the sink is back.
#[tokio::test(start_paused = true)]
async fn pending_letters_stop_everything_only_at_their_limit() {
    let (memory, sink) = (log(1), FlakySink::new());
    let history = History::watch(&memory, false);
    sink.switches().down(true);
    send(&memory, (0..200).map(|n| record(NEW, &order("bad", n)).without_key()).collect()).await;
    let service = builder(memory.clone(), 1)
        .with_error_handling(into_sink(&sink))
        .with_shared_state(Desk::new(&history))
        .add_consumer_handler_with(NEW, GROUP, Desk::on_order, HandlerSettings::new().max_letters(20))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!((0..200).filter(|n| history.calls(*n) > 0).count(), 20);
    sink.switches().down(false);
    running.settled(200).await;
    running.stop().await.expect("a clean end");
    assert!((0..200).all(|n| history.calls(n) == 1), "waiting costs no attempt");
    assert_eq!(sink.letters().len(), 200);
}

/// F43, B12: while the store cannot tell, nothing starts: an error is neither "done" nor "fresh".
#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_lets_nothing_start_and_everything_resume() {
    let (memory, store) = (log(2), store());
    let history = History::watch(&memory, false);
    send_orders(&memory, NEW, (0..100).map(|n| order(&format!("account-{}", n % 9), n))).await;
    store.down(true);
    let service = builder(memory.clone(), 1)
        .with_deduplicator(store.clone())
        .with_shared_state(Desk::new(&history))
        .add_consumer_handler(NEW, GROUP, Desk::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((0..100).map(|n| history.calls(n)).sum::<u64>(), 0);
    assert!(running.handle.health().is_degraded());
    assert!(store.checks().calls() < 1_000, "it backs off: {} looks", store.checks().calls());
    store.down(false);
    history.caught_up().await;
    assert!(running.handle.health().is_ready());
    running.stop().await.expect("a clean end");
    assert!((0..100).all(|n| history.calls(n) == 1));
}

/// F43, F44: marks fail; what is done waits unsettled, and is not done again.
#[tokio::test(start_paused = true)]
async fn marks_that_fail_hold_the_commit_and_repeat_nothing() {
    let (memory, store) = (log(1), store());
    let history = History::watch(&memory, false);
    send_orders(&memory, NEW, (0..100).map(|n| order("a", n))).await;
    store.marks().down(true);
    let service = builder(memory.clone(), 1)
        .with_deduplicator(store.clone())
        .with_shared_state(Desk::new(&history))
        .add_consumer_handler(NEW, GROUP, Desk::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    assert_eq!(running.handle.account().total().settled(), 0);
    assert!(committed(&memory, GROUP, NEW, 0).is_none_or(|offset| offset == 0));
    store.marks().down(false);
    store.marks().lose_next(3);
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    assert!((0..100).all(|n| history.calls(n) == 1));
}

/// §4: an id that is claimed elsewhere waits without an attempt, and without asking all the time.
#[tokio::test(start_paused = true)]
async fn an_id_claimed_elsewhere_waits_without_an_attempt() {
    let (memory, store) = (log(1), store());
    let history = History::watch(&memory, false);
    send_orders(&memory, NEW, [order("a", 1), order("b", 2), order("a", 3)]).await;
    store.claim([id(1).key().as_u128()]);
    store.checks().slow(ms(1));
    let service = builder(memory.clone(), 1)
        .with_deduplicator(store.clone())
        .with_shared_state(Desk::new(&history))
        .add_consumer_handler(NEW, GROUP, Desk::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(1).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(history.done(), [2].into());
    assert!(store.checks().calls() < 1_000, "{} looks in 10 s", store.checks().calls());
    store.claim([]);
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    assert_eq!((history.calls(1), history.calls(3)), (1, 1));
}

/// F62, F64, F109, B26: a destination that never answers stops those who owe it something, not the other namespace.
#[tokio::test(start_paused = true)]
async fn a_destination_that_never_answers_stops_only_those_who_owe_it() {
    let memory = log(1);
    let flaky = FlakyTransport::new(memory.clone());
    let history = History::watch(&memory, true);
    let out = flaky.to(&topic(OUT));
    out.hang(true);
    let other = "zerodha.orders.new";
    send_orders(&memory, NEW, (0..50).map(|n| order("a", n))).await;
    send_orders(&memory, other, (1_000..1_050).map(|n| order("a", n))).await;
    let service = builder(flaky.clone(), 1)
        .with_shared_state(Desk::new(&history))
        .add_producer()
        .add_consumer_handler([NEW, other], GROUP, Desk::send_on)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(100)).await;
    let account = running.handle.account();
    assert_eq!((account.topic(other).settled(), account.topic(NEW).settled()), (50, 0));
    assert!(running.handle.health().is_degraded(), "a call without an answer ends at its deadline and is told");
    out.hang(false);
    history.caught_up().await;
    assert!(running.handle.health().is_ready(), "{:?}", running.handle.health());
    running.stop().await.expect("a clean end");
    history.assert_safe();
    assert!((0..50).all(|n| history.calls(n) == 1), "an output that waits does not run its handler again");
}

/// Its other outputs, accepted or refused later, change nothing of a dead letter, nor of those beside it.
#[tokio::test(start_paused = true)]
async fn outputs_that_are_refused_one_after_the_other_make_one_dead_letter() {
    const PLACES: [Sibling; 3] =
        [Sibling::new("orders", "first"), Sibling::new("orders", "second"), Sibling::new("orders", "third")];
    async fn send_around(order: Event<Order>, out: &mut Outputs) -> Result<(), EmitError> {
        match order.account.as_str() {
            "all" => PLACES.iter().try_for_each(|&place| out.emit(place, &*order).map(drop)),
            _ => out.emit(DONE, &*order).map(drop),
        }
    }
    let memory = log(1);
    let (flaky, sink) = (FlakyTransport::new(memory.clone()), FlakySink::new());
    let at = |name: &str| flaky.to(&topic(name));
    at("paper.orders.first").refuse(true);
    at("paper.orders.second").slow(Duration::from_secs(1));
    at("paper.orders.third").slow(Duration::from_secs(2));
    at("paper.orders.third").refuse(true);
    at(OUT).slow(Duration::from_secs(3));
    // They are sent one by one: where the partitions of a topic are not known, outputs wait for them by themselves.
    send_orders(&memory, NEW, [order("all", 0), order("one", 1)]).await;
    let service = builder(flaky.clone(), 1)
        .with_error_handling(into_sink(&sink))
        .add_producer()
        .add_consumer_handler(NEW, GROUP, send_around)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    tokio::time::timeout(Duration::from_secs(20), running.settled(2)).await.expect("the other one is done");
    let account = running.handle.account().total();
    assert_eq!((account.dead_lettered, account.done, account.outputs, sink.letters().len()), (1, 1, 2, 1));
    running.stop().await.expect("a clean end");
}

/// F85: an output refused for good makes its input a dead letter; one that is refused for a while waits without limit.
#[tokio::test(start_paused = true)]
async fn an_output_refused_for_good_dead_letters_its_input() {
    let memory = log(1);
    let (flaky, sink) = (FlakyTransport::new(memory.clone()), FlakySink::new());
    let history = History::watch(&memory, false);
    flaky.to(&topic(OUT)).refuse(true);
    send_orders(&memory, NEW, (0..5).map(|n| order("a", n))).await;
    let service = builder(flaky.clone(), 1)
        .with_error_handling(into_sink(&sink))
        .with_shared_state(Desk::new(&history))
        .add_producer()
        .add_consumer_handler(NEW, GROUP, Desk::send_on)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    running.settled(5).await;
    let account = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((account.dead_lettered, account.done, account.outputs), (5, 0, 0));
    assert!(sink.letters().iter().all(|letter| letter.reason.as_str() == "output-refused"));
    assert!((0..5).all(|n| history.calls(n) == 1));
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(5));
}

/// F17, F63, B09, B31: commits fail for a while in every way; the lag still becomes 0 at rest.
#[tokio::test(start_paused = true)]
async fn commits_that_fail_are_made_again_until_applied() {
    for fault in [CommitFault::Stale, CommitFault::UnknownNotApplied, CommitFault::UnknownApplied] {
        let memory = log(2);
        let history = History::watch(&memory, false);
        send_orders(&memory, NEW, (0..100).map(|n| order(&format!("account-{n}"), n))).await;
        memory.fail_commits(GROUP, 12, fault);
        let service = builder(memory.clone(), 1)
            .with_shared_state(Desk::new(&history))
            .add_consumer_handler(NEW, GROUP, Desk::on_order)
            .build()
            .expect("a valid service");
        let running = Running::start(service).await;
        history.caught_up().await;
        running.stop().await.expect("a clean end");
        history.assert_safe();
        assert!((0..100).all(|n| history.calls(n) == 1), "a commit's error ends no epoch");
    }
}
