//! I3, I16: what was made under an epoch that has ended has no effect: outputs that were not handed over are dropped, marks
//! and letters are not made, late answers change nothing. F03, F04, F83, F84, F100; B06, B23, B37, B61, B64, B65.

use super::support::*;
use super::world::*;
use millstream::contract::Transport;
use millstream::memory::Memory;
use millstream::prelude::*;
use millstream_testkit::{Fate, FlakySink, FlakyTransport};
use std::sync::Arc;
use std::time::Duration;

async fn send_on(history: &Arc<History>, order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
    history.called(order.number);
    if order.account == "bad" {
        return Err(HandlerError::permanent("never"));
    }
    out.emit(DONE, &*order)?;
    history.effect(order.number);
    Ok(())
}

struct Desk(Arc<History>);

impl Desk {
    async fn on_order(&self, order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
        send_on(&self.0, order, out).await
    }
}

fn desk(transport: impl Transport, history: &Arc<History>) -> StreamServiceBuilder<Desk> {
    builder(transport, 1).add_producer().with_state(Desk(history.clone()))
}

fn built(builder: StreamServiceBuilder<Desk>) -> StreamService {
    builder.add_consumer_handler(NEW, GROUP, Desk::on_order).build().expect("a valid service")
}

fn throw_out(memory: &Memory) {
    let members = memory.group_members(GROUP);
    assert!(memory.expire(GROUP, members[0].id));
}

/// F84, B37: of an ended epoch only what the client had already may land; what waited in the outbox is dropped.
#[tokio::test(start_paused = true)]
async fn outputs_that_waited_when_their_epoch_ended_are_dropped() {
    let memory = log(1);
    let flaky = FlakyTransport::new(memory.clone());
    let history = History::watch(&memory, true);
    let out = flaky.to(&topic(OUT));
    let running = Running::start(built(desk(flaky.clone(), &history))).await;
    // The first is settled, so that the number of partitions is known; the second is with the client; the others wait.
    send_orders(&memory, NEW, [order("a", 0)]).await;
    running.settled(1).await;
    out.hang(true);
    for n in 1..6 {
        send_orders(&memory, NEW, [order("a", n)]).await;
        tokio::time::sleep(ms(20)).await;
    }
    throw_out(&memory);
    tokio::time::sleep(ms(200)).await;
    out.hang(false);
    history.caught_up().await;
    assert_eq!(running.handle.account().total().zombie_possible, 1, "the others were never with the client");
    running.stop().await.expect("a clean end");
    history.assert_safe();
    let sends = |n| {
        let of = |call: &&millstream_testkit::SendCall| call.value.as_deref().and_then(number_of) == Some(n);
        flaky.sends().iter().filter(of).filter(|call| call.fate == Fate::Passes).count()
    };
    assert_eq!(
        (0..6).map(sends).collect::<Vec<_>>(),
        [1, 2, 1, 1, 1, 1],
        "each is sent by the new epoch; one was with the client"
    );
    // In lane order, but for the one that was with the client.
    let landed: Vec<u64> = memory.records(&topic(OUT)).iter().filter_map(|r| number_of(r.value.as_deref()?)).collect();
    assert_eq!(landed, [0, 1, 1, 2, 3, 4, 5]);
}

/// F83, I3: after the end of an epoch nothing of it is marked and nothing dead-lettered, however late the answers come.
#[tokio::test(start_paused = true)]
async fn no_mark_of_unconfirmed_work_is_made_after_the_epoch_ended() {
    let (memory, store) = (log(1), store());
    let flaky = FlakyTransport::new(memory.clone());
    let history = History::watch(&memory, true);
    let running = Running::start(built(desk(flaky.clone(), &history).with_deduplicator(store.clone()))).await;
    send_orders(&memory, NEW, [order("a", 0)]).await;
    running.settled(1).await;
    flaky.to(&topic(OUT)).hang(true);
    send_orders(&memory, NEW, [order("a", 1)]).await;
    tokio::time::sleep(ms(20)).await;
    throw_out(&memory);
    tokio::time::sleep(ms(50)).await;
    assert_eq!(store.mark_calls().len(), 1);
    flaky.to(&topic(OUT)).hang(false);
    history.caught_up().await;
    assert_eq!(store.mark_calls().len(), 2, "one mark a record: the old epoch's answer made none");
    assert_eq!(running.handle.account().total().zombie_possible, 1, "what may land as a zombie's is counted");
    running.stop().await.expect("a clean end");
    history.assert_safe();
}

/// I3: letters that wait for the sink end with their epoch; the new owner writes its own, under the same id.
#[tokio::test(start_paused = true)]
async fn letters_that_waited_when_their_epoch_ended_are_dropped() {
    let (memory, sink) = (log(1), FlakySink::new());
    let history = History::watch(&memory, false);
    sink.switches().down(true);
    let service = desk(memory.clone(), &history).with_error_handling(into_sink(&sink));
    let running = Running::start(built(service)).await;
    send_orders(&memory, NEW, [order("bad", 0), order("a", 1)]).await;
    running.settled(1).await;
    throw_out(&memory);
    tokio::time::sleep(ms(100)).await;
    sink.switches().down(false);
    running.settled(3).await;
    assert_eq!(running.handle.account().total().zombie_possible, 0, "the client had none of it");
    running.stop().await.expect("a clean end");
    assert_eq!(sink.letters().len(), 1);
    assert_eq!(history.calls(0), 2, "the new epoch tried it anew");
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(2));
}

/// F100, B61: what an attempt publishes at once and the client has not got when the attempt ends is not sent after it.
#[tokio::test(start_paused = true)]
async fn nothing_is_published_for_an_attempt_that_has_ended() {
    struct Now(Arc<History>);
    impl Now {
        async fn on_order(&self, order: Event<Order>, out: &mut Outputs) -> Result<(), HandlerError> {
            if self.0.called(order.number) == 1 || order.number == 0 {
                out.publish_now(DONE, &*order).await?;
            }
            self.0.effect(order.number);
            Ok(())
        }
    }
    let memory = log(1);
    let flaky = FlakyTransport::new(memory.clone());
    let history = History::watch(&memory, false);
    let service = builder(flaky.clone(), 1)
        .add_producer()
        .with_state(Now(history.clone()))
        .add_consumer_handler_with(NEW, GROUP, Now::on_order, HandlerSettings::new().timeout(Duration::from_secs(5)))
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    send_orders(&memory, NEW, [order("a", 0)]).await;
    running.settled(1).await;
    // The client never answers for 1; 2 waits behind it in the outbox until its attempt has timed out.
    flaky.to(&topic(OUT)).hang(true);
    send_orders(&memory, NEW, [order("b", 1)]).await;
    tokio::time::sleep(ms(50)).await;
    send_orders(&memory, NEW, [order("c", 2)]).await;
    tokio::time::sleep(Duration::from_secs(7)).await;
    assert_eq!(history.calls(2), 2, "the first attempt has timed out");
    flaky.to(&topic(OUT)).hang(false);
    history.caught_up().await;
    tokio::time::sleep(Duration::from_secs(60)).await;
    running.stop().await.expect("a clean end");
    assert_eq!(numbers_in(&memory, &topic(OUT)), [0, 1].into());
}

/// F74, §8, B64: after a pause longer than half the session nothing starts or is handed over until the group has answered.
#[tokio::test(start_paused = true)]
async fn a_process_that_was_away_hands_nothing_over_before_the_group_has_answered() {
    let memory = log(1);
    let flaky = FlakyTransport::new(memory.clone());
    let history = History::watch(&memory, true);
    let running = Running::start(built(desk(flaky.clone(), &history))).await;
    send_orders(&memory, NEW, (0..5).map(|n| order("a", n))).await;
    running.settled(5).await;
    // The member does not get to poll, and its session runs out: what it still starts belongs to somebody else.
    let members = memory.group_members(GROUP);
    let stall = memory.stall(GROUP, members[0].id).expect("a member");
    let other = Running::spawn(built(desk(memory.clone(), &history)));
    tokio::time::sleep(Duration::from_secs(15)).await;
    send_orders(&memory, NEW, (5..10).map(|n| order("a", n))).await;
    history.caught_up().await;
    drop(stall);
    tokio::time::sleep(Duration::from_secs(15)).await;
    assert!((0..10).all(|n| history.effects(n) == 1), "the zombie has done nothing");
    running.stop().await.expect("a clean end");
    other.stop().await.expect("a clean end");
    history.assert_safe();
}
