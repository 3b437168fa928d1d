//! What a batch handler sends out belongs to the record it follows from.

use crate::desk::*;
use crate::support::*;
use crate::world::*;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use std::collections::{BTreeMap, BTreeSet};

/// The output ids by order.
fn ids(bench: &TestBench) -> BTreeMap<u64, String> {
    bench.envelopes::<Order>(OUT).into_iter().map(|envelope| (envelope.data.number, envelope.id.to_string())).collect()
}

#[tokio::test(start_paused = true)]
async fn outputs_have_the_cause_and_the_correlation_of_their_own_event() {
    let desk = Desk::new().emitting();
    let bench = desk.bench(orders(0..10), BatchSettings::new()).await;
    bench.settled().await;
    let sent = bench.envelopes::<Order>(OUT);
    assert_eq!(sent.len(), 10);
    for envelope in sent {
        let cause = id(envelope.data.number).to_string();
        assert_eq!(envelope.causation_id.map(|id| id.to_string()), Some(cause.clone()));
        assert_eq!(envelope.correlation_id.to_string(), cause);
    }
}

#[tokio::test(start_paused = true)]
async fn an_output_has_the_same_id_in_whatever_batch_its_event_comes() {
    let mut seen = Vec::new();
    for records in [1, 3, 500] {
        let desk = Desk::new().emitting();
        let bench = desk.bench(orders(0..20), BatchSettings::new().records(records)).await;
        bench.settled().await;
        seen.push(ids(&bench));
    }
    assert_eq!(seen[0].len(), 20);
    assert_eq!((&seen[0], &seen[0]), (&seen[1], &seen[2]));
    assert_eq!(seen[0].values().collect::<BTreeSet<_>>().len(), 20);
}

#[tokio::test(start_paused = true)]
async fn an_output_has_the_id_that_a_single_handler_of_the_same_name_gives_it() {
    let (memory, desk) = (Memory::new(), Desk::new().emitting());
    send_orders(&memory, NEW, orders(0..5)).await;
    let single = async |order: Event<Order>, out: &mut Outputs| out.emit(DONE, order.data()).map(drop);
    let service = |memory| builder(memory, 1).add_producer().add_consumer_handler(NEW, GROUP, single).build();
    let alone = TestBench::start_on(memory, service).await.expect("a valid service");
    let batch = desk.bench(orders(0..5), BatchSettings::new()).await;
    alone.settled().await;
    batch.settled().await;
    assert_eq!(ids(&alone), ids(&batch), "a handler may become a batch handler, and those behind it notice nothing");
}

#[tokio::test(start_paused = true)]
async fn an_output_of_a_record_that_failed_or_was_put_off_does_not_go_out() {
    let desk = Desk::new().emitting().answering(|number, attempt| match (number, attempt) {
        (1, _) => Err(HandlerError::permanent("never")),
        (2, 1) => Err(HandlerError::transient("not yet")),
        (3, _) => Ok(Outcome::skip("nothing to do")),
        _ => Ok(Outcome::Done),
    });
    let bench = desk.bench(orders(0..6), BatchSettings::new()).await;
    bench.settled().await;
    let mut sent: Vec<u64> = bench.events::<Order>(OUT).into_iter().map(|order| order.number).collect();
    sent.sort_unstable();
    assert_eq!(sent, [0, 2, 3, 4, 5], "what was skipped sends out what it emitted");
    assert_eq!(bench.account().outputs, 5);
}

#[tokio::test(start_paused = true)]
async fn nothing_of_a_call_that_failed_as_a_whole_goes_out() {
    let desk = Desk::new();
    let fails = async |desk: &Desk, orders: Batch<Order>, out: &mut BatchOutputs| {
        for (slot, order) in &orders {
            out.of(slot).emit(DONE, order.data())?;
        }
        if orders.len() > 1 {
            return Err(HandlerError::permanent("in company"));
        }
        desk.handle(orders, out).await
    };
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..6)).await;
    let service =
        |memory| builder(memory, 1).add_producer().with_state(desk.clone()).add_batch_handler(NEW, GROUP, fails).build();
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    assert_eq!((bench.events::<Order>(OUT).len(), bench.account().done), (6, 6));
}

#[tokio::test(start_paused = true)]
async fn a_record_settles_when_its_own_outputs_are_in_the_log() {
    let memory = Memory::new();
    let history = History::watch(&memory, true);
    let noted = history.clone();
    let desk = Desk::new().emitting().answering(move |number, _| {
        noted.effect(number);
        Ok(Outcome::Done)
    });
    send_orders(&memory, NEW, orders(0..300)).await;
    let start = |memory: Memory| desk.service(memory, BatchSettings::new().records(20));
    let bench = TestBench::start_on(memory.clone(), start).await.expect("a valid service");
    let (first, then) = (topic(OUT), ms(20));
    memory.set_writable(&first, false).ok();
    tokio::time::sleep(then).await;
    memory.set_writable(&first, true).ok();
    bench.settled().await;
    history.assert_safe();
    assert_eq!(bench.events::<Order>(OUT).len(), 300);
}

#[tokio::test(start_paused = true)]
async fn an_output_that_is_refused_for_good_condemns_its_own_record_only() {
    let memory = log(1);
    memory.create_topic(&topic(OUT), millstream::memory::TopicConfig::new(1).max_record_bytes(600)).expect("a new topic");
    let mut all = orders(0..6);
    all[2].account = "x".repeat(1_000);
    send_orders(&memory, NEW, all).await;
    let desk = Desk::new().emitting();
    let start = |memory: Memory| desk.service(memory, BatchSettings::new());
    let bench = TestBench::start_on(memory, start).await.expect("a valid service");
    bench.settled().await;
    assert_eq!((bench.account().done, bench.account().dead_lettered), (5, 1));
    assert_eq!(bench.dead_letters(LETTERS)[0].reason, "output-refused");
}

#[tokio::test]
async fn a_batch_handler_is_called_by_a_unit_test() -> Result<(), HandlerError> {
    let desk = Desk::new().emitting().answering(|number, _| match number {
        1 => Err(HandlerError::permanent("never")),
        _ => Ok(Outcome::Done),
    });
    let orders = Batch::examples([order("ann", 0), order("ben", 1)]);
    let mut out = orders.example_outputs(&Topic::literal("paper.orders.new"));
    let answers = desk.handle(orders, &mut out).await?;
    assert!(answers.is_done(Slot::nth(0)) && !answers.is_done(Slot::nth(1)));
    assert_eq!(out[0][0].topic().as_str(), OUT);
    assert_eq!(out[1][0].data::<Order>(), order("ben", 1));
    assert_ne!(out[0][0].id(), out[1][0].id());
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn outputs_of_a_record_that_is_not_in_the_batch_fail_the_call() {
    let wrong = async |orders: Batch<Order>, out: &mut BatchOutputs| {
        let (_, order) = orders.into_iter().next().expect("never empty");
        out.of(Slot::nth(99)).emit(DONE, order.data())?;
        Ok::<(), HandlerError>(())
    };
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..2)).await;
    let service = |memory| builder(memory, 1).add_producer().add_batch_handler(NEW, GROUP, wrong).build();
    let bench = TestBench::start_on(memory, service).await.expect("a valid service");
    bench.settled().await;
    let letters = bench.dead_letters(LETTERS);
    assert!(letters.len() == 2 && letters.iter().all(|letter| letter.reason == "panic"), "{letters:?}");
}

#[test]
#[should_panic(expected = "not in the batch")]
fn an_event_of_another_batch_has_no_outputs_in_this_one() {
    let (mine, other) = (Batch::examples([order("ann", 0)]), Batch::examples([order("ben", 1)]));
    let mut out = mine.example_outputs(&Topic::literal("paper.orders.new"));
    let stranger = other.iter().next().expect("it has one").1;
    out.of(stranger);
}
