//! Parts of a state: a handler asks for what it needs, and a test gives it something else in its place.

mod support;

use millstream::prelude::*;
use std::sync::{Arc, Mutex};
use support::*;

/// What a handler needs of the outside.
trait Broker: Send + Sync {
    fn execute(&self, order: &Order) -> u64;
}

/// Fills everything.
struct Generous;

impl Broker for Generous {
    fn execute(&self, order: &Order) -> u64 {
        order.number
    }
}

/// Fills nothing, and remembers what it was asked.
#[derive(Default)]
struct Stingy(Mutex<Vec<u64>>);

impl Broker for Arc<Stingy> {
    fn execute(&self, order: &Order) -> u64 {
        self.0.lock().expect("no panic under the lock").push(order.number);
        0
    }
}

#[derive(Default)]
struct Book(Mutex<u64>);

impl Book {
    fn filled(&self) -> u64 {
        *self.0.lock().expect("no panic under the lock")
    }
}

/// The state: two parts, of which handlers know only what they ask for.
struct Desk {
    broker: Box<dyn Broker>,
    book: Book,
}

impl Provide<dyn Broker> for Desk {
    fn provide(&self) -> &(dyn Broker + 'static) {
        &*self.broker
    }
}

impl Provide<Book> for Desk {
    fn provide(&self) -> &Book {
        &self.book
    }
}

async fn on_order(order: Event<Order>, broker: &(dyn Broker + 'static), book: &Book) {
    let filled = broker.execute(&order);
    *book.0.lock().expect("no panic under the lock") += filled;
}

/// Runs the same handler over three orders on this broker; how much was filled.
async fn filled_by(broker: impl Broker + 'static) -> u64 {
    let memory = Memory::new();
    let desk = Arc::new(Desk { broker: Box::new(broker), book: Book::default() });
    let service = StreamServiceBuilder::new("parts", memory.clone())
        .with_shared_state(desk.clone())
        .add_consumer_handler("paper.orders.new", "parts", on_order)
        .build()
        .expect("a valid service");
    send_orders(&memory, "paper.orders.new", (1..4).map(|n| order("a", n))).await;
    let running = Running::start(service).await;
    running.settled(3).await;
    running.stop().await.expect("a clean end");
    desk.book.filled()
}

#[tokio::test(start_paused = true)]
async fn a_handler_takes_parts_of_the_state_and_never_learns_what_is_behind_a_trait() {
    assert_eq!(filled_by(Generous).await, 6);
    let stingy = Arc::new(Stingy::default());
    assert_eq!(filled_by(stingy.clone()).await, 0);
    assert_eq!(*stingy.0.lock().expect("no panic under the lock"), [1, 2, 3]);
}

#[tokio::test]
async fn a_handler_of_parts_is_called_in_a_unit_test_with_just_these() {
    let book = Book::default();
    on_order(Event::example(order("a", 7)), &Generous, &book).await;
    assert_eq!(book.filled(), 7);
}
