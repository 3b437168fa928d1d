//! Owns the handle from which a member's service makes its producers and consumers.

use super::{SimConsumer, SimProducer};
use crate::sim::network::{Operation as Call, Server};
use crate::sim::world::{Link, World};
use millstream_core::contract::{Capabilities, ConsumerRequest, Error, ErrorKind, Operation, Transport};
use std::fmt;
use std::sync::Arc;

/// The transport of one member of a simulation: a client of the fake cluster.
#[derive(Clone)]
pub struct SimTransport {
    world: Arc<World>,
    link: Link,
}

impl SimTransport {
    pub(crate) fn new(world: Arc<World>, link: Link) -> Self {
        SimTransport { world, link }
    }

    /// Asks a broker whether anybody is there.
    async fn reach(&self) -> Result<(), Error> {
        let broker = self.world.servers().leaders.coordinator();
        let reached = self.world.call_in_time(&self.link, Server::Broker(broker), Call::Metadata, |_| ()).await;
        reached.map_err(|_| Error::new(ErrorKind::Unavailable, Operation::Connect, "no broker answers"))
    }
}

impl fmt::Debug for SimTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SimTransport").field("member", &self.link.member).finish_non_exhaustive()
    }
}

impl Transport for SimTransport {
    type Producer = SimProducer;
    type Consumer = SimConsumer;

    fn capabilities(&self) -> Capabilities {
        let mut all = Capabilities::all("sim");
        all.shortest_session = std::time::Duration::from_millis(500);
        all
    }

    async fn producer(&self) -> Result<SimProducer, Error> {
        Ok(SimProducer::new(self.world.clone(), self.link.clone()))
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<SimConsumer, Error> {
        // Connecting is tried by the client until somebody is there, as Kafka's clients do.
        while self.reach().await.is_err() {
            tokio::time::sleep(std::time::Duration::from_millis(200)).await;
        }
        for topic in &request.topics {
            self.world.create_by_use(topic);
        }
        Ok(SimConsumer::new(self.world.clone(), self.link.clone(), request))
    }
}
