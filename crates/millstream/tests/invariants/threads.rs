//! On many threads, in real time: a handler that panics or blocks harms no other, epochs do not overlap though handlers
//! block, and nothing outlives a dropped run. F24, F26, F79, F99; B11, B60.

use super::support::*;
use super::world::*;
use millstream::contract::Epoch;
use millstream::prelude::*;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// B11: each panic makes one dead letter, and every slot is free again.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panic_is_caught_and_the_others_are_unharmed() {
    let memory = log(2);
    let history = History::watch(&memory, false);
    let seen = history.clone();
    send_orders(&memory, NEW, (0..400).map(|n| order(&format!("account-{}", n % 40), n))).await;
    let service = builder(memory.clone(), 1)
        .add_consumer_handler_with(
            NEW,
            GROUP,
            move |order: Event<Order>| {
                let seen = seen.clone();
                async move {
                    if order.number.is_multiple_of(8) {
                        tokio::task::yield_now().await;
                    }
                    assert!(!order.number.is_multiple_of(4), "as planned");
                    seen.effect(order.number);
                }
            },
            HandlerSettings::new().concurrency(2),
        )
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    history.caught_up().await;
    let account = running.handle.account().total();
    running.stop().await.expect("a clean end");
    history.assert_safe();
    assert_eq!((account.done, account.dead_lettered), (300, 100));
    let letters = memory.records(&topic(LETTERS));
    assert!(letters.iter().all(|letter| header(letter, "millstream-dlq-reason").as_deref() == Some("panic")));
}

/// F26: a handler that blocks its thread is named; the other consumer goes on, and neither session is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn a_handler_that_blocks_is_named_and_stops_neither_heartbeats_nor_others() {
    let memory = log(1);
    let (blocks, served) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicU64::new(0)));
    let (blocking, counted) = (blocks.clone(), served.clone());
    let other = "paper.prices.new";
    let service = StreamServiceBuilder::new("desk", memory.clone())
        .membership(Duration::from_secs(1), Duration::from_secs(1))
        .add_consumer_handler(NEW, GROUP, move |_order: Event<Order>| {
            let blocking = blocking.clone();
            async move {
                while blocking.load(Ordering::SeqCst) {
                    std::thread::sleep(ms(5));
                }
            }
        })
        .add_consumer_handler(other, "desk.prices", move |_order: Event<Order>| {
            counted.fetch_add(1, Ordering::SeqCst);
            std::future::ready(())
        })
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    let members = memory.group_members(GROUP);
    send_orders(&memory, NEW, [order("a", 0)]).await;
    running.handle.until(|health| health.troubles.values().any(|trouble| trouble.contains("blocks its thread"))).await;
    let troubles = running.handle.health().troubles;
    assert!(troubles.keys().any(|place| place.contains(NEW)), "it is named: {troubles:?}");
    let before = served.load(Ordering::SeqCst);
    send_orders(&memory, other, (0..100).map(|n| order("b", n))).await;
    while served.load(Ordering::SeqCst) < before + 100 {
        tokio::time::sleep(ms(5)).await;
    }
    assert_eq!(memory.group_members(GROUP), members, "it blocked for two sessions and is still a member");
    blocks.store(false, Ordering::SeqCst);
    running.handle.until(|health| health.troubles.is_empty()).await;
    running.settled(101).await;
    running.stop().await.expect("a clean end");
}

struct Session(Epoch);

impl<S: 'static> Extract<S> for Session {
    type Item<'d> = Session;

    fn extract<'d>(delivery: &mut Delivery<'d, S>) -> Result<Session, Rejection> {
        Ok(Session(delivery.epoch()))
    }
}

/// I17, B60: the epoch after a lost one starts when the old worker has ended, even if that blocks.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_new_epoch_starts_only_when_the_old_worker_has_ended() {
    #[derive(Default)]
    struct Inside {
        now: Mutex<BTreeMap<Epoch, u32>>,
        entered: AtomicU64,
        overlaps: AtomicU64,
    }
    let inside = Arc::new(Inside::default());
    let seen = inside.clone();
    let memory = log(1);
    send_orders(&memory, NEW, [order("a", 0)]).await;
    let service = builder(memory.clone(), 1)
        .add_consumer_handler(NEW, GROUP, move |_order: Event<Order>, session: Session| {
            let seen = seen.clone();
            async move {
                let mut now = seen.now.lock().unwrap_or_else(PoisonError::into_inner);
                *now.entry(session.0).or_default() += 1;
                if now.len() > 1 {
                    seen.overlaps.fetch_add(1, Ordering::SeqCst);
                }
                drop(now);
                if seen.entered.fetch_add(1, Ordering::SeqCst) == 0 {
                    // Blocks: nothing can drop it.
                    std::thread::sleep(ms(600));
                }
                seen.now.lock().unwrap_or_else(PoisonError::into_inner).remove(&session.0);
            }
        })
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    while inside.entered.load(Ordering::SeqCst) == 0 {
        tokio::time::sleep(ms(1)).await;
    }
    let members = memory.group_members(GROUP);
    assert!(memory.expire(GROUP, members[0].id));
    while inside.entered.load(Ordering::SeqCst) < 2 {
        tokio::time::sleep(ms(1)).await;
    }
    running.settled(1).await;
    running.stop().await.expect("a clean end");
    assert_eq!(inside.overlaps.load(Ordering::SeqCst), 0);
}

/// F79: a run that is dropped takes its consumers' threads with it: nothing more is handled, and its session ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_run_handles_nothing_more_and_gives_its_partitions_up() {
    let memory = log(1);
    let history = History::watch(&memory, false);
    let make = |seed| {
        let seen = history.clone();
        StreamServiceBuilder::new("desk", memory.clone())
            .seed(seed)
            .membership(Duration::from_secs(1), Duration::from_secs(1))
            .add_consumer_handler(NEW, GROUP, move |order: Event<Order>| {
                seen.called(order.number);
                seen.effect(order.number);
                std::future::ready(())
            })
            .build()
            .expect("a valid service")
    };
    let running = Running::start(make(1)).await;
    send_orders(&memory, NEW, [order("a", 0)]).await;
    running.settled(1).await;
    let handle = running.handle.clone();
    running.crash().await;
    tokio::time::sleep(ms(50)).await;
    send_orders(&memory, NEW, [order("a", 1)]).await;
    tokio::time::sleep(ms(300)).await;
    assert_eq!(history.calls(1), 0, "a run that was dropped goes on");
    let next = Running::start(make(2)).await;
    history.caught_up().await;
    next.stop().await.expect("a clean end");
    assert_eq!(history.calls(1), 1);
    drop(handle);
}
