//! Owns a transport whose producers fail per topic as brokers do: away, slow, silent, refusing, with replies lost. Leaves
//! everything else, and all consumers, to the transport it wraps.

use crate::{Fate, Switches};
use bytes::Bytes;
use millstream_core::contract::{
    Capabilities, ConsumerRequest, DescribedTopic, Error, ErrorKind, Operation, Produce, Producer, Receipt, RecordSetBuilder,
    TopicPartition, Transport,
};
use millstream_core::topic::Topic;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A record that was handed to a producer, and what befell it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SendCall {
    /// Where it was to go.
    pub place: TopicPartition,
    /// Its key.
    pub key: Option<Bytes>,
    /// Its value.
    pub value: Option<Bytes>,
    /// What befell it.
    pub fate: Fate,
}

#[derive(Debug, Default)]
struct Shared {
    topics: Mutex<BTreeMap<Topic, Switches>>,
    calls: Mutex<Vec<SendCall>>,
}

impl Shared {
    fn topics(&self) -> MutexGuard<'_, BTreeMap<Topic, Switches>> {
        self.topics.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn to(&self, topic: &Topic) -> Switches {
        self.topics().entry(topic.clone()).or_default().clone()
    }

    fn calls(&self) -> MutexGuard<'_, Vec<SendCall>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A transport whose producers are behind switches, one set a topic. Clones share them.
#[derive(Clone, Debug)]
pub struct FlakyTransport<T> {
    inner: T,
    shared: Arc<Shared>,
}

impl<T: Transport + Clone> FlakyTransport<T> {
    /// `inner`, behind switches that let everything pass.
    pub fn new(inner: T) -> Self {
        FlakyTransport { inner, shared: Arc::default() }
    }

    /// What befalls records sent to `topic`: one fate a record. A request waits for the slowest of its topics.
    pub fn to(&self, topic: &Topic) -> Switches {
        self.shared.to(topic)
    }

    /// All records handed to its producers, in order.
    pub fn sends(&self) -> Vec<SendCall> {
        self.shared.calls().clone()
    }
}

impl<T: Transport + Clone> Transport for FlakyTransport<T> {
    type Producer = FlakyProducer<T::Producer>;
    type Consumer = T::Consumer;

    fn capabilities(&self) -> Capabilities {
        self.inner.capabilities()
    }

    async fn producer(&self) -> Result<Self::Producer, Error> {
        Ok(FlakyProducer { inner: self.inner.producer().await?, shared: self.shared.clone() })
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<Self::Consumer, Error> {
        self.inner.consumer(request).await
    }

    async fn describe(&self, topics: &[Topic]) -> Result<Vec<Option<DescribedTopic>>, Error> {
        self.inner.describe(topics).await
    }
}

/// A producer of a [`FlakyTransport`].
#[derive(Debug)]
pub struct FlakyProducer<P> {
    inner: P,
    shared: Arc<Shared>,
}

impl<P: Producer> FlakyProducer<P> {
    /// `inner`, behind switches of its own that let everything pass.
    pub(crate) fn new(inner: P) -> Self {
        FlakyProducer { inner, shared: Arc::default() }
    }

    pub(crate) fn inner(&self) -> &P {
        &self.inner
    }

    /// As [`FlakyTransport::to`].
    pub(crate) fn to(&self, topic: &Topic) -> Switches {
        self.shared.to(topic)
    }

    /// As [`FlakyTransport::sends`].
    pub(crate) fn sends(&self) -> Vec<SendCall> {
        self.shared.calls().clone()
    }

    /// Each record's fate, in order. A record that is to be sent again takes the later ones of its destination with it,
    /// unwritten (P3).
    fn fates(&self, batch: &Produce) -> Vec<Fate> {
        let mut stopped = BTreeSet::new();
        let mut fates = Vec::with_capacity(batch.len());
        for (index, (place, record)) in batch.iter().enumerate() {
            let switches = self.shared.topics().get(&place.topic).cloned();
            let fate = match switches {
                _ if stopped.contains(&batch.place(index)) => Fate::Fails,
                Some(switches) => switches.next(),
                None => Fate::Passes,
            };
            if matches!(fate, Fate::Fails | Fate::ReplyLost) {
                stopped.insert(batch.place(index));
            }
            let (key, value) = (record.key_bytes(), record.value_bytes());
            self.shared.calls().push(SendCall { place: place.clone(), key, value, fate });
            fates.push(fate);
        }
        fates
    }
}

impl<P: Producer> Producer for FlakyProducer<P> {
    async fn send(&self, batch: &Produce) -> Vec<Result<Receipt, Error>> {
        let mut waits = Vec::new();
        for place in batch.places() {
            waits.extend(self.shared.topics().get(&place.topic).cloned());
        }
        for switches in waits {
            switches.wait().await;
        }
        let fates = self.fates(batch);
        let (mut places, mut to, mut records) = (Vec::new(), Vec::new(), RecordSetBuilder::new(0));
        for (index, (place, record)) in batch.iter().enumerate() {
            if !matches!(fates[index], Fate::Passes | Fate::ReplyLost) {
                continue;
            }
            let known = places.iter().position(|known| known == place).unwrap_or_else(|| {
                places.push(place.clone());
                places.len() - 1
            });
            to.push(u32::try_from(known).unwrap_or(u32::MAX));
            records.push_view(index as u64, record.timestamp(), record);
        }
        let mut sent = Vec::new().into_iter();
        if !to.is_empty() {
            sent = self.inner.send(&Produce::new(places, to, records.build())).await.into_iter();
        }
        let error = |kind, text: &'static str| Err(Error::new(kind, Operation::Send, text));
        let mut answer = || sent.next().unwrap_or_else(|| error(ErrorKind::TimedOut, "the inner producer gave no answer"));
        let of = |fate| match fate {
            Fate::Passes => answer(),
            Fate::ReplyLost => answer().and_then(|_| error(ErrorKind::TimedOut, "the broker's reply was lost")),
            Fate::Refused => error(ErrorKind::Unauthorized, "the broker refuses"),
            Fate::Fails => error(ErrorKind::Unavailable, "the broker is away"),
        };
        fates.into_iter().map(of).collect()
    }

    async fn flush(&self, within: Duration) -> Result<(), Error> {
        self.inner.flush(within).await
    }

    async fn partitions(&self, topic: &Topic) -> Result<u32, Error> {
        self.inner.partitions(topic).await
    }
}
