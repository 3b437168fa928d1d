//! Owns the second service, in which loss and doubling of the first one show: each fill becomes an entry, once.

use super::order::{Behaviour, Fill, NAMESPACES, Order, topic};
use super::{ATTEMPTS, IN_FLIGHT, SESSION, WITHIN};
use crate::sim::{History, Node};
use millstream_core::builder::StreamServiceBuilder;
use millstream_core::contract::RecordView;
use millstream_core::engine::Retry;
use millstream_core::envelope::{EventEnvelope, Limits, scan};
use millstream_core::handler::Event;
use millstream_core::service::{ErrorHandling, HandlerSettings, Shutdown};
use millstream_core::topic::{Namespace, Topic};
use millstream_memory::Memory;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

pub(super) fn service(node: &Node) -> StreamServiceBuilder<Node> {
    async fn on_fill(node: &Node, fill: Event<Fill>, namespace: Namespace) {
        // The effect is there before anybody can know that it is done, as a payment is.
        node.note("entry", format!("{namespace} {} {}", fill.order, fill.part));
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let retry = Retry::exponential(Duration::from_millis(100), Duration::from_secs(2)).attempts(ATTEMPTS);
    let mut builder = StreamServiceBuilder::new("ledger", node.transport())
        .with_deduplicator(node.deduplicator())
        .with_error_handling(ErrorHandling::new().retry(retry))
        .with_shutdown(Shutdown::within(WITHIN))
        .membership(SESSION, Duration::from_secs(8))
        .with_state(node.clone());
    for namespace in NAMESPACES {
        // Too little for two records of any size: they come one at a time.
        let settings = HandlerSettings::new().in_flight(IN_FLIGHT, 1 << 20);
        builder = builder.add_consumer_handler_with(&topic(namespace, "filled"), "ledger.fills", on_fill, settings);
    }
    builder
}

type Part = (String, u64, u32);

fn entries(history: &History) -> BTreeMap<Part, u32> {
    let mut entries = BTreeMap::new();
    for (_, entry) in history.noted("entry") {
        let mut words = entry.split(' ');
        let (Some(namespace), Some(order), Some(part)) = (words.next(), words.next(), words.next()) else { continue };
        let part = (namespace.to_owned(), order.parse().unwrap_or(0), part.parse().unwrap_or(0));
        *entries.entry(part).or_insert(0) += 1;
    }
    entries
}

fn orders(memory: &Memory, topic: &str) -> Vec<Order> {
    let topic: Topic = topic.parse().expect("a topic's name");
    let parse = |view: RecordView<'_>| Some(EventEnvelope::<Order>::from_json(view.value()?).ok()?.data);
    memory.batches(&topic).iter().flat_map(|batch| batch.iter().filter_map(parse).collect::<Vec<_>>()).collect()
}

/// All that must have an entry has one.
pub(super) fn complete(history: &History, memory: &Memory) -> Result<(), String> {
    let entries = entries(history);
    for namespace in NAMESPACES {
        let mut letters = BTreeSet::new();
        for order in orders(memory, &topic(namespace, "new.dlq")) {
            letters.insert(order.number);
        }
        for order in orders(memory, &topic(namespace, "new")) {
            if letters.contains(&order.number)
                || matches!(order.behaviour, Behaviour::Refuses | Behaviour::Garbled | Behaviour::Fails(9))
            {
                continue;
            }
            for part in 0..order.fills {
                if !entries.contains_key(&(namespace.to_owned(), order.number, part)) {
                    return Err(format!("fill {part} of order {} in {namespace} has no entry: {order:?}", order.number));
                }
            }
        }
    }
    Ok(())
}

/// No two fills of one part are in the log under different ids: what came twice came as itself.
pub(super) fn each_once(_history: &History, memory: &Memory) -> Result<(), String> {
    for namespace in NAMESPACES {
        let name: Topic = topic(namespace, "filled").parse().expect("a topic's name");
        let (mut ids, mut parts) = (BTreeMap::new(), BTreeMap::new());
        for batch in memory.batches(&name) {
            for view in batch.iter() {
                let Some(value) = view.value() else { continue };
                let Ok(head) = scan(value, &Limits::DEFAULT) else { continue };
                let Ok(fill) = EventEnvelope::<Fill>::from_json(value) else { continue };
                let part = (fill.data.order, fill.data.part);
                let id = ids.entry(part).or_insert(head.key());
                if *id != head.key() {
                    return Err(format!("fill {} of order {} in {namespace} was sent under two ids", part.1, part.0));
                }
                let named = parts.entry(head.key()).or_insert(part);
                if *named != part {
                    return Err(format!("fills {} and {} of order {} in {namespace} share an id", named.1, part.1, part.0));
                }
            }
        }
    }
    Ok(())
}
