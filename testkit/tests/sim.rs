//! The simulator over the framework's own workload, and over a service of two groups: clean, and exactly repeatable (I14).

use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::Record;
use millstream_core::envelope::{EventData, EventEnvelope, IdGenerator, Key, Timestamp};
use millstream_core::handler::{Event, HandlerError, Outputs};
use millstream_core::process::Process;
use millstream_core::service::Publisher;
use millstream_core::topic::{Sibling, Topic};
use millstream_memory::Memory;
use millstream_testkit::sim::{Dice, Mode, Node, Simulation, What, workload};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

#[test]
fn seeds_of_the_orders_are_clean_and_repeat_exactly() {
    workload::orders().check(0..40);
}

#[derive(Serialize, Deserialize)]
struct Tick {
    symbol: String,
    number: u64,
}

impl EventData for Tick {
    const TYPE: &'static str = "tick";
    fn key(&self) -> Key<'_> {
        self.symbol.as_str().into()
    }
}

/// One service, two groups, one topic: two intakes and their workers hear of one stop at the same moment.
fn two_groups(node: &Node) -> StreamServiceBuilder<Node> {
    async fn count(node: &Node, tick: Event<Tick>) {
        tokio::time::sleep(Duration::from_millis(tick.number % 7)).await;
        node.note("counted", tick.number.to_string());
    }
    async fn pass_on(tick: Event<Tick>, out: &mut Outputs) -> Result<(), HandlerError> {
        tokio::time::sleep(Duration::from_millis(tick.number % 5)).await;
        out.emit(Sibling::new("market", "passed"), &*tick)?;
        Ok(())
    }
    StreamServiceBuilder::new("twofold", node.transport())
        .with_deduplicator(node.deduplicator())
        .add_producer()
        .with_state(node.clone())
        .add_consumer_handler("paper.market.ticks", "twofold.counted", count)
        .add_consumer_handler("paper.market.ticks", "twofold.passed", pass_on)
}

fn ticks(dice: &mut Dice) -> Vec<Record> {
    let mut ids = IdGenerator::from_seed(dice.next());
    let tick = |number| {
        let tick = Tick { symbol: format!("s{}", number % 4), number };
        let envelope = EventEnvelope::new(ids.next(1_780_000_000_000), Tick::TYPE, Timestamp::from_millis(0), "feed", &tick);
        let value = envelope.to_json().expect("a tick is JSON");
        Record::new("paper.market.ticks".parse().expect("a topic's name"), tick.symbol, value)
    };
    (0..60).map(tick).collect()
}

#[test]
fn a_service_of_two_groups_that_is_stopped_repeats_exactly() {
    let simulation = Simulation::new().service("twofold", 2, two_groups).feed(ticks);
    let mut hashes = BTreeSet::new();
    for seed in 0..50 {
        let report = simulation.run(seed, Mode::Liveness);
        assert!(report.is_clean(), "{report}");
        let happened = |is: fn(&What) -> bool| report.history.events().iter().any(|event| is(&event.what));
        assert!(happened(|what| matches!(what, What::Stopping)), "seed {seed} stops nobody");
        let again = simulation.repeated(&report);
        assert!(again.is_clean(), "{again}");
        hashes.insert(report.hash);
    }
    assert_eq!(hashes.len(), 50, "different seeds are different runs");
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_is_made_in_a_simulated_process_draws_its_ids_from_the_seed() {
    let topic: Topic = "paper.market.ticks".parse().expect("a topic's name");
    let mut ids = Vec::new();
    for seed in [7, 7, 8] {
        let memory = Memory::new();
        let publishing = async {
            let publisher = Publisher::new("feed", memory.clone()).await.expect("memory can be reached");
            let tick = Tick { symbol: "s".into(), number: 1 };
            publisher.publish(&topic, &tick).await.expect("memory takes records");
        };
        Process::new("feed", seed, 1_780_000_000_000).run(publishing).await;
        let batches = memory.batches(&topic);
        let record = batches.iter().flat_map(|batch| batch.iter()).next().expect("a record");
        ids.push(EventEnvelope::<Tick>::from_record(record).expect("a tick").id);
    }
    assert_eq!(ids[0], ids[1]);
    assert_ne!(ids[0], ids[2]);
}
