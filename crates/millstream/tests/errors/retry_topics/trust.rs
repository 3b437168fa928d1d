//! What is not believed of what lies in a retry topic.

use super::*;

/// A copy that is never due, and of more attempts than there can have been.
fn forged(topic: &str, order: &Order) -> Record {
    record(topic, order)
        .header("millstream-retry-group", GROUP)
        .header("millstream-retry-topic-id", "1")
        .header("millstream-retry-partition", "0")
        .header("millstream-retry-offset", "0")
        .header("millstream-retry-attempts", "4000000000")
        .header("millstream-retry-first-failed-at", u64::MAX.to_string())
        .header("millstream-retry-due-at", u64::MAX.to_string())
}

/// F56: what is written in a retry topic by others can neither hold it up nor make attempts.
#[tokio::test(start_paused = true)]
async fn forged_headers_hold_nothing_longer_than_the_delay_and_count_no_attempts_that_cannot_be() {
    let (memory, desk) = (log(), Desk::failing(100));
    send(&memory, vec![forged(FIRST, &order("a", 1))]).await;
    let began = tokio::time::Instant::now();
    run(&memory, service(&memory, &desk, errors())).await;
    let calls = desk.calls();
    assert_eq!(calls.len(), 4, "two here and two in the second");
    assert!(calls[0].at - began < Duration::from_secs(11), "{:?}", calls[0].at - began);
    assert_eq!(letters(&memory)[0].attempts, 2 + 2 + 2, "as many as the topic itself can have seen");
}

#[tokio::test(start_paused = true)]
async fn retry_headers_in_the_topic_itself_mean_nothing() {
    let (memory, desk) = (log(), Desk::failing(0));
    let forged =
        record(NEW, &order("a", 1)).header("millstream-retry-group", "other").header("millstream-retry-due-at", "9999999999999");
    send(&memory, vec![forged]).await;
    let (_, total) = run(&memory, service(&memory, &desk, errors())).await;
    assert_eq!((total.done, total.filtered), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn a_record_without_such_headers_is_handled_where_it_lies() {
    let (memory, desk) = (log(), Desk::failing(100));
    send_orders(&memory, SECOND, [order("a", 1)]).await;
    run(&memory, service(&memory, &desk, errors())).await;
    let letter = letters(&memory).pop().expect("a letter");
    assert_eq!((letter.topic.as_str(), letter.offset, letter.attempts), (SECOND, 0, 2));
}

/// A breaker asks with who has failed where nobody else may: a copy that is not due is nobody.
#[tokio::test(start_paused = true)]
async fn an_open_breaker_does_not_wait_for_a_copy_that_is_not_due() {
    let (memory, desk) = (log(), Desk::failing(6));
    let breaker = Breaker::after(2).within(Duration::from_secs(10)).probe_every(Duration::from_secs(1));
    send(&memory, vec![record(SECOND, &order("a", 1)), forged(SECOND, &order("b", 2))]).await;
    let running =
        Running::start(service(&memory, &desk, errors().retry(retry(4)).breaker(breaker)).build().expect("valid")).await;
    tokio::time::timeout(minutes(4), running.settled(1)).await.expect("it asks again");
    assert_eq!((desk.calls_of("a").len(), desk.calls_of("b").len()), (7, 0));
    running.stop().await.expect("a clean end");
}

/// Retry topics are shared by the groups that read the topic: each handles its own copies.
#[tokio::test(start_paused = true)]
async fn copies_of_another_group_are_filtered() {
    let (memory, desk, risk) = (log(), Desk::failing(2), Desk::failing(0));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    let builder = service(&memory, &desk, errors()).with_shared_state(risk.clone());
    let (account, _) =
        run(&memory, builder.add_consumer_handler_with(NEW, "risk.orders", Desk::on_order, HandlerSettings::new().name("risk")))
            .await;
    assert_eq!((desk.calls().len(), risk.calls().len()), (3, 1));
    let of_risk = account.lines.iter().find(|line| line.group == "risk.orders" && line.topic.as_str() == FIRST).expect("a line");
    assert_eq!((of_risk.counts.filtered, of_risk.counts.done), (1, 0));
}
