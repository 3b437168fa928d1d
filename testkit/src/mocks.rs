//! Owns mocks of the four traits, made with [`mockall`]: each call is an expectation. Leaves parts that behave, and fail, as
//! real ones do to [`RecordingProducer`](crate::RecordingProducer) and the flaky ones.
//!
//! A mock's closures answer at once, with values: no future is boxed, and none is written. What is to wait or hang is one of
//! the flaky parts. A call that nobody expects panics, and so does the end of a mock that was called too seldom; in a service
//! on a [`TestBench`](crate::TestBench), `stop` hands that on to the test.
//!
//! ```
//! use millstream_core::contract::{Marked, Seen};
//! use millstream_testkit::mocks::MockDeduplicator;
//!
//! let mut dedup = MockDeduplicator::new();
//! dedup.expect_check().returning(|_, keys, answers| {
//!     answers.extend(keys.iter().map(|_| Seen::Fresh));
//!     Ok(())
//! });
//! dedup.expect_complete().times(1).returning(|_, marks, met| {
//!     met.extend(marks.iter().map(|_| Marked::First));
//!     Ok(())
//! });
//! # let (scope, mark) = (millstream_core::contract::DedupScope::new("-", "g", 0, "h", "t"), millstream_core::contract::Mark::new(1, 0, 0, Default::default()));
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! # use millstream_core::contract::Deduplicator;
//! # let (mut answers, mut met) = (Vec::new(), Vec::new());
//! # dedup.check(&scope, &[1], &mut answers).await.unwrap();
//! # dedup.complete(&scope, &[mark], &mut met).await.unwrap();
//! # assert_eq!((answers, met), (vec![Seen::Fresh], vec![Marked::First]));
//! # });
//! ```

use millstream_core::contract::{
    Close, Command, Consumer, ConsumerEvent, DeadLetter, DedupScope, Deduplicator, Durability, Error, ErrorSink, Mark, Marked,
    Produce, Producer, Receipt, Scope, Seen,
};
use millstream_core::topic::Topic;
use std::time::Duration;

#[doc(no_inline)]
pub use mockall::{self, Sequence, predicate};

/// The calls of the traits, answered at once. Traits, so that a mock has the real trait's methods only, beside its
/// expectations.
mod calls {
    use super::*;

    pub(super) trait ProducerCalls {
        fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>>;
        fn flush(&self, within: Duration) -> Result<(), Error>;
        fn partitions(&self, topic: &Topic) -> Result<u32, Error>;
    }

    pub(super) trait ConsumerCalls {
        fn poll(&mut self) -> Option<ConsumerEvent>;
        fn submit(&mut self, command: Command);
        fn close(&mut self, how: Close) -> Result<(), Error>;
    }

    pub(super) trait DeduplicatorCalls {
        fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error>;
        fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error>;
        fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error>;
    }

    pub(super) trait ErrorSinkCalls {
        fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>>;
    }
}

mockall::mock! {
    /// A mocked [`Producer`]: `expect_send`, `expect_flush`, `expect_partitions`. To keep what is sent, a
    /// [`RecordingProducer`](crate::RecordingProducer) is shorter.
    pub Producer {}

    impl calls::ProducerCalls for Producer {
        fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>>;
        fn flush(&self, within: Duration) -> Result<(), Error>;
        fn partitions(&self, topic: &Topic) -> Result<u32, Error>;
    }
}

impl Producer for MockProducer {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        calls::ProducerCalls::send(self, batch)
    }

    async fn flush(&self, within: Duration) -> Result<(), Error> {
        calls::ProducerCalls::flush(self, within)
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        calls::ProducerCalls::partitions(self, topic)
    }
}

mockall::mock! {
    /// A mocked [`Consumer`]: `expect_poll`, `expect_submit`, `expect_close`. A poll answers `Some` event, or `None`: it has
    /// nothing to say, and waits for ever.
    pub Consumer {}

    impl calls::ConsumerCalls for Consumer {
        fn poll(&mut self) -> Option<ConsumerEvent>;
        fn submit(&mut self, command: Command);
        fn close(&mut self, how: Close) -> Result<(), Error>;
    }
}

impl Consumer for MockConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        match calls::ConsumerCalls::poll(self) {
            Some(event) => event,
            None => std::future::pending().await,
        }
    }

    fn submit(&mut self, command: Command) {
        calls::ConsumerCalls::submit(self, command);
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        calls::ConsumerCalls::close(self, how)
    }
}

mockall::mock! {
    /// A mocked [`Deduplicator`]: `expect_check`, `expect_complete`, `expect_forget`. It is this process' own
    /// ([`Scope::Process`]); [`FlakyDeduplicator::shared`](crate::FlakyDeduplicator::shared) around it is everybody's.
    pub Deduplicator {}

    impl calls::DeduplicatorCalls for Deduplicator {
        fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error>;
        fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error>;
        fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error>;
    }
}

impl Deduplicator for MockDeduplicator {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        calls::DeduplicatorCalls::check(self, scope, keys, answers)
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        calls::DeduplicatorCalls::complete(self, scope, marks, met)
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        calls::DeduplicatorCalls::forget(self, scope, keys)
    }

    fn scope(&self) -> Scope {
        Scope::Process
    }
}

mockall::mock! {
    /// A mocked [`ErrorSink`]: `expect_accept`. It is durable, so that a service settles on it; `best_effort()` around it is
    /// not.
    pub ErrorSink {}

    impl calls::ErrorSinkCalls for ErrorSink {
        fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>>;
    }
}

impl ErrorSink for MockErrorSink {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        calls::ErrorSinkCalls::accept(self, letters)
    }

    fn durability(&self) -> Durability {
        Durability::Durable
    }
}
