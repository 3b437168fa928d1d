//! The contract's clauses over the dead-letter topic of a running service, alone and composed with other sinks.

use millstream::contract::{AnyErrorSink, DeadLetter, Record};
use millstream::memory::{Memory, TopicConfig};
use millstream::prelude::*;
use millstream::service::ToTopic;
use millstream_testkit::FlakySink;
use millstream_testkit::conformance::error_sink::{Kept, World};
use millstream_testkit::conformance::{self, Case, Excuse, Harness};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

const ORDERS: Topic = Topic::literal("paper.orders.new");

/// How the dead-letter topic is used.
#[derive(Clone, Copy)]
enum Composed {
    Alone,
    /// With a second sink that takes everything.
    And,
    /// Behind a sink that refuses everything.
    OrElse,
    /// With a second sink that is always away.
    BestEffort,
}

impl Composed {
    fn of(self, to_topic: ToTopic) -> AnyErrorSink {
        let other = FlakySink::new();
        match self {
            Composed::Alone => AnyErrorSink::new(to_topic),
            Composed::And => AnyErrorSink::new(to_topic.and(other)),
            Composed::OrElse => {
                other.switches().refuse(true);
                AnyErrorSink::new(other.or_else(to_topic))
            }
            Composed::BestEffort => {
                other.switches().down(true);
                AnyErrorSink::new(to_topic.and(other.best_effort()))
            }
        }
    }
}

struct InTopic(Composed);

impl Harness for InTopic {
    type World = Service;

    async fn create(&self, _case: &Case) -> Service {
        let memory = Memory::builder().auto_create(false).build();
        for topic in [ORDERS, ORDERS.dlq().expect("a topic has one")] {
            memory.create_topic(&topic, TopicConfig::new(2)).expect("it is new");
        }
        let (composed, found) = (self.0, Arc::new(Mutex::new(None)));
        let finding = found.clone();
        let errors = ErrorHandling::new().error_sink_with(move |to_topic| {
            let sink = composed.of(to_topic);
            *finding.lock().expect("one thread") = Some(sink.clone());
            sink
        });
        let service = StreamServiceBuilder::new("desk", memory.clone())
            .with_error_handling(errors)
            .add_consumer_handler(ORDERS, "desk.orders", async |_: RawEvent<'_>| {})
            .build()
            .expect("a valid service");
        let handle = service.handle();
        tokio::spawn(service.run());
        handle.ready().await;
        let sink = found.lock().expect("one thread").clone().expect("it was composed as the service was built");
        Service { memory, sink }
    }
}

/// A service that runs for its sink.
struct Service {
    memory: Memory,
    sink: AnyErrorSink,
}

impl World for Service {
    type Sink = AnyErrorSink;

    async fn sink(&self) -> AnyErrorSink {
        self.sink.clone()
    }

    async fn kept(&self) -> Vec<Kept> {
        let id = |record: &Record| {
            let header = record.headers.iter().find(|(name, _)| name == "millstream-dlq-id").and_then(|(_, value)| value.clone());
            String::from_utf8_lossy(&header.unwrap_or_default()).into_owned()
        };
        let letters = self.memory.records(&ORDERS.dlq().expect("a topic has one"));
        letters.into_iter().map(|record| Kept::new(id(&record), record)).collect()
    }

    fn topic(&self) -> Topic {
        ORDERS
    }

    fn refused(&self, mut letter: DeadLetter) -> Result<DeadLetter, Excuse> {
        letter.record.topic = Topic::literal("paper.orders.unknown");
        Ok(letter)
    }

    async fn away(&self, away: bool) -> Result<(), Excuse> {
        self.memory.set_writable(&ORDERS.dlq().expect("a topic has one"), !away).expect("it was created");
        Ok(())
    }
}

fn main() -> ExitCode {
    let suite = |composed, name| conformance::error_sink(InTopic(composed)).named(name);
    suite(Composed::Alone, "to_topic")
        .and(suite(Composed::And, "and"))
        .and(suite(Composed::OrElse, "or_else"))
        .and(suite(Composed::BestEffort, "best_effort"))
        .run()
}
