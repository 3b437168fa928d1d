//! Owns a batch handler that a test scripts and watches.

use crate::support::*;
use crate::world::{DONE, NEW, builder};
use millstream::prelude::*;
use millstream_testkit::TestBench;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::time::Instant;

/// One call: when it began, and the numbers of its orders with their attempts.
#[derive(Clone, Debug)]
pub struct Call {
    pub at: Duration,
    pub orders: Vec<(u64, u32)>,
}

type Script = dyn Fn(u64, u32) -> Result<Outcome, HandlerError> + Send + Sync;
type Whole = dyn Fn(&[u64]) -> Result<(), HandlerError> + Send + Sync;

/// The state of the handler: what it answers by order and attempt, how a whole call goes, and what it has seen.
#[derive(Clone)]
pub struct Desk {
    began: Instant,
    calls: Arc<Mutex<Vec<Call>>>,
    script: Arc<Script>,
    whole: Arc<Whole>,
    pub takes: Duration,
    pub emits: bool,
}

impl Desk {
    /// Answers `Done` to all.
    pub fn new() -> Self {
        Desk {
            began: Instant::now(),
            calls: Arc::default(),
            script: Arc::new(|_, _| Ok(Outcome::Done)),
            whole: Arc::new(|_| Ok(())),
            takes: Duration::ZERO,
            emits: false,
        }
    }

    /// The same with an answer by number and attempt.
    pub fn answering(mut self, script: impl Fn(u64, u32) -> Result<Outcome, HandlerError> + Send + Sync + 'static) -> Self {
        self.script = Arc::new(script);
        self
    }

    /// The same with calls that may fail as a whole, or panic.
    pub fn wholly(mut self, whole: impl Fn(&[u64]) -> Result<(), HandlerError> + Send + Sync + 'static) -> Self {
        self.whole = Arc::new(whole);
        self
    }

    /// The same with calls that take so long.
    pub fn taking(mut self, takes: Duration) -> Self {
        self.takes = takes;
        self
    }

    /// The same, emitting each order before it is answered.
    pub fn emitting(mut self) -> Self {
        self.emits = true;
        self
    }

    /// How long it has been there.
    pub fn age(&self) -> Duration {
        self.began.elapsed()
    }

    /// All calls so far.
    pub fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("no panic under it").clone()
    }

    /// The numbers of each call.
    pub fn numbers(&self) -> Vec<Vec<u64>> {
        self.calls().into_iter().map(|call| call.orders.into_iter().map(|(number, _)| number).collect()).collect()
    }

    /// The attempts at one order, in the order of the calls.
    pub fn attempts(&self, number: u64) -> Vec<u32> {
        self.calls().iter().flat_map(|call| &call.orders).filter(|order| order.0 == number).map(|order| order.1).collect()
    }

    /// The handler.
    pub async fn handle(&self, orders: Batch<Order>, out: &mut BatchOutputs) -> Result<Outcomes, HandlerError> {
        assert!(!orders.is_empty());
        let seen = orders.iter().map(|(slot, order)| (order.number, orders.attempt(slot).expect("it is in it").number()));
        let call = Call { at: self.began.elapsed(), orders: seen.collect() };
        let numbers: Vec<u64> = call.orders.iter().map(|order| order.0).collect();
        self.calls.lock().expect("no panic under it").push(call);
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        (self.whole)(&numbers)?;
        let mut answers = Outcomes::new();
        for (slot, order) in &orders {
            if self.emits {
                out.of(order).emit(DONE, order.data())?;
            }
            let attempt = orders.attempt(slot).expect("it is in it").number();
            answers.answer(slot, (self.script)(order.number, attempt));
        }
        Ok(answers)
    }

    /// A service with it.
    pub fn service(&self, memory: Memory, settings: BatchSettings) -> Result<StreamService, Error> {
        let builder = builder(memory, 7).add_producer().with_state(self.clone());
        builder.add_batch_handler_with(NEW, crate::world::GROUP, Desk::handle, settings).build()
    }

    /// A bench with it, on a log with these orders.
    pub async fn bench(&self, orders: impl IntoIterator<Item = Order>, settings: BatchSettings) -> TestBench {
        let memory = Memory::new();
        send_orders(&memory, NEW, orders).await;
        TestBench::start_on(memory, |memory| self.service(memory, settings)).await.expect("a valid service")
    }
}

/// Orders with so many numbers, each with a key of its own.
pub fn orders(numbers: std::ops::Range<u64>) -> Vec<Order> {
    numbers.map(|number| order(&format!("account-{number}"), number)).collect()
}
