//! Names of dead-letter topics: a user's own, in the namespace of their topic, and there when the service starts.

use super::support::*;
use super::*;
use millstream::memory::TopicConfig;

async fn refuses(_: Event<Order>) -> Result<(), HandlerError> {
    Err(HandlerError::permanent("no"))
}

fn broken(memory: &Memory, naming: DeadLetterTopic, topics: &[&str]) -> StreamServiceBuilder {
    desk(memory, ErrorHandling::new().dead_letters(naming)).add_consumer_handler(topics.to_vec(), GROUP, refuses)
}

#[tokio::test(start_paused = true)]
async fn letters_go_to_the_topic_that_a_function_names() {
    let memory = Memory::new();
    let naming = DeadLetterTopic::named(|topic, group| format!("{topic}-{group}-broken"));
    send_orders(&memory, NEW, [order("a", 1)]).await;
    run_until_settled(broken(&memory, naming, &[NEW]), 1).await;
    assert_eq!(memory.records(&topic("paper.orders.new-desk.orders-broken")).len(), 1);
}

#[tokio::test(start_paused = true)]
async fn letters_go_to_the_topic_that_a_list_names() {
    let memory = Memory::new();
    let naming = DeadLetterTopic::listed([(topic(NEW), topic("paper.ops.broken"))]);
    send_orders(&memory, NEW, [order("a", 1)]).await;
    run_until_settled(broken(&memory, naming, &[NEW]), 1).await;
    let letters = memory.records(&topic("paper.ops.broken"));
    assert_eq!(letters.iter().map(|letter| said(letter, "__dlq.errors.topic")).collect::<Vec<_>>(), [NEW]);
}

/// I9: a name in another namespace would mix what never mixes.
#[test]
fn a_name_outside_of_its_topics_namespace_is_refused_with_each_topic_it_is_wrong_for() {
    let naming = DeadLetterTopic::named(|_, _| "paper.orders.broken".into());
    let topics = [NEW, "zerodha.orders.new", "market.ticks"];
    let text = broken(&Memory::new(), naming, &topics).build().expect_err("two are wrong").to_string();
    assert!(text.contains("2 problems"), "{text}");
    for part in ["`zerodha.orders.new` of the namespace `zerodha`", "`market.ticks` of no namespace", "remedy: "] {
        assert!(text.contains(part), "{part:?} is missing in:\n{text}");
    }
}

#[test]
fn a_topic_that_is_not_in_the_list_is_refused() {
    let text = broken(&Memory::new(), DeadLetterTopic::listed([]), &[NEW]).build().expect_err("it is not").to_string();
    assert!(text.contains("paper.orders.new has no dead-letter topic: it is not in the list"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_named_topic_that_is_missing_is_found_before_anything_starts() {
    let memory = Memory::builder().auto_create(false).build();
    memory.create_topic(&topic(NEW), TopicConfig::new(1)).expect("a new topic");
    let naming = DeadLetterTopic::named(|topic, _| format!("{topic}-broken"));
    let service = broken(&memory, naming, &[NEW]).build().expect("a valid service");
    let error = service.run().await.expect_err("there is nowhere for dead letters").to_string();
    assert!(error.contains("paper.orders.new-broken does not exist"), "{error}");
}
