//! What a copy in a retry topic is: the original record, its place, its identity.

use super::*;

/// I6: the letter is that of the original, whichever topic it failed in last.
#[tokio::test(start_paused = true)]
async fn the_dead_letter_is_the_original_record_with_its_place_and_all_its_attempts() {
    let (memory, desk) = (log(), Desk::failing(100));
    // So that the original lies elsewhere than its copies.
    let other = record(NEW, &order("fine", 2));
    let original = record(NEW, &order("a", 1)).header("tenant", "blue").header("tenant", "red").at(1_234);
    send(&memory, vec![other, original.clone()]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    let letter = letters(&memory).into_iter().find(|letter| letter.record.key == original.key).expect("a letter");
    assert_eq!((letter.topic.as_str(), letter.partition, letter.offset), (NEW, 0, 1));
    assert_eq!((letter.reason.as_str(), letter.attempts), ("exhausted", 6));
    assert_eq!((&letter.record.value, letter.record.timestamp), (&original.value, original.timestamp));
    let is_told = |name: &str| name.starts_with("__dlq.errors.") || name.starts_with("millstream-dlq-");
    let kept: Vec<_> = letter.record.headers.iter().filter(|(name, _)| !is_told(name)).collect();
    assert_eq!(kept, original.headers.iter().collect::<Vec<_>>(), "no header of the copy is left");
}

#[tokio::test(start_paused = true)]
async fn a_copy_has_the_records_bytes_key_timestamp_and_headers() {
    let (memory, desk) = (log(), Desk::failing(100));
    let original = record(NEW, &order("a", 1)).header("tenant", "blue").at(1_234);
    send(&memory, vec![original.clone()]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    for name in [FIRST, SECOND] {
        let copy = memory.records(&topic(name)).pop().expect("a copy");
        assert_eq!((&copy.key, &copy.value, copy.timestamp), (&original.key, &original.value, original.timestamp));
        let own: Vec<_> = copy.headers.iter().filter(|(name, _)| !name.starts_with("millstream-retry-")).collect();
        assert_eq!(own, original.headers.iter().collect::<Vec<_>>());
        assert_eq!(copy.headers.len(), 8, "a copy of a copy does not grow");
    }
}

#[tokio::test(start_paused = true)]
async fn a_handler_sees_a_copy_under_its_original_topic_and_position() {
    let (memory, desk) = (log(), Desk::failing(4));
    send_orders(&memory, NEW, [order("b", 7), order("a", 1)]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    for call in desk.calls_of("a") {
        assert_eq!((call.topic.as_str(), call.position.partition, call.position.offset), (NEW, 0, 1));
    }
}

/// I15: an output's id follows from its cause, wherever that was handled.
#[tokio::test(start_paused = true)]
async fn outputs_have_the_same_ids_as_if_the_first_attempt_had_succeeded() {
    let mut ids = BTreeSet::new();
    for fails in [0, 2, 4] {
        let (memory, desk) = (log(), Desk::failing(fails));
        send_orders(&memory, NEW, [order("a", 1)]).await;
        run(&memory, service(&memory, &desk, errors())).await;
        ids.insert(said_in_output(&memory, "id"));
    }
    assert_eq!(ids.len(), 1, "{ids:?}");
}

/// Two groups on one log, since a topic's identity is part of its records': in one the first attempt succeeds.
#[tokio::test(start_paused = true)]
async fn a_copy_without_an_id_is_known_by_where_the_original_lay() {
    let memory = log();
    send_orders(&memory, NEW, [order("b", 7), order("a", 1)]).await;
    let mut causes = BTreeSet::new();
    for (group, fails) in [("one", 0), ("two", 2), ("three", 4)] {
        let builder = super::desk(&memory, errors()).add_producer().with_shared_state(Desk::failing(fails));
        let settings = HandlerSettings::new().id_source(IdSource::Position);
        run(&memory, builder.add_consumer_handler_with(NEW, group, Desk::on_order, settings)).await;
        causes.insert(said_in_output(&memory, "causation_id"));
    }
    assert_eq!(causes.len(), 1, "{causes:?}");
}

/// A field of the envelope of account `a`'s last output.
fn said_in_output(memory: &Memory, field: &str) -> String {
    let output = memory.records(&topic("paper.orders.done")).into_iter().rfind(|output| output.key.as_deref() == Some(b"a"));
    let value = output.and_then(|output| output.value).expect("an output");
    let value: serde_json::Value = serde_json::from_slice(&value).expect("an envelope");
    value[field].to_string()
}

/// The headers of a copy come on top of those that a record may have.
#[tokio::test(start_paused = true)]
async fn a_record_with_as_many_headers_as_may_be_is_tried_again_too() {
    let (memory, desk) = (log(), Desk::failing(4));
    let full = (0..64).fold(record(NEW, &order("a", 1)), |record, n| record.header(format!("header-{n}"), "x".repeat(200)));
    send(&memory, vec![full]).await;
    let (account, total) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((account.topic(SECOND).done, total.dead_lettered), (1, 0));
}

/// A crash between the copy's acknowledgement and the commit: the record comes again from its own topic.
#[tokio::test(start_paused = true)]
async fn a_record_that_comes_again_after_its_copy_was_done_is_known_as_the_same() {
    let (memory, desk) = (log(), Desk::failing(2));
    let dedup = WindowDeduplicator::default();
    // So that the original lies elsewhere than its copy.
    send_orders(&memory, NEW, [order("fine", 2), order("a", 1)]).await;
    let build = || {
        super::desk(&memory, errors())
            .add_producer()
            .with_deduplicator(dedup.clone())
            .commit_every(Duration::from_secs(3_600))
            .with_shared_state(desk.clone())
            .add_consumer_handler(NEW, GROUP, Desk::on_order)
            .build()
            .expect("a valid service")
    };
    let running = Running::start(build()).await;
    running.settled(3).await;
    running.crash().await;
    let running = Running::start(build()).await;
    running.settled(3).await;
    let total = running.handle.account().total();
    running.stop().await.expect("a clean end");
    assert_eq!((total.redeliveries, total.duplicates, total.conflicts), (3, 0, 0));
    assert_eq!(desk.calls_of("a").len(), 3);
}

/// I9: the copies of a namespace stay in it.
#[tokio::test(start_paused = true)]
async fn copies_stay_in_the_namespace_of_their_topic() {
    let (memory, desk) = (Memory::new(), Desk::failing(100));
    let topics = [NEW, "zerodha.orders.new"];
    for (n, name) in topics.iter().enumerate() {
        send_orders(&memory, name, [order(name, n as u64)]).await;
    }
    let builder = super::desk(&memory, errors()).add_producer().with_shared_state(desk.clone());
    run(&memory, builder.add_consumer_handler(topics, GROUP, Desk::on_order)).await;
    for name in topics {
        for copies in [format!("{name}.retry.1"), format!("{name}.retry.2"), format!("{name}.dlq")] {
            let keys: Vec<_> = memory.records(&topic(&copies)).into_iter().filter_map(|copy| copy.key).collect();
            assert_eq!(keys, [name.as_bytes()], "{copies}");
        }
    }
}

/// The copy with its headers is too large for its topic: it is a dead letter then, at the worst a pointer.
#[tokio::test(start_paused = true)]
async fn a_record_whose_copy_is_too_large_is_a_dead_letter() {
    let (memory, desk) = (Memory::new(), Desk::failing(100));
    memory.create_topic(&topic(FIRST), TopicConfig::new(1).max_record_bytes(300)).expect("a new topic");
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let (account, _) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((account.topic(NEW).handed_on, account.topic(NEW).dead_lettered), (0, 1));
    let letter = letters(&memory).pop().expect("a letter");
    assert_eq!((letter.reason.as_str(), letter.attempts), ("exhausted", 2));
}
