//! Owns one request to read a partition: what a broker answers, and how long it waits until there is something.

use crate::sim::network::{Operation as Call, Server};
use crate::sim::world::{Link, Unanswered, World};
use millstream_core::contract::{Offset, RecordBatch, TopicId, TopicPartition};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long a broker waits for something to come.
const LONG_POLL: Duration = Duration::from_secs(2);

/// What a read has brought.
#[derive(Debug)]
pub(super) enum Fetched {
    Records(RecordBatch),
    /// Nothing lies between what was asked for and this offset.
    Nothing(Offset),
    OutOfRange {
        start: Offset,
        end: Offset,
    },
    Gone,
    Recreated(TopicId),
    /// Ask again: the leader is another one, or did not answer.
    Again,
}

pub(super) type Fetching = Pin<Box<dyn Future<Output = Fetched> + Send>>;

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Ask {
    pub(super) place: TopicPartition,
    pub(super) topic_id: TopicId,
    pub(super) from: Offset,
    pub(super) records: usize,
    pub(super) bytes: u64,
    pub(super) fresh: bool,
}

/// Reads until there is something to tell.
pub(super) async fn fetch(world: Arc<World>, link: Link, ask: Ask) -> Fetched {
    loop {
        let written = world.written();
        let broker = world.servers().leaders.of(&ask.place);
        let asked = ask.clone();
        let does = move |world: &World| read(world, &asked, broker);
        match world.call_in_time(&link, Server::Broker(broker), Call::Fetch, does).await {
            Ok(Fetched::Nothing(next)) if next == ask.from => {
                // The broker waits; what comes meanwhile is found by asking again.
                let _ = timeout(LONG_POLL, written).await;
            }
            Ok(Fetched::Again) | Err(Unanswered::Refused | Unanswered::Unknown) => sleep(Duration::from_millis(50)).await,
            Ok(fetched) => return fetched,
        }
    }
}

fn read(world: &World, ask: &Ask, broker: u8) -> Fetched {
    if world.servers().leaders.of(&ask.place) != broker {
        return Fetched::Again;
    }
    let (topic, partition) = (&ask.place.topic, ask.place.partition);
    match world.memory.describe(topic) {
        None => return Fetched::Gone,
        Some((id, _)) if id != ask.topic_id => return Fetched::Recreated(id),
        Some(_) => {}
    }
    let start = world.memory.log_start(topic, partition).unwrap_or(0);
    let end = world.memory.end(topic, partition).unwrap_or(0);
    if ask.from < start || ask.from > end {
        return Fetched::OutOfRange { start, end };
    }
    let Some(batch) = world.memory.read(topic, partition, ask.from, ask.records).into_iter().next() else {
        return Fetched::Nothing(end);
    };
    let mut bytes = 0;
    let fits = batch.iter().take_while(|view| {
        bytes += view.size() as u64;
        bytes <= ask.bytes
    });
    let fits = fits.count().max(usize::from(ask.fresh));
    if fits == 0 {
        return Fetched::Nothing(ask.from);
    }
    Fetched::Records(batch.slice(0..fits))
}
