//! The whole service on the memory backend: intake, worker, deduplication, lanes by key, handler, settlement, commit.
//! Leaves what the handler does to each scenario; the log is full before the measurement begins.

use super::Run;
use crate::input::{self, ID, IDS};
use millstream::contract::{Produce, Producer, TopicPartition, Transport};
use millstream::engine::LanePolicy;
use millstream::prelude::*;
use millstream::service::IdSource;
use millstream_moka::Limits;
use std::sync::Arc;

const TOPIC: Topic = Topic::literal("bench.records");
const COPIED: Sibling = Sibling::new("bench", "copied");

/// Nothing is decoded; the id stands in a header.
async fn touch(raw: RawEvent<'_>) {
    std::hint::black_box(raw.value().len());
}

/// The tick of the input, decoded.
#[derive(serde::Deserialize, serde::Serialize)]
struct Tick {
    symbol: String,
    bid: String,
    ask: String,
}

impl EventData for Tick {
    const TYPE: &'static str = "market_tick";

    fn key(&self) -> Key<'_> {
        (&self.symbol).into()
    }
}

async fn decode(tick: Event<Tick>) {
    std::hint::black_box(tick.bid.len());
}

async fn copy(tick: Event<Tick>, out: &mut Outputs) -> Result<(), EmitError> {
    out.emit(COPIED, &*tick).map(drop)
}

fn header() -> HandlerSettings {
    HandlerSettings::new().id_source(IdSource::Header(ID.to_owned()))
}

pub(super) fn lane(records: u32) -> Run {
    prepare(records, |builder| builder.add_consumer_handler_with(TOPIC, "bench", touch, header()))
}

pub(super) fn lane_partition(records: u32) -> Run {
    prepare(records, |builder| builder.add_consumer_handler_with(TOPIC, "bench", touch, header().lanes(LanePolicy::ByPartition)))
}

pub(super) fn json300(records: u32) -> Run {
    prepare(records, |builder| builder.add_consumer_handler(TOPIC, "bench", touch))
}

pub(super) fn json300_decoded(records: u32) -> Run {
    prepare(records, |builder| builder.add_consumer_handler(TOPIC, "bench", decode))
}

pub(super) fn json300_emit(records: u32) -> Run {
    prepare(records, |builder| builder.add_producer().add_consumer_handler(TOPIC, "bench", copy))
}

fn prepare(records: u32, add: fn(StreamServiceBuilder) -> StreamServiceBuilder) -> Run {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let memory = Memory::new();
    runtime.block_on(fill(&memory, records));
    let deduplicator = WindowDeduplicator::new(Limits::new().with_ids(IDS));
    let builder = StreamServiceBuilder::new("bench", memory.clone()).with_deduplicator(deduplicator).seed(1);
    let service = add(builder).build().expect("a valid service");
    Box::new(move || {
        let (handle, watch) = (service.handle(), service.handle());
        runtime.block_on(async move {
            let stop = async move {
                while watch.account().total().settled() < u64::from(records) {
                    tokio::time::sleep(std::time::Duration::from_millis(1)).await;
                }
                watch.stop();
            };
            let (_, ended) = tokio::join!(stop, service.run());
            ended.expect("a clean end");
        });
        // The log is what was given; to free it is no part of handling.
        std::mem::forget(memory);
        let done = handle.account().total();
        assert_eq!(done.settled(), done.done, "every record was fresh");
        done.done
    })
}

async fn fill(memory: &Memory, records: u32) {
    let producer = memory.producer().await.expect("memory has a producer");
    let place = vec![TopicPartition::new(TOPIC, 0)];
    for set in input::records(records) {
        let set = Arc::unwrap_or_clone(set);
        let produce = Produce::new(place.clone(), vec![0; set.len()], set);
        for answer in producer.send(&produce).await {
            answer.expect("memory takes records");
        }
    }
}
