//! How batches end that are not answered: by a stop, a rebalance, a crash; and what comes after.

use crate::desk::*;
use crate::support::*;
use crate::world::*;
use millstream::contract::Protocol;
use millstream::engine::Note;
use millstream::prelude::*;
use millstream_testkit::TestBench;
use tokio::time::Instant;

#[tokio::test(start_paused = true)]
async fn a_stop_settles_a_call_that_ends_in_time_and_starts_no_other() {
    let desk = Desk::new().taking(ms(3_000));
    let bench = desk.bench(orders(0..30), BatchSettings::new().records(10)).await;
    tokio::time::sleep(ms(500)).await;
    let (memory, handle) = (bench.memory().clone(), bench.handle().clone());
    bench.stop().await.expect("a clean end");
    assert_eq!(desk.numbers(), [(0..10).collect::<Vec<_>>()]);
    let counts = handle.account().total();
    assert_eq!((counts.done, counts.delivered - counts.abandoned), (10, 10));
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(10));
}

#[tokio::test(start_paused = true)]
async fn a_stop_abandons_a_call_that_goes_on_and_settles_nothing_of_it() {
    let desk = Desk::new().taking(ms(250_000));
    let settings = BatchSettings::new().timeout(ms(280_000));
    let bench = desk.bench(orders(0..10), settings).await;
    tokio::time::sleep(ms(500)).await;
    let (memory, handle, began) = (bench.memory().clone(), bench.handle().clone(), Instant::now());
    bench.stop().await.expect("a clean end");
    assert!(began.elapsed() < ms(30_000));
    let counts = handle.account().total();
    assert_eq!((counts.done, counts.dead_lettered, counts.abandoned), (0, 0, 10));
    assert_eq!(committed(&memory, GROUP, NEW, 0).unwrap_or_default(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stop_abandons_what_waits_for_company_at_once_and_it_comes_to_the_next_owner() {
    let desk = Desk::new();
    let bench = desk.bench(orders(0..10), BatchSettings::new().linger(ms(9_000))).await;
    tokio::time::sleep(ms(500)).await;
    let (memory, began) = (bench.memory().clone(), Instant::now());
    bench.stop().await.expect("a clean end");
    assert!(began.elapsed() < ms(1_000), "nobody waits for it: {:?}", began.elapsed());
    assert_eq!(desk.calls().len(), 0);
    let start = |memory| desk.service(memory, BatchSettings::new());
    let next = TestBench::start_on(memory, start).await.expect("a valid service");
    next.settled().await;
    assert_eq!(desk.numbers(), [(0..10).collect::<Vec<_>>()]);
}

#[tokio::test(start_paused = true)]
async fn partitions_that_move_under_batches_lose_nothing_and_commit_nothing_too_early() {
    for (protocol, moment) in [Protocol::Eager, Protocol::Cooperative].into_iter().flat_map(|p| (0..8).map(move |m| (p, m))) {
        let memory = log(4);
        let history = History::watch(&memory, true);
        send_orders(&memory, NEW, (0..600).map(|n| order(&format!("account-{}", n % 90), n))).await;
        let noted = history.clone();
        let desk = Desk::new().taking(ms(7)).emitting().answering(move |number, attempt| {
            noted.called(number);
            if mix(number, 5).is_multiple_of(9) && attempt < 3 {
                return Err(HandlerError::transient("not yet"));
            }
            noted.effect(number);
            Ok(Outcome::Done)
        });
        let start = |seed| {
            let builder = builder(memory.clone(), seed).rebalance_protocol(protocol).commit_every(ms(5));
            let builder = builder.add_producer().with_deduplicator(store()).with_state(desk.clone());
            let settings = BatchSettings::new().records(25).linger(ms(3)).calls(2);
            Running::spawn(builder.add_batch_handler_with(NEW, GROUP, Desk::handle, settings).build().expect("a valid service"))
        };
        let first = start(1);
        tokio::time::sleep(ms(10 + 7 * moment)).await;
        let second = start(2);
        tokio::time::sleep(ms(15 + moment)).await;
        let members = memory.group_members(GROUP);
        assert!(memory.expire(GROUP, members[moment as usize % members.len()].id));
        tokio::time::sleep(ms(20)).await;
        first.stop().await.expect("a clean end");
        history.caught_up().await;
        second.stop().await.expect("a clean end");
        history.assert_safe();
        history.assert_nothing_lost(0..600);
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_crash_the_first_records_come_one_by_one_and_a_killer_becomes_a_dead_letter() {
    let memory = Memory::new();
    send_orders(&memory, NEW, orders(0..12)).await;
    for seed in 1..=6 {
        // Order 4 ends the process: it is entered, and never comes back.
        let desk = Desk::new();
        let deadly = async |desk: &Desk, orders: Batch<Order>, out: &mut BatchOutputs| {
            let kills = orders.iter().any(|(_, order)| order.number == 4);
            let answers = desk.handle(orders, out).await;
            if kills {
                std::future::pending::<()>().await;
            }
            answers
        };
        let service = builder(memory.clone(), seed).add_producer().with_state(desk.clone());
        let service = service.add_batch_handler_with(NEW, GROUP, deadly, BatchSettings::new().timeout(ms(200_000)));
        let running = Running::start(service.build().expect("a valid service")).await;
        let stuck = || desk.numbers().last().is_some_and(|call| call.contains(&4));
        for _ in 0..3_000 {
            if stuck() || committed(&memory, GROUP, NEW, 0) == Some(12) {
                break;
            }
            tokio::time::sleep(ms(20)).await;
        }
        if seed > 1 {
            assert!(desk.numbers().iter().all(|call| call.len() == 1 || call.iter().all(|n| *n > 4)), "{:?}", desk.numbers());
        }
        if stuck() {
            tokio::time::sleep(ms(500)).await;
            let metadata = memory.committed(GROUP, &topic(NEW), 0).and_then(|committed| committed.metadata);
            let suspect = Note::read(metadata.as_deref()).and_then(|note| note.suspect);
            assert!(seed == 1 || suspect.is_some_and(|(offset, _)| offset == 4), "it alone is noted: {suspect:?}");
            running.crash().await;
            continue;
        }
        running.stop().await.expect("a clean end");
        break;
    }
    assert_eq!(committed(&memory, GROUP, NEW, 0), Some(12));
    let letters = memory.records(&topic(LETTERS));
    assert_eq!(letters.iter().map(|letter| header(letter, "millstream-dlq-reason")).collect::<Vec<_>>(), [Some("crash".into())]);
}
