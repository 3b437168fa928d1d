//! Owns a memory log whose consumers count epochs each for itself, from 1 on, as the clients of brokers do: two members then
//! hold epochs of the same number. Without a flaw, and the suite must say so.

use millstream_core::contract::{
    Capabilities, Close, Command, Consumer, ConsumerEvent, ConsumerRequest, DescribedTopic, Epoch, Error, Transport,
};
use millstream_core::topic::Topic;
use millstream_memory::{Memory, MemoryConsumer, MemoryProducer};
use millstream_testkit::conformance::{Act, Case, Excuse, Harness, MemoryWorld, World};

pub(crate) struct LocalEpochs;

impl Harness for LocalEpochs {
    type World = Log;

    async fn create(&self, _case: &Case) -> Log {
        Log(MemoryWorld::new())
    }
}

pub(crate) struct Log(MemoryWorld);

impl World for Log {
    type Transport = Client;

    async fn transport(&self) -> Client {
        Client(self.0.memory().clone())
    }

    async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        self.0.create_topic(name, partitions).await
    }

    async fn act(&self, act: Act<'_>) -> Result<(), Excuse> {
        self.0.act(act).await
    }
}

pub(crate) struct Client(Memory);

impl Transport for Client {
    type Producer = MemoryProducer;
    type Consumer = Counting;

    fn capabilities(&self) -> Capabilities {
        self.0.capabilities()
    }

    async fn producer(&self) -> Result<MemoryProducer, Error> {
        self.0.producer().await
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<Counting, Error> {
        Ok(Counting { inner: self.0.consumer(request).await?, before: None })
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        Transport::describe(&self.0, topics).await
    }
}

pub(crate) struct Counting {
    inner: MemoryConsumer,
    /// The log's number before the first epoch of this consumer.
    before: Option<u64>,
}

impl Consumer for Counting {
    async fn poll(&mut self) -> ConsumerEvent {
        let mut event = self.inner.poll().await;
        if let ConsumerEvent::Assigned(assigned) = &event {
            self.before.get_or_insert(assigned.epoch.0 - 1);
        }
        let own = |epoch: &mut Epoch| epoch.0 -= self.before.unwrap_or(0);
        match &mut event {
            ConsumerEvent::Assigned(assigned) => own(&mut assigned.epoch),
            ConsumerEvent::Records(batch) => own(&mut batch.epoch),
            ConsumerEvent::Committed(committed) => committed.results.iter_mut().for_each(|(epoch, ..)| own(epoch)),
            ConsumerEvent::Advanced { epoch, .. } | ConsumerEvent::Ending { epoch, .. } | ConsumerEvent::Fault { epoch, .. } => {
                own(epoch)
            }
            _ => {}
        }
        event
    }

    fn submit(&mut self, mut command: Command) {
        let theirs = |epoch: &mut Epoch| epoch.0 += self.before.unwrap_or(0);
        match &mut command {
            Command::Commit { entries, .. } => entries.iter_mut().for_each(|entry| theirs(&mut entry.epoch)),
            Command::Want { epoch, .. }
            | Command::Start { epoch, .. }
            | Command::Restart { epoch, .. }
            | Command::Pause { epoch }
            | Command::Resume { epoch }
            | Command::Release { epoch } => theirs(epoch),
            _ => {}
        }
        self.inner.submit(command);
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        self.inner.close(how).await
    }
}
