//! When a copy comes, what waits for it, and when its record is settled.

use super::*;

/// I5: so many attempts in each place, and no more.
#[tokio::test(start_paused = true)]
async fn a_record_has_all_attempts_in_each_retry_topic_after_its_delay_and_is_then_a_dead_letter() {
    let (memory, desk) = (log(), Desk::failing(100));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let (account, total) = run(&memory, service(&memory, &desk, errors())).await;
    let calls = desk.calls();
    assert_eq!(calls.iter().map(|call| call.attempt).collect::<Vec<_>>(), [1, 2, 1, 2, 1, 2]);
    assert!(calls[2].at - calls[1].at >= Duration::from_millis(9_900), "{:?}", calls[2].at - calls[1].at);
    assert!(calls[4].at - calls[3].at >= minutes(5) - Duration::from_millis(100), "{:?}", calls[4].at - calls[3].at);
    let per_topic = |name| (account.topic(name).handed_on, account.topic(name).dead_lettered);
    assert_eq!([per_topic(NEW), per_topic(FIRST), per_topic(SECOND)], [(1, 0), (1, 0), (0, 1)]);
    assert_eq!((total.delivered, total.settled(), total.outputs), (3, 3, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_that_succeeds_in_a_retry_topic_is_done_and_no_dead_letter() {
    let (memory, desk) = (log(), Desk::failing(3));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let (account, total) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((account.topic(FIRST).done, total.dead_lettered, desk.calls().len()), (1, 0, 4));
    assert_eq!(orders_in(&memory, "paper.orders.done"), [order("a", 1)]);
    assert!(memory.records(&topic(SECOND)).is_empty());
}

/// The declared price.
#[tokio::test(start_paused = true)]
async fn those_behind_a_copy_with_its_key_go_on() {
    let (memory, desk) = (log(), Desk::failing(2));
    send_orders(&memory, NEW, [order("a", 1), order("a", 2)]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!(orders_in(&memory, "paper.orders.done"), [order("a", 2), order("a", 1)]);
}

/// I20: only what lies behind a copy that is not due waits with it.
#[tokio::test(start_paused = true)]
async fn a_copy_that_is_not_due_stops_no_other_partition() {
    let (memory, desk) = (Memory::new(), Desk::failing(2));
    memory.create_topic(&topic(FIRST), TopicConfig::new(2)).expect("a new topic");
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let running = Running::start(service(&memory, &desk, errors()).build().expect("a valid service")).await;
    running.settled(1).await;
    // Both partitions have one now; the copy lies before one of them.
    let bare = |partition| record(FIRST, &order("fine", 2 + u64::from(partition))).to_partition(partition);
    send(&memory, vec![bare(0), bare(1)]).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(desk.calls_of("fine").len(), 1, "the other waits behind the copy");
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!((desk.calls_of("fine").len(), desk.calls_of("a").len()), (2, 3));
    running.stop().await.expect("a clean end");
}

/// B44: the copy is acknowledged before its record settles.
#[tokio::test(start_paused = true)]
async fn a_record_settles_only_when_its_copy_is_acknowledged() {
    let (memory, desk) = (log(), Desk::failing(2));
    memory.set_writable(&topic(FIRST), false).expect("it exists");
    send_orders(&memory, NEW, [order("a", 1), order("b", 2)]).await;
    let running = Running::start(service(&memory, &desk, errors()).build().expect("a valid service")).await;
    tokio::time::sleep(minutes(10)).await;
    assert_eq!(running.handle.account().topic(NEW).settled(), 0, "neither was taken");
    assert_eq!(committed(&memory, GROUP, NEW, 0).unwrap_or_default(), 0);
    assert!(running.handle.health().is_degraded());
    memory.set_writable(&topic(FIRST), true).expect("it exists");
    running.settled(4).await;
    assert!(!running.handle.health().is_degraded());
    running.stop().await.expect("a clean end");
    assert_eq!(desk.calls().len(), 6);
}

#[tokio::test(start_paused = true)]
async fn a_copy_whose_acknowledgement_is_lost_is_written_again_and_handled_once() {
    let (memory, desk) = (log(), Desk::failing(2));
    memory.fail_sends(&topic(FIRST), 1, SendFault::UnknownApplied).expect("a topic");
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let (account, _) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((memory.records(&topic(FIRST)).len(), desk.calls().len()), (2, 3));
    assert_eq!((account.topic(FIRST).done, account.topic(FIRST).redeliveries), (1, 1), "the second is the same record again");
}

#[tokio::test(start_paused = true)]
async fn a_service_stops_while_a_copy_waits_and_goes_on_later() {
    let (memory, desk) = (log(), Desk::failing(4));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let running = Running::start(service(&memory, &desk, errors()).build().expect("a valid service")).await;
    running.settled(2).await;
    let began = tokio::time::Instant::now();
    running.stop().await.expect("a clean end");
    assert!(began.elapsed() < Duration::from_secs(5), "it does not wait for the copy: {:?}", began.elapsed());
    let (account, _) = run_to_end(&memory, &desk).await;
    assert_eq!(account.topic(SECOND).done, 1);
}

async fn run_to_end(memory: &Memory, desk: &Arc<Desk>) -> (Account, u64) {
    let builder = service(memory, desk, errors()).start_at(StartAt::Latest);
    let running = Running::start(builder.build().expect("a valid service")).await;
    tokio::time::timeout(minutes(60), running.settled(1)).await.expect("it settles within an hour");
    let account = running.handle.account();
    running.stop().await.expect("a clean end");
    let settled = account.total().settled();
    (account, settled)
}

/// What `StartAt` says is said of the topic: a group's own copies are never skipped.
#[tokio::test(start_paused = true)]
async fn copies_are_read_from_the_first_on_also_by_a_group_that_starts_at_the_end() {
    let (memory, desk) = (log(), Desk::failing(0));
    send_orders(&memory, FIRST, [order("a", 1)]).await;
    let (account, _) = run_to_end(&memory, &desk).await;
    assert_eq!(account.topic(FIRST).done, 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_permanent_or_panics_is_a_dead_letter_at_once() {
    let memory = log();
    send_orders(&memory, NEW, [order("a", 1), order("b", 2)]).await;
    let handler = async |order: Event<Order>| -> Result<(), HandlerError> {
        if order.number == 1 { panic!("the first one") } else { Err(HandlerError::permanent("no")) }
    };
    run(&memory, super::desk(&memory, errors()).add_consumer_handler(NEW, GROUP, handler)).await;
    assert_eq!((memory.records(&topic(FIRST)).len(), letters(&memory).len()), (0, 2));
}

#[tokio::test(start_paused = true)]
async fn a_batch_handler_has_retry_topics_too() {
    let (memory, seen) = (log(), Arc::new(Mutex::new(Vec::new())));
    let told = seen.clone();
    let handler = move |batch: Batch<Order>| {
        let told = told.clone();
        async move {
            let mut answers = Outcomes::new();
            for (slot, event) in batch.iter() {
                let mut seen = told.lock().expect("no panic under it");
                seen.push((event.account.clone(), event.position()));
                match seen.iter().filter(|(account, _)| *account == event.account).count() {
                    3.. => answers.done(slot),
                    _ => answers.fail(slot, TradeError::Busy),
                }
            }
            answers
        }
    };
    send_orders(&memory, NEW, [order("a", 1), order("b", 2)]).await;
    let (account, total) = run(&memory, super::desk(&memory, errors()).add_batch_handler(NEW, GROUP, handler)).await;
    assert_eq!((account.topic(NEW).handed_on, account.topic(FIRST).done, total.dead_lettered), (2, 2, 0));
    let places = |account: &str| {
        seen.lock().expect("no panic").iter().filter(|(of, _)| of == account).map(|(_, at)| at.offset).collect::<Vec<_>>()
    };
    assert_eq!((places("a"), places("b")), (vec![0, 0, 0], vec![1, 1, 1]), "under the original's place");
}
