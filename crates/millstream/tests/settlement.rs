//! Settlement end to end on memory: nothing is lost, nothing settles early, nothing is done twice.

mod support;

use millstream::prelude::*;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use support::*;

const DONE: Sibling = Sibling::new("orders", "done");

#[derive(Default)]
struct Seen(Mutex<Vec<u64>>);

impl Seen {
    fn numbers(&self) -> Vec<u64> {
        self.0.lock().expect("no panic under the lock").clone()
    }

    async fn on_order(&self, order: Event<Order>) {
        self.0.lock().expect("no panic under the lock").push(order.number);
    }
}

#[tokio::test(start_paused = true)]
async fn every_record_is_handled_once_in_order_and_committed() {
    let memory = Memory::new();
    let seen = Arc::new(Seen::default());
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_shared_state(seen.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Seen::on_order)
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", (0..1000).map(|n| order("a", n))).await;
    let running = Running::start(service).await;
    running.settled(1000).await;
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), (0..1000).collect::<Vec<_>>());
    assert_eq!(committed(&memory, "seen.orders", "paper.orders.new", 0), Some(1000));
}

#[tokio::test(start_paused = true)]
async fn outputs_are_in_the_log_before_their_input_is_committed() {
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("copy", memory.clone())
        .with_deduplicator(WindowDeduplicator::default())
        .add_producer()
        .add_consumer_handler("paper.orders.new", "copy.orders", async |order: Event<Order>, out: &mut Outputs| {
            out.emit(DONE, &*order).map(drop)
        })
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", (0..500).map(|n| order("a", n))).await;
    let running = Running::start(service).await;
    running.settled(500).await;
    running.stop().await.expect("a clean end");
    assert_eq!(orders_in(&memory, "paper.orders.done"), (0..500).map(|n| order("a", n)).collect::<Vec<_>>());
    assert_eq!(committed(&memory, "copy.orders", "paper.orders.new", 0), Some(500));
}

#[tokio::test(start_paused = true)]
async fn a_duplicate_is_dropped_and_counted() {
    let memory = Memory::new();
    let seen = Arc::new(Seen::default());
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_deduplicator(WindowDeduplicator::default())
        .with_shared_state(seen.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Seen::on_order)
        .build()
        .expect("a valid service");
    // Twins in one batch, and again later.
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("a", 1), order("a", 2)]).await;
    let running = Running::start(service).await;
    running.settled(3).await;
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("a", 3)]).await;
    running.settled(5).await;
    assert_eq!(running.handle.account().total().duplicates, 2);
    running.stop().await.expect("a clean end");
    assert_eq!(seen.numbers(), [1, 2, 3]);
}

struct Shaky {
    seen: Seen,
    failures: Mutex<u32>,
}

impl Shaky {
    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        let mut failures = self.failures.lock().expect("no panic under the lock");
        if order.number == 1 && *failures > 0 {
            *failures -= 1;
            return Err(HandlerError::transient("not yet"));
        }
        self.seen.0.lock().expect("no panic under the lock").push(order.number);
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn a_failing_record_is_retried_in_its_keys_order_and_other_keys_pass() {
    let memory = Memory::new();
    let shaky = Arc::new(Shaky { seen: Seen::default(), failures: Mutex::new(2) });
    let retry = Retry::exponential(Duration::from_millis(10), Duration::from_secs(1));
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_error_handling(ErrorHandling::new().retry(retry))
        .with_shared_state(shaky.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Shaky::on_order)
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", [order("a", 1), order("a", 2), order("b", 3), order("a", 4)]).await;
    let running = Running::start(service).await;
    running.settled(4).await;
    assert_eq!(running.handle.account().total().retries, 2);
    running.stop().await.expect("a clean end");
    assert_eq!(shaky.seen.numbers(), [3, 1, 2, 4]);
}

#[tokio::test(start_paused = true)]
async fn a_poison_record_becomes_a_dead_letter_without_an_attempt() {
    let memory = Memory::new();
    let seen = Arc::new(Seen::default());
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_shared_state(seen.clone())
        .add_consumer_handler("paper.orders.new", "seen.orders", Seen::on_order)
        .build()
        .expect("a valid service");
    let poison = Record::new(topic("paper.orders.new"), "a", "{not json").header("tenant", "blue").at(1_700_000_000_123);
    send(&memory, vec![record("paper.orders.new", &order("a", 1)), poison.clone(), record("paper.orders.new", &order("a", 2))])
        .await;
    let running = Running::start(service).await;
    running.settled(3).await;
    let counts = running.handle.account().total();
    assert_eq!((counts.done, counts.dead_lettered, counts.failures), (2, 1, 0));
    running.stop().await.expect("a clean end");
    let letters = memory.records(&topic("paper.orders.new.dlq"));
    assert_eq!(letters.len(), 1);
    let letter = &letters[0];
    assert_eq!((&letter.key, &letter.value, letter.timestamp), (&poison.key, &poison.value, poison.timestamp));
    let header = |name: &str| {
        let found = letter.headers.iter().find(|(known, _)| known == name);
        found.and_then(|(_, value)| value.as_deref()).map(|value| String::from_utf8_lossy(value).into_owned())
    };
    assert_eq!(header("tenant").as_deref(), Some("blue"));
    assert_eq!(header("__dlq.errors.offset").as_deref(), Some("1"));
    assert_eq!(header("millstream-dlq-reason").as_deref(), Some("poison"));
    assert_eq!(header("millstream-dlq-attempts").as_deref(), Some("0"));
    assert_eq!(seen.numbers(), [1, 2]);
    assert_eq!(committed(&memory, "seen.orders", "paper.orders.new", 0), Some(3));
}

#[tokio::test(start_paused = true)]
async fn as_many_attempts_are_pending_as_the_settings_say_and_no_more() {
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    for limit in [1, 3, 5] {
        let memory = Memory::new();
        let pending = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let shared = pending.clone();
        let handler = move |_: Event<Order>| {
            let pending = shared.clone();
            async move {
                pending.1.fetch_max(pending.0.fetch_add(1, SeqCst) + 1, SeqCst);
                tokio::time::sleep(Duration::from_millis(10)).await;
                pending.0.fetch_sub(1, SeqCst);
            }
        };
        let settings = HandlerSettings::new().concurrency(limit);
        let service = StreamServiceBuilder::new("seen", memory.clone())
            .add_consumer_handler_with("paper.orders.new", "seen.orders", handler, settings)
            .build()
            .expect("a valid service");
        send_orders(&memory, "paper.orders.new", (0..20).map(|n| order(&n.to_string(), n))).await;
        let running = Running::start(service).await;
        tokio::time::timeout(Duration::from_secs(5), running.settled(20)).await.expect("it goes on");
        running.stop().await.expect("a clean end");
        assert_eq!(pending.1.load(SeqCst), limit);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_done_in_a_topic_that_is_gone_skips_nothing_in_another_one_of_its_name() {
    let memory = Memory::new();
    let seen = Arc::new(Seen::default());
    let service = |memory: &Memory| {
        StreamServiceBuilder::new("seen", memory.clone())
            .with_shared_state(seen.clone())
            .add_consumer_handler("paper.orders.new", "seen.orders", async |seen: &Seen, order: Event<Order>| {
                tokio::time::sleep(Duration::from_secs(10)).await;
                seen.on_order(order).await;
            })
            .build()
            .expect("a valid service")
    };
    send_orders(&memory, "paper.orders.new", [order("a", 0), order("b", 1)]).await;
    let running = Running::start(service(&memory)).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    memory.recreate(&topic("paper.orders.new")).expect("it exists");
    send_orders(&memory, "paper.orders.new", [order("a", 2), order("b", 3), order("c", 4)]).await;
    // What was under way when the topic was recreated is done now.
    tokio::time::sleep(Duration::from_secs(10)).await;
    running.stop().await.expect("a clean end");
    let running = Running::start(service(&memory)).await;
    tokio::time::sleep(Duration::from_secs(30)).await;
    running.stop().await.expect("a clean end");
    let mut numbers = seen.numbers();
    numbers.sort_unstable();
    assert_eq!(numbers, [0, 1, 2, 3, 4]);
}

/// Each of many attempts is woken by its own waker, wherever its slot is.
#[tokio::test(start_paused = true)]
async fn attempts_beyond_the_first_sixty_four_go_on_when_they_are_woken() {
    async fn waits(order: Event<Order>) {
        tokio::time::sleep(Duration::from_secs(1 + order.number % 3)).await;
    }
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .add_consumer_handler_with("paper.orders.new", "seen.orders", waits, HandlerSettings::new().concurrency(200))
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", (0..200).map(|n| order(&n.to_string(), n))).await;
    let running = Running::start(service).await;
    tokio::time::timeout(Duration::from_secs(4), running.settled(200)).await.expect("all wait beside each other");
    running.stop().await.expect("a clean end");
}

#[tokio::test(start_paused = true)]
async fn commits_wait_for_their_interval_and_no_longer() {
    let memory = Memory::new();
    let service = StreamServiceBuilder::new("seen", memory.clone())
        .with_shared_state(Arc::new(Seen::default()))
        .add_consumer_handler("paper.orders.new", "seen.orders", Seen::on_order)
        .build()
        .expect("a valid service");
    let running = Running::start(service).await;
    let mut commits = BTreeSet::new();
    for number in 0..1_000 {
        send_orders(&memory, "paper.orders.new", [order("a", number)]).await;
        tokio::time::sleep(Duration::from_millis(10)).await;
        commits.extend(committed(&memory, "seen.orders", "paper.orders.new", 0));
    }
    // One in a tenth of a second, of which the first may come sooner.
    assert!((95..=102).contains(&commits.len()), "{} commits in 10 s", commits.len());
    // Whoever is late catches up: it is done at once, and its commit's time has long passed when the service is heard again.
    tokio::time::sleep(Duration::from_secs(1)).await;
    send_orders(&memory, "paper.orders.new", [order("a", 1_000)]).await;
    while running.handle.account().total().done < 1_001 {
        tokio::task::yield_now().await;
    }
    tokio::time::advance(Duration::from_secs(30)).await;
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!(committed(&memory, "seen.orders", "paper.orders.new", 0), Some(1_001));
    running.stop().await.expect("a clean end");
}
