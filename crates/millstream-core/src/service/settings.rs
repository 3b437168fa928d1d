//! Owns what can be set for one handler, each default with its reason.

use super::classify::Rules;
use super::filter::Filter;
use super::table::TableSettings;
use crate::engine::{Failure, Followers, LanePolicy, Retry};
use crate::envelope::{EventData, Limits};
use crate::layer::{AnyLayer, DeliveryInfo, Layer};
use std::time::Duration;

/// Where a record's identity comes from, by which it is deduplicated.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdSource {
    /// The envelope's `id`, or a CloudEvent's `source` and `id` together. The default; a record that is neither is poison.
    /// Reads every [`ContentMode`](crate::envelope::ContentMode).
    Envelope,
    /// A header of this name: 16 raw bytes, or any text. Without the header, the position. The value is not looked at.
    Header(String),
    /// The record's position: redeliveries are known, duplicates are not. The value is not looked at.
    Position,
}

/// What can be set for one handler.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct HandlerSettings {
    /// The handler's name in ids, marks and logs. By default made of its topics; name it before topics change, since ids
    /// of outputs depend on it.
    pub name: Option<String>,
    /// How long one attempt may take. 30 s by default: far below Kafka's `max.poll.interval` of 5 minutes, far above
    /// what a healthy call takes.
    pub timeout: Duration,
    /// How many attempts of one partition may be pending at once. 256 by default: enough to hide 10 ms calls at 25,000
    /// records a second, little enough for a database's pool to survive.
    pub concurrency: usize,
    /// Which records of a partition may run at the same time.
    pub lanes: LanePolicy,
    /// How often failing records are tried; by default what error handling says.
    pub retry: Option<Retry>,
    /// What becomes of those behind a dead letter of their key; by default what error handling says.
    pub followers: Option<Followers>,
    /// Where identity comes from.
    pub id_source: IdSource,
    /// What breaks a limit is poison.
    pub limits: Limits,
    /// Records of one partition that may be in flight. 4,096 by default: eight batches keep a partition busy while the
    /// tail of the first is confirmed.
    pub in_flight_records: u64,
    /// Bytes of one partition that may be in flight. 32 MiB by default.
    pub in_flight_bytes: u64,
    /// Outputs of one attempt. 1,000 by default: more is a query's result, not an event's consequence.
    pub max_outputs: usize,
    /// Dead letters of one partition that may wait for the sink before nothing more is started. 1,024 by default.
    pub max_letters: usize,
    /// What is set for the table it keeps, if it takes the entry of one.
    pub table: TableSettings,
    /// What is around each attempt, the outermost first.
    pub(crate) layers: Vec<AnyLayer>,
    /// Which records it wants.
    pub(crate) filter: Filter,
    /// What its errors mean.
    pub(crate) rules: Rules,
}

impl Default for HandlerSettings {
    fn default() -> Self {
        HandlerSettings {
            name: None,
            timeout: Duration::from_secs(30),
            concurrency: 256,
            lanes: LanePolicy::ByKey,
            retry: None,
            followers: None,
            id_source: IdSource::Envelope,
            limits: Limits::DEFAULT,
            in_flight_records: 4_096,
            in_flight_bytes: 32 << 20,
            max_outputs: 1_000,
            max_letters: 1_024,
            table: TableSettings::default(),
            layers: Vec::new(),
            filter: Filter::default(),
            rules: Rules::default(),
        }
    }
}

impl HandlerSettings {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same under a name of its own.
    #[must_use]
    pub fn name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same with another time-out per attempt.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// The same with another number of pending attempts a partition; 0 counts as 1.
    #[must_use]
    pub fn concurrency(mut self, attempts: usize) -> Self {
        self.concurrency = attempts.max(1);
        self
    }

    /// The same with another order.
    #[must_use]
    pub fn lanes(mut self, lanes: LanePolicy) -> Self {
        self.lanes = lanes;
        self
    }

    /// The same with retries of its own, for all its errors: they are nearer than what error handling says of some.
    #[must_use]
    pub fn retry(mut self, retry: Retry) -> Self {
        self.retry = Some(retry);
        self
    }

    /// The same, where errors of this handler are what `class` says; asked before the rules of the whole service. See
    /// [`ErrorHandling::classify`](super::ErrorHandling::classify).
    #[must_use]
    pub fn classify<E: std::error::Error + 'static>(mut self, class: impl Fn(&E) -> Failure + Send + Sync + 'static) -> Self {
        self.rules.classify(class);
        self
    }

    /// The same with other retries for errors of a type. See
    /// [`ErrorHandling::retry_for`](super::ErrorHandling::retry_for).
    #[must_use]
    pub fn retry_for<E: std::error::Error + 'static>(mut self, retry: Retry) -> Self {
        self.rules.retry_for::<E>(retry);
        self
    }

    /// The same with another fate for those behind a dead letter.
    #[must_use]
    pub fn followers(mut self, followers: Followers) -> Self {
        self.followers = Some(followers);
        self
    }

    /// The same with identity from elsewhere.
    #[must_use]
    pub fn id_source(mut self, source: IdSource) -> Self {
        self.id_source = source;
        self
    }

    /// The same with another window.
    #[must_use]
    pub fn in_flight(mut self, records: u64, bytes: u64) -> Self {
        self.in_flight_records = records.max(1);
        self.in_flight_bytes = bytes;
        self
    }

    /// The same with another cap on dead letters that wait for their sink; 0 counts as 1.
    #[must_use]
    pub fn max_letters(mut self, letters: usize) -> Self {
        self.max_letters = letters.max(1);
        self
    }

    /// The same with other settings of the table it keeps.
    #[must_use]
    pub fn table(mut self, table: TableSettings) -> Self {
        self.table = table;
        self
    }

    /// The same for events of `T`'s type only; said several times, of any of these types. Others are *filtered*: settled
    /// without a handler call, counted as such, never decoded, and not marked in the deduplicator.
    ///
    /// The type stands in the envelope or the CloudEvent, so identity must come from there too
    /// ([`IdSource::Envelope`], the default); `build()` refuses another. Tombstones have no type and are not filtered by
    /// it: a deletion must not be lost. What is no event stays poison.
    #[must_use]
    pub fn only<T: EventData>(mut self) -> Self {
        self.filter.types.push(T::TYPE);
        self
    }

    /// The same for records of which `wanted` says `true`; said several times, of which all do. Others are *filtered*, as
    /// by [`only`](Self::only), which is asked first.
    ///
    /// Asked once a record when it comes in, of tombstones too, and not of what is poison. A record for which it panics
    /// becomes a dead letter with reason `poison`.
    ///
    /// ```
    /// # use millstream_core::service::HandlerSettings;
    /// let settings = HandlerSettings::new().filter(|delivery| delivery.headers().text("tenant") == Some("blue"));
    /// ```
    #[must_use]
    pub fn filter(mut self, wanted: impl Fn(&DeliveryInfo<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.filter.add(wanted);
        self
    }

    /// The same with a layer around each attempt, inside those named before and inside the builder's.
    #[must_use]
    pub fn layer(mut self, layer: impl Layer) -> Self {
        self.layers.push(AnyLayer::new(layer));
        self
    }
}
