//! I1, I2: nothing is lost, and at every commit every record below it is settled, whatever fails and wherever the process
//! dies. F02, F14, F15, F41–F44, F50, F73; B01, B02, B03, B05, B08, B12, B15, B18, B43, B67.

use super::support::*;
use super::world::*;
use millstream::contract::Transport;
use millstream::memory::{CommitFault, Memory, SendFault};
use millstream::prelude::*;
use millstream_testkit::FlakyDeduplicator;
use std::sync::Arc;
use std::time::Duration;

/// Takes 0 to 6 ms, fails some records twice and some for good, and sends each order on.
struct Desk {
    history: Arc<History>,
}

impl Desk {
    async fn on_order(&self, order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
        let number = order.number;
        let call = self.history.called(number);
        let wait = mix(number, call) % 7;
        if wait > 0 {
            tokio::time::sleep(ms(wait)).await;
        }
        if number % 11 == 3 && !call.is_multiple_of(3) {
            return Err(HandlerError::transient("not yet"));
        }
        if number % 17 == 5 {
            return Err(HandlerError::permanent("never"));
        }
        out.emit(DONE, &*order)?;
        self.history.effect(number);
        Ok(())
    }
}

fn desk(transport: impl Transport, history: &Arc<History>, store: &FlakyDeduplicator, seed: u64) -> StreamService {
    builder(transport, seed)
        .commit_every(ms(3))
        .with_deduplicator(store.clone())
        .with_state(Desk { history: history.clone() })
        .add_producer()
        .add_consumer_handler(NEW, GROUP, Desk::on_order)
        .build()
        .expect("a valid service")
}

const RECORDS: u64 = 240;

async fn world() -> (Memory, Arc<History>, FlakyDeduplicator) {
    let memory = log(3);
    let history = History::watch(&memory, true);
    send_orders(&memory, NEW, (0..RECORDS).map(|n| order(&format!("account-{}", n % 24), n))).await;
    let poison = |n: u64| Record::new(topic(NEW), format!("account-{n}"), format!("{{not json {n}"));
    send(&memory, (0..6).map(poison).collect()).await;
    (memory, history, store())
}

fn assert_all_is_well(memory: &Memory, history: &History) {
    history.assert_safe();
    history.assert_nothing_lost(0..RECORDS);
    let letters = memory.records(&topic(LETTERS));
    let poison = letters.iter().filter(|letter| header(letter, "millstream-dlq-reason").as_deref() == Some("poison"));
    assert!(poison.count() >= 6);
    for output in numbers_in(memory, &topic(OUT)) {
        assert!(history.calls(output) > 0 && output % 17 != 5, "an output of a record that failed");
    }
}

/// B01, B03, B05, B08, B12, B15, B43, B67.
#[tokio::test(start_paused = true)]
async fn no_commit_passes_an_unsettled_record_while_handlers_fail() {
    let (memory, history, store) = world().await;
    let running = Running::start(desk(memory.clone(), &history, &store, 1)).await;
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    assert_all_is_well(&memory, &history);
    assert_eq!(history.done().len() as u64, RECORDS - (0..RECORDS).filter(|n| n % 17 == 5).count() as u64);
    assert!((0..RECORDS).all(|n| history.effects(n) <= 1), "nothing is done twice");
}

/// F43, F44, F50, F63, F90, F91: everything around the service fails in turn, again and again.
#[tokio::test(start_paused = true)]
async fn no_commit_passes_an_unsettled_record_while_store_sink_and_broker_fail() {
    let (memory, history, store) = world().await;
    let running = Running::start(desk(memory.clone(), &history, &store, 2)).await;
    for round in 0..40 {
        let (letters, outputs) = (topic(LETTERS), topic(OUT));
        store.checks().down(round % 3 == 0);
        store.marks().down(round % 4 == 1);
        store.marks().lose_next(round % 2);
        memory.set_writable(&letters, round % 5 > 1).expect("a topic");
        memory.set_writable(&outputs, round % 4 > 1).expect("a topic");
        memory.fail_sends(&outputs, 2, SendFault::UnknownApplied).expect("a topic");
        memory.fail_sends(&outputs, 1, SendFault::UnknownNotApplied).expect("a topic");
        memory.fail_sends(&letters, 1, SendFault::UnknownApplied).expect("a topic");
        let faults = [CommitFault::Stale, CommitFault::UnknownApplied, CommitFault::UnknownNotApplied];
        memory.fail_commits(GROUP, 2, faults[round as usize % 3]);
        tokio::time::sleep(ms(5 + mix(round, 7) % 40)).await;
    }
    store.down(false);
    memory.set_writable(&topic(LETTERS), true).expect("a topic");
    memory.set_writable(&topic(OUT), true).expect("a topic");
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    assert_all_is_well(&memory, &history);
    assert!((0..RECORDS).all(|n| history.effects(n) <= 1), "lost replies repeat no effect");
}

/// F41, F42, F73: the process dies at many moments, and twice more while it catches up.
#[tokio::test(start_paused = true)]
async fn nothing_is_lost_wherever_the_process_dies() {
    for moment in 0..28 {
        let (memory, history, store) = world().await;
        let mut deaths = vec![moment * 2, 11 + moment % 13, 29 - moment % 17];
        if moment % 4 == 0 {
            deaths.clear();
        }
        let mut seed = 100 * moment;
        for after in deaths {
            let running = Running::spawn(desk(memory.clone(), &history, &store, seed));
            running.handle.ready().await;
            tokio::time::sleep(ms(after)).await;
            running.crash().await;
            seed += 1;
        }
        let running = Running::start(desk(memory.clone(), &history, &store, seed)).await;
        history.caught_up().await;
        running.stop().await.expect("a clean end");
        assert_all_is_well(&memory, &history);
    }
}

/// F12, F45, F73: the store restarts empty after the process died; that repeats effects and loses nothing.
#[tokio::test(start_paused = true)]
async fn a_store_that_forgets_repeats_effects_and_loses_nothing() {
    let (memory, history, store) = world().await;
    let running = Running::start(desk(memory.clone(), &history, &store, 1)).await;
    tokio::time::sleep(ms(20)).await;
    running.crash().await;
    store.forget_everything();
    let running = Running::start(desk(memory.clone(), &history, &store, 2)).await;
    history.caught_up().await;
    running.stop().await.expect("a clean end");
    assert_all_is_well(&memory, &history);
}

/// F75; B07: a stop in the middle settles nothing that has not ended.
#[tokio::test(start_paused = true)]
async fn a_stop_at_any_moment_commits_only_what_is_settled() {
    for moment in 0..20 {
        let (memory, history, store) = world().await;
        let running = Running::start(desk(memory.clone(), &history, &store, moment)).await;
        tokio::time::sleep(ms(moment)).await;
        let account = {
            let handle = running.handle.clone();
            running.stop().await.expect("a clean end");
            handle.account().total()
        };
        assert_eq!(account.delivered, account.settled() + account.abandoned, "I19 at moment {moment}");
        let running = Running::start(desk(memory.clone(), &history, &store, moment + 100)).await;
        history.caught_up().await;
        running.stop().await.expect("a clean end");
        assert_all_is_well(&memory, &history);
        assert!((0..RECORDS).all(|n| history.effects(n) <= 1), "a stop in order repeats nothing");
    }
    tokio::time::sleep(Duration::ZERO).await;
}
