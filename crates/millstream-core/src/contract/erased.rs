//! Owns the boxed mirrors of the traits: one box per call of the contract, so per batch and never per record.
//!
//! The mirrors' methods have names of their own (`dyn_…`), since equal names would collide.

use super::*;
use crate::topic::Topic;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

trait DynProducer: Send + Sync {
    fn dyn_send<'a>(&'a self, batch: &'a Produce) -> Boxed<'a, Vec<Result<Receipt, Error>>>;
    fn dyn_flush(&self, within: Duration) -> Boxed<'_, Result<(), Error>>;
    fn dyn_partitions<'a>(&'a self, topic: &'a Topic) -> Boxed<'a, Result<u32, Error>>;
}

impl<P: Producer> DynProducer for P {
    fn dyn_send<'a>(&'a self, batch: &'a Produce) -> Boxed<'a, Vec<Result<Receipt, Error>>> {
        Box::pin(self.send(batch))
    }
    fn dyn_flush(&self, within: Duration) -> Boxed<'_, Result<(), Error>> {
        Box::pin(self.flush(within))
    }
    fn dyn_partitions<'a>(&'a self, topic: &'a Topic) -> Boxed<'a, Result<u32, Error>> {
        Box::pin(self.partitions(topic))
    }
}

/// Any producer.
#[derive(Clone)]
pub struct AnyProducer(Arc<dyn DynProducer>);

impl AnyProducer {
    /// Erases `producer`'s type.
    pub fn new(producer: impl Producer) -> Self {
        AnyProducer(Arc::new(producer))
    }
}

impl Producer for AnyProducer {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        self.0.dyn_send(batch).await
    }
    async fn flush(&self, within: Duration) -> Result<(), Error> {
        self.0.dyn_flush(within).await
    }
    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        self.0.dyn_partitions(topic).await
    }
}

trait DynConsumer: Send {
    fn dyn_poll(&mut self) -> Boxed<'_, ConsumerEvent>;
    fn dyn_submit(&mut self, command: Command);
    fn dyn_close(&mut self, how: Close) -> Boxed<'_, Result<(), Error>>;
}

impl<C: Consumer> DynConsumer for C {
    fn dyn_poll(&mut self) -> Boxed<'_, ConsumerEvent> {
        Box::pin(self.poll())
    }
    fn dyn_submit(&mut self, command: Command) {
        self.submit(command);
    }
    fn dyn_close(&mut self, how: Close) -> Boxed<'_, Result<(), Error>> {
        Box::pin(self.close(how))
    }
}

/// Any consumer.
pub struct AnyConsumer(Box<dyn DynConsumer>);

impl AnyConsumer {
    /// Erases `consumer`'s type.
    pub fn new(consumer: impl Consumer) -> Self {
        AnyConsumer(Box::new(consumer))
    }
}

impl Consumer for AnyConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        self.0.dyn_poll().await
    }
    fn submit(&mut self, command: Command) {
        self.0.dyn_submit(command);
    }
    async fn close(&mut self, how: Close) -> Result<(), Error> {
        self.0.dyn_close(how).await
    }
}

trait DynDeduplicator: Send + Sync {
    fn dyn_check<'a>(
        &'a self,
        scope: &'a DedupScope,
        keys: &'a [u128],
        answers: &'a mut Vec<Seen>,
    ) -> Boxed<'a, Result<(), Error>>;
    fn dyn_complete<'a>(
        &'a self,
        scope: &'a DedupScope,
        marks: &'a [Mark],
        met: &'a mut Vec<Marked>,
    ) -> Boxed<'a, Result<(), Error>>;
    fn dyn_forget<'a>(&'a self, scope: &'a DedupScope, keys: &'a [u128]) -> Boxed<'a, Result<(), Error>>;
    fn dyn_claims(&self) -> bool;
    fn dyn_claim<'a>(
        &'a self,
        scope: &'a DedupScope,
        records: &'a [(u128, Position)],
        answers: &'a mut Vec<Seen>,
    ) -> Boxed<'a, Result<(), Error>>;
    fn dyn_release(&self, scope: &DedupScope, records: &[(u128, Position)]);
    fn dyn_scope(&self) -> Scope;
    fn dyn_retention(&self) -> Option<Duration>;
}

impl<D: Deduplicator> DynDeduplicator for D {
    fn dyn_check<'a>(
        &'a self,
        scope: &'a DedupScope,
        keys: &'a [u128],
        answers: &'a mut Vec<Seen>,
    ) -> Boxed<'a, Result<(), Error>> {
        Box::pin(self.check(scope, keys, answers))
    }
    fn dyn_complete<'a>(
        &'a self,
        scope: &'a DedupScope,
        marks: &'a [Mark],
        met: &'a mut Vec<Marked>,
    ) -> Boxed<'a, Result<(), Error>> {
        Box::pin(self.complete(scope, marks, met))
    }
    fn dyn_forget<'a>(&'a self, scope: &'a DedupScope, keys: &'a [u128]) -> Boxed<'a, Result<(), Error>> {
        Box::pin(self.forget(scope, keys))
    }
    fn dyn_claims(&self) -> bool {
        self.claims()
    }
    fn dyn_claim<'a>(
        &'a self,
        scope: &'a DedupScope,
        records: &'a [(u128, Position)],
        answers: &'a mut Vec<Seen>,
    ) -> Boxed<'a, Result<(), Error>> {
        Box::pin(self.claim(scope, records, answers))
    }
    fn dyn_release(&self, scope: &DedupScope, records: &[(u128, Position)]) {
        self.release(scope, records);
    }
    fn dyn_scope(&self) -> Scope {
        self.scope()
    }
    fn dyn_retention(&self) -> Option<Duration> {
        self.retention()
    }
}

/// Any deduplicator.
#[derive(Clone)]
pub struct AnyDeduplicator(Arc<dyn DynDeduplicator>);

impl AnyDeduplicator {
    /// Erases `deduplicator`'s type.
    pub fn new(deduplicator: impl Deduplicator) -> Self {
        AnyDeduplicator(Arc::new(deduplicator))
    }
}

impl Deduplicator for AnyDeduplicator {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.0.dyn_check(scope, keys, answers).await
    }
    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        self.0.dyn_complete(scope, marks, met).await
    }
    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        self.0.dyn_forget(scope, keys).await
    }
    fn claims(&self) -> bool {
        self.0.dyn_claims()
    }
    async fn claim(&self, scope: &DedupScope, records: &[(u128, Position)], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.0.dyn_claim(scope, records, answers).await
    }
    fn release(&self, scope: &DedupScope, records: &[(u128, Position)]) {
        self.0.dyn_release(scope, records);
    }
    fn scope(&self) -> Scope {
        self.0.dyn_scope()
    }
    fn retention(&self) -> Option<Duration> {
        self.0.dyn_retention()
    }
}

trait DynErrorSink: Send + Sync {
    fn dyn_accept<'a>(&'a self, letters: &'a [DeadLetter]) -> Boxed<'a, Vec<Result<(), Error>>>;
    fn dyn_durability(&self) -> Durability;
}

impl<S: ErrorSink> DynErrorSink for S {
    fn dyn_accept<'a>(&'a self, letters: &'a [DeadLetter]) -> Boxed<'a, Vec<Result<(), Error>>> {
        Box::pin(self.accept(letters))
    }
    fn dyn_durability(&self) -> Durability {
        self.durability()
    }
}

/// Any error sink.
#[derive(Clone)]
pub struct AnyErrorSink(Arc<dyn DynErrorSink>);

impl AnyErrorSink {
    /// Erases `sink`'s type.
    pub fn new(sink: impl ErrorSink) -> Self {
        AnyErrorSink(Arc::new(sink))
    }
}

impl ErrorSink for AnyErrorSink {
    async fn accept(&self, letters: &[DeadLetter]) -> Vec<Result<(), Error>> {
        self.0.dyn_accept(letters).await
    }
    fn durability(&self) -> Durability {
        self.0.dyn_durability()
    }
}

trait DynTransport: Send + Sync {
    fn dyn_capabilities(&self) -> Capabilities;
    fn dyn_producer(&self) -> Boxed<'_, Result<AnyProducer, Error>>;
    fn dyn_consumer(&self, request: ConsumerRequest) -> Boxed<'_, Result<AnyConsumer, Error>>;
    fn dyn_describe<'a>(&'a self, topics: &'a [Topic]) -> Boxed<'a, Result<Vec<Option<DescribedTopic>>, Error>>;
}

impl<T: Transport> DynTransport for T {
    fn dyn_capabilities(&self) -> Capabilities {
        self.capabilities()
    }
    fn dyn_producer(&self) -> Boxed<'_, Result<AnyProducer, Error>> {
        Box::pin(async move { Ok(AnyProducer::new(self.producer().await?)) })
    }
    fn dyn_consumer(&self, request: ConsumerRequest) -> Boxed<'_, Result<AnyConsumer, Error>> {
        Box::pin(async move { Ok(AnyConsumer::new(self.consumer(request).await?)) })
    }
    fn dyn_describe<'a>(&'a self, topics: &'a [Topic]) -> Boxed<'a, Result<Vec<Option<DescribedTopic>>, Error>> {
        Box::pin(self.describe(topics))
    }
}

/// Any transport.
#[derive(Clone)]
pub struct AnyTransport(Arc<dyn DynTransport>);

impl std::fmt::Debug for AnyTransport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // A transport may hold credentials: its name is all that is shown.
        f.debug_tuple("AnyTransport").field(&self.capabilities().name).finish()
    }
}

impl AnyTransport {
    /// Erases `transport`'s type. One that is erased already is taken as it is.
    pub fn new(transport: impl Transport) -> Self {
        transport.into_any()
    }

    pub(super) fn erase(transport: impl Transport) -> Self {
        AnyTransport(Arc::new(transport))
    }
}

impl Transport for AnyTransport {
    type Producer = AnyProducer;
    type Consumer = AnyConsumer;

    fn capabilities(&self) -> Capabilities {
        self.0.dyn_capabilities()
    }

    async fn producer(&self) -> Result<AnyProducer, Error> {
        self.0.dyn_producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<AnyConsumer, Error> {
        self.0.dyn_consumer(request).await
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        self.0.dyn_describe(topics).await
    }

    fn into_any(self) -> AnyTransport {
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Nothing;

    impl Producer for Nothing {
        async fn send(&self, _: &Produce) -> Vec<Result<Receipt, Error>> {
            Vec::new()
        }
        async fn flush(&self, _: Duration) -> Result<(), Error> {
            Ok(())
        }
        async fn partitions(&self, _: &Topic) -> Result<u32, Error> {
            Ok(0)
        }
    }

    impl Consumer for Nothing {
        async fn poll(&mut self) -> ConsumerEvent {
            std::future::pending().await
        }
        fn submit(&mut self, _: Command) {}
        async fn close(&mut self, _: Close) -> Result<(), Error> {
            Ok(())
        }
    }

    impl Transport for Nothing {
        type Producer = Nothing;
        type Consumer = Nothing;

        fn capabilities(&self) -> Capabilities {
            Capabilities::all("nothing")
        }
        async fn producer(&self) -> Result<Nothing, Error> {
            Ok(Nothing)
        }
        async fn consumer(&self, _: ConsumerRequest) -> Result<Nothing, Error> {
            Ok(Nothing)
        }
    }

    /// What a builder does with a transport that was opened by URL: each box would cost an allocation a call.
    #[test]
    fn an_erased_transport_is_not_erased_again() {
        let once = AnyTransport::new(Nothing);
        let again = AnyTransport::new(AnyTransport::new(once.clone()));
        assert!(Arc::ptr_eq(&once.0, &again.0), "it is the same box");
        assert_eq!(Arc::strong_count(&once.0), 2, "and no box holds another");
    }
}
