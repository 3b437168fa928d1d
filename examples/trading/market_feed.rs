//! The market feed: publishes ticks, duplicates and poison in the planned order.
//!
//! Owns batches and their acknowledgement: a record that was not written is sent again, in its place. Leaves content to
//! `feed` and pace to `conductor`. It is no service, for nothing is consumed: it uses a producer directly.

use std::sync::Arc;
use std::time::Duration;

use millstream::contract::{Error, ErrorKind, Operation, Produce, Producer, TryAgain, partition_for_key};
use millstream::prelude::*;

use crate::effects::Effects;
use crate::events::Tick;
use crate::feed::Item;
use crate::topics::{PARTITIONS, TICKS};

/// Records of one request: enough that what a request costs vanishes, few enough to be written at once.
const BATCH: usize = 512;

/// Pause before what was not written is sent again.
const PAUSE: Duration = Duration::from_millis(5);

/// A feed over some transport's producer.
pub(crate) struct MarketFeed<P> {
    producer: P,
    effects: Arc<Effects>,
    batch: Vec<Record>,
    /// Ids in the batch of ticks that were not published before.
    fresh: Vec<u128>,
}

impl<P: Producer> MarketFeed<P> {
    /// A feed that notes what it published in `effects`.
    pub(crate) fn new(producer: P, effects: &Arc<Effects>) -> Self {
        Self { producer, effects: effects.clone(), batch: Vec::with_capacity(BATCH), fresh: Vec::with_capacity(BATCH) }
    }

    /// Publishes one record, now or with those that follow.
    pub(crate) async fn publish(&mut self, item: Item) -> Result<(), Error> {
        if let Item::Tick { id, again: false, .. } = item {
            self.fresh.push(id);
        }
        let record = record(item)?;
        let partition = partition_for_key(record.key.as_deref().unwrap_or_default(), PARTITIONS);
        self.batch.push(record.to_partition(partition));
        if self.batch.len() >= BATCH { self.flush().await } else { Ok(()) }
    }

    /// Waits until everything published so far is acknowledged.
    pub(crate) async fn flush(&mut self) -> Result<(), Error> {
        while !self.batch.is_empty() {
            let answers = self.producer.send(&Produce::of(&self.batch)?).await;
            let mut failed = Vec::new();
            for (record, answer) in self.batch.drain(..).zip(answers) {
                match answer {
                    Ok(_) => {}
                    Err(error) if error.retry() == TryAgain::No => return Err(error),
                    Err(_) => failed.push(record),
                }
            }
            self.batch = failed;
            if !self.batch.is_empty() {
                tokio::time::sleep(PAUSE).await;
            }
        }
        self.fresh.drain(..).for_each(|id| self.effects.published(id));
        Ok(())
    }
}

/// An item as it is written.
pub(crate) fn record(item: Item) -> Result<Record, Error> {
    let invalid = |what| Error::new(ErrorKind::Invalid, Operation::Send, what);
    match item {
        Item::Tick { id, tick, .. } => {
            let at = Timestamp::from_millis(tick.time);
            let event = EventEnvelope::new(EventId::from_u128(id), Tick::TYPE, at, "market-feed", &tick);
            let json = event.to_json().map_err(|error| invalid("a tick cannot be written as an event").with_source(error))?;
            Ok(Record::new(TICKS, tick.instrument.into_bytes(), json))
        }
        Item::Poison(poison) => {
            let topic: Topic = poison.topic.parse().map_err(|error| invalid("poison has no such place").with_source(error))?;
            Ok(Record::new(topic, poison.key.into_bytes(), poison.value))
        }
    }
}
