//! Owns what can be set for one batch handler, each default with its reason. Leaves what holds for any handler to
//! [`HandlerSettings`], of which it has its own.

use super::settings::{HandlerSettings, IdSource};
use crate::engine::{Failure, Followers, LanePolicy, Retry};
use crate::envelope::{EventData, Limits};
use crate::layer::DeliveryInfo;
use std::time::Duration;

/// When the records that were gathered are handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BatchPolicy {
    pub(crate) records: usize,
    pub(crate) bytes: usize,
    pub(crate) linger: Duration,
}

/// What can be set for one batch handler.
#[derive(Clone, Debug)]
pub struct BatchSettings {
    pub(crate) policy: BatchPolicy,
    pub(crate) handler: HandlerSettings,
}

impl Default for BatchSettings {
    fn default() -> Self {
        BatchSettings {
            policy: BatchPolicy { records: 500, bytes: 4 << 20, linger: Duration::from_millis(20) },
            handler: HandlerSettings::new().concurrency(1),
        }
    }
}

impl BatchSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same with another number of records that a batch has at most, up to 65,536; 0 counts as 1. 500 by default: a call's own cost is
    /// shared by so many that more gain little, and a call that fails as a whole has to be sorted out one by one.
    #[must_use]
    pub fn records(mut self, most: usize) -> Self {
        self.policy.records = most.max(1);
        self
    }

    /// The same with another number of bytes that a batch has at most, keys, values and headers together. A record that is
    /// larger comes alone. 4 MiB by default: what stores and brokers take in one request.
    #[must_use]
    pub fn bytes(mut self, most: usize) -> Self {
        self.policy.bytes = most;
        self
    }

    /// The same with another time that a record may wait for company; none with [`Duration::ZERO`]. 20 ms by default: long
    /// against the arrival of the next records where many come, short against what a person notices.
    ///
    /// A batch that is full goes at once. While a call runs, the next batch is gathered, however long that takes.
    #[must_use]
    pub fn linger(mut self, longest: Duration) -> Self {
        self.policy.linger = longest;
        self
    }

    /// The same with another number of calls that may be pending at once for one partition; 0 counts as 1. 1 by default: a
    /// partition's batches then come one after the other and never contend for the same rows; partitions run beside each
    /// other all the same.
    #[must_use]
    pub fn calls(mut self, at_once: usize) -> Self {
        self.handler.concurrency = at_once.max(1);
        self
    }

    /// The same without an order of keys: events with the same key may be in one batch, in the order of their offsets, and in
    /// two calls at once; one that is tried again comes after those behind it.
    ///
    /// For handlers to which order means nothing, or that look at versions themselves, and whose topic has few keys: in order
    /// a batch holds each key once, so it has no more records than there are keys.
    #[must_use]
    pub fn unordered(mut self) -> Self {
        self.handler.lanes = LanePolicy::Unordered;
        self
    }

    /// The same under a name of its own; see [`HandlerSettings::name`].
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.handler = self.handler.name(name);
        self
    }

    /// The same with another time-out per call. 30 s by default.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.handler.timeout = timeout;
        self
    }

    /// The same with retries of its own.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.handler.retry = Some(retry);
        self
    }

    /// The same, where errors of this handler are what `class` says. See
    /// [`ErrorHandling::classify`](super::ErrorHandling::classify).
    #[must_use]
    pub fn classify<E: std::error::Error + 'static>(mut self, class: impl Fn(&E) -> Failure + Send + Sync + 'static) -> Self {
        self.handler = self.handler.classify(class);
        self
    }

    /// The same with other retries for errors of a type. See
    /// [`ErrorHandling::retry_for`](super::ErrorHandling::retry_for).
    #[must_use]
    pub fn retry_for<E: std::error::Error + 'static>(mut self, retry: Retry) -> Self {
        self.handler = self.handler.retry_for::<E>(retry);
        self
    }

    /// The same with another fate for those behind a dead letter of their key.
    #[must_use]
    pub fn followers(mut self, followers: Followers) -> Self {
        self.handler.followers = Some(followers);
        self
    }

    /// The same with identity from elsewhere.
    #[must_use]
    pub fn id_source(mut self, source: IdSource) -> Self {
        self.handler.id_source = source;
        self
    }

    /// The same with other limits, beyond which a record is poison.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.handler.limits = limits;
        self
    }

    /// The same with another window. A batch is never larger than it.
    #[must_use]
    pub fn in_flight(mut self, records: u64, bytes: u64) -> Self {
        self.handler = self.handler.in_flight(records, bytes);
        self
    }

    /// The same with another number of outputs that one record may have. 1,000 by default.
    #[must_use]
    pub fn max_outputs(mut self, outputs: usize) -> Self {
        self.handler.max_outputs = outputs;
        self
    }

    /// The same with another cap on dead letters that wait for their sink; 0 counts as 1.
    #[must_use]
    pub fn max_letters(mut self, letters: usize) -> Self {
        self.handler = self.handler.max_letters(letters);
        self
    }

    /// The same for events of `T`'s type only; see [`HandlerSettings::only`]. What is filtered is in no batch.
    #[must_use]
    pub fn only<T: EventData>(mut self) -> Self {
        self.handler = self.handler.only::<T>();
        self
    }

    /// The same for records of which `wanted` says `true`; see [`HandlerSettings::filter`].
    #[must_use]
    pub fn filter(mut self, wanted: impl Fn(&DeliveryInfo<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.handler = self.handler.filter(wanted);
        self
    }
}
