//! The contract's clauses, as any backend runs them; and the same behind the erased transport that services hold.

use millstream_core::contract::AnyTransport;
use millstream_core::topic::Topic;
use millstream_testkit::conformance::{self, Act, Case, Excuse, Harness, MemoryWorld, World};
use std::process::ExitCode;

struct InMemory;

impl Harness for InMemory {
    type World = MemoryWorld;

    async fn create(&self, _case: &Case) -> MemoryWorld {
        MemoryWorld::new()
    }
}

struct Erased;

impl Harness for Erased {
    type World = ErasedWorld;

    async fn create(&self, _case: &Case) -> ErasedWorld {
        ErasedWorld(MemoryWorld::new())
    }
}

struct ErasedWorld(MemoryWorld);

impl World for ErasedWorld {
    type Transport = AnyTransport;

    async fn transport(&self) -> AnyTransport {
        AnyTransport::new(self.0.memory().clone())
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        self.0.create_topic(name, partitions).await
    }

    async fn act(&self, act: Act<'_>) -> Result<(), Excuse> {
        self.0.act(act).await
    }
}

fn main() -> ExitCode {
    conformance::transport(InMemory).and(conformance::transport(Erased).named("erased")).run()
}
