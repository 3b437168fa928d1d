//! Owns a memory log whose clients have one flaw, or none.

use crate::consumer::BrokenConsumer;
use crate::flaw::Flaw;
use crate::producer::BrokenProducer;
use millstream_core::contract::{Capabilities, ConsumerRequest, DescribedTopic, Error, Transport};
use millstream_core::topic::Topic;
use millstream_memory::Memory;
use millstream_testkit::conformance::{Act, Case, Excuse, Harness, MemoryWorld, World};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The harness of a log with a flaw.
pub(crate) struct Planted(pub(crate) Option<Flaw>);

impl Harness for Planted {
    type World = Broken;

    async fn create(&self, _case: &Case) -> Broken {
        Broken { world: MemoryWorld::new(), flaw: self.0, counters: Arc::default() }
    }
}

/// What the clients of one world count together.
#[derive(Default)]
pub(crate) struct Counters {
    pub(crate) capabilities: AtomicUsize,
    pub(crate) sent: AtomicUsize,
    pub(crate) left: AtomicUsize,
}

pub(crate) struct Broken {
    world: MemoryWorld,
    flaw: Option<Flaw>,
    counters: Arc<Counters>,
}

impl World for Broken {
    type Transport = BrokenTransport;

    async fn transport(&self) -> BrokenTransport {
        BrokenTransport { memory: self.world.memory().clone(), flaw: self.flaw, counters: self.counters.clone() }
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        self.world.create_topic(name, partitions).await
    }

    async fn act(&self, act: Act<'_>) -> Result<(), Excuse> {
        self.world.act(act).await
    }
}

pub(crate) struct BrokenTransport {
    memory: Memory,
    flaw: Option<Flaw>,
    counters: Arc<Counters>,
}

impl BrokenTransport {
    fn has(&self, flaw: Flaw) -> bool {
        self.flaw == Some(flaw)
    }
}

impl Transport for BrokenTransport {
    type Producer = BrokenProducer;
    type Consumer = BrokenConsumer;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = self.memory.capabilities();
        if self.has(Flaw::CapabilitiesChange) {
            capabilities.max_record_bytes -= self.counters.capabilities.fetch_add(1, Ordering::Relaxed);
        }
        capabilities
    }

    async fn producer(&self) -> Result<BrokenProducer, Error> {
        Ok(BrokenProducer::new(self.memory.producer().await?, self.flaw, self.counters.clone()))
    }

    async fn consumer(&self, mut request: ConsumerRequest) -> Result<BrokenConsumer, Error> {
        let alone = !request.partitions.is_empty();
        if self.has(Flaw::GroupsAreOne) && !alone {
            request.group = String::from("one");
        }
        if self.has(Flaw::NothingIsMissing) {
            request.partitions.retain(|place| place.partition < 3);
            if request.partitions.is_empty() {
                request.group = String::from("nothing");
            }
        }
        if self.has(Flaw::ReadersShare) && alone {
            request = ConsumerRequest::new("readers", request.topics);
        }
        if self.has(Flaw::SessionsNeverEnd) {
            request.session_timeout = Duration::from_hours(10);
        }
        if self.has(Flaw::SessionsEndEarly) {
            request.session_timeout /= 10;
        }
        let inner = self.memory.consumer(request.clone()).await?;
        Ok(BrokenConsumer::new(inner, self.memory.clone(), request, self.flaw, self.counters.clone()))
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        let mut described = Transport::describe(&self.memory, topics).await?;
        if self.has(Flaw::DescribedBackwards) {
            described.reverse();
        }
        Ok(described)
    }
}
