//! `memory://`: logs that are found by name.

use millstream_core::contract::{Error, ProducerExt, Record, Transport};
use millstream_core::topic::Topic;
use millstream_memory::Memory;

const ORDERS: Topic = Topic::literal("paper.orders");

async fn put(memory: &Memory) -> Result<(), Error> {
    memory.producer().await?.send_one(Record::new(ORDERS, "a", "1")).await.map(drop)
}

#[tokio::test(start_paused = true)]
async fn a_name_is_the_same_log_for_all_who_say_it() {
    let (one, two) = (Memory::open("memory://same").expect("a log"), Memory::open("memory://same").expect("a log"));
    put(&one).await.expect("it takes records");
    assert_eq!(two.records(&ORDERS).len(), 1);
    assert_eq!(Memory::open("memory://another").expect("a log").records(&ORDERS).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn without_a_name_every_log_is_new() {
    let (one, two) = (Memory::open("memory://").expect("a log"), Memory::open("memory://").expect("a log"));
    put(&one).await.expect("it takes records");
    assert_eq!(two.records(&ORDERS).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_named_log_is_forgotten_with_its_last_user() {
    let one = Memory::open("memory://short").expect("a log");
    put(&one).await.expect("it takes records");
    drop(one);
    assert_eq!(Memory::open("memory://short").expect("a log").records(&ORDERS).len(), 0);
}

#[tokio::test(start_paused = true)]
async fn who_opens_a_log_says_how_many_partitions_its_topics_get() {
    use millstream_core::contract::Producer;
    let one = Memory::open("memory://three?partitions=3").expect("a log");
    assert_eq!(one.producer().await.expect("a producer").partitions(&ORDERS).await.expect("known"), 3);
    Memory::open("memory://three").expect("it need not be said again");
    let error = Memory::open("memory://three?partitions=4").expect_err("it is open with 3");
    let text = "connect failed: the log `three` is open, and its topics get 3 partitions and not 4";
    assert_eq!(error.to_string(), text);
}

#[test]
fn a_url_that_says_more_is_refused() {
    for (url, text) in [
        ("memory://ann@x", "a log in memory is `memory://` or `memory://name`"),
        ("memory://x/y", "a log in memory is `memory://` or `memory://name`"),
        ("memory://x?partitions=0", "`partitions` is a number above 0"),
        ("memory://x?partition=1", "`memory://` has no parameter `partition`; did you mean `partitions`? it has: `partitions`"),
    ] {
        assert_eq!(Memory::open(url).expect_err(url).context(), text);
    }
}
