//! Key order around dead letters: a record that cannot run holds its key all the same.

mod support;

use millstream::engine::Followers;
use millstream::prelude::*;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

#[derive(Default)]
struct Slow(Mutex<Vec<u64>>);

impl Slow {
    fn numbers(&self) -> Vec<u64> {
        self.0.lock().expect("no panic under the lock").clone()
    }

    async fn on_order(&self, order: Event<Order>) {
        self.0.lock().expect("no panic under the lock").push(order.number);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

async fn poisoned(memory: &Memory, followers: Followers) -> (Running, Arc<Slow>) {
    let seen = Arc::new(Slow::default());
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_shared_state(seen.clone())
        .add_consumer_handler_with("paper.orders.new", "seen.orders", Slow::on_order, HandlerSettings::new().followers(followers))
        .build()
        .expect("a valid service");
    let poison = Record::new(topic("paper.orders.new"), "a", "{not json");
    let good = |n| record("paper.orders.new", &order("a", n));
    send(memory, vec![good(1), poison, good(3), record("paper.orders.new", &order("b", 4))]).await;
    (Running::start(service).await, seen)
}

#[tokio::test(start_paused = true)]
async fn a_poison_record_behind_its_key_holds_it_until_its_dead_letter_is_accepted() {
    let memory = Memory::new();
    let letters = topic("paper.orders.new.dlq");
    memory.create_topic(&letters, millstream::memory::TopicConfig::new(1)).expect("a new topic");
    memory.set_writable(&letters, false).expect("it exists");
    let (running, seen) = poisoned(&memory, Followers::Continue).await;
    running.settled(2).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(seen.numbers(), [1, 4]);
    memory.set_writable(&letters, true).expect("it exists");
    running.settled(4).await;
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), [1, 4, 3]);
}

#[tokio::test(start_paused = true)]
async fn what_follows_a_poison_record_is_parked_with_it_though_its_key_was_busy() {
    let memory = Memory::new();
    let (running, seen) = poisoned(&memory, Followers::Park).await;
    running.settled(4).await;
    assert_eq!(running.handle.account().total().dead_lettered, 2);
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), [1, 4]);
}

#[tokio::test(start_paused = true)]
async fn dead_letters_find_their_topic_after_it_was_made_again_with_fewer_partitions() {
    let memory = Memory::new();
    let letters = topic("paper.orders.new.dlq");
    memory.create_topic(&letters, millstream::memory::TopicConfig::new(64)).expect("a new topic");
    let (running, _) = poisoned(&memory, Followers::Continue).await;
    running.settled(4).await;
    memory.delete_topic(&letters).expect("it exists");
    memory.create_topic(&letters, millstream::memory::TopicConfig::new(1)).expect("a new topic");
    send(&memory, (0..8).map(|n| Record::new(topic("paper.orders.new"), format!("key {n}"), "{not json")).collect()).await;
    tokio::time::timeout(Duration::from_secs(60), running.settled(12)).await.expect("all are accepted");
    running.stop().await.expect("a clean end");
    assert_eq!(memory.records(&letters).len(), 8);
}
