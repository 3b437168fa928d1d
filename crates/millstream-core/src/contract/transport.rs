//! Owns the client of a log: what makes producers and group members.

use super::{
    AnyTransport, Capabilities, Consumer, DescribedTopic, Error, ErrorKind, Operation, Producer, Reader, TopicPartition,
};
use crate::topic::Topic;
use std::time::Duration;

/// How a group hands partitions over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// Everybody gives up everything, then all is shared out anew.
    Eager,
    /// Only what moves is given up; the rest goes on. The default: a rebalance then stops only what it must.
    #[default]
    Cooperative,
}

/// What a consumer is to be: a member of a group, or a reader of named partitions that belongs to none.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ConsumerRequest {
    /// The consumer group; empty if it belongs to none.
    pub group: String,
    /// The topics, named one by one.
    pub topics: Vec<Topic>,
    /// The partitions it reads without a group, each once; empty for a member. See clause C17 of [`Consumer`].
    pub partitions: Vec<TopicPartition>,
    /// The name under which the member is seen.
    pub client_id: String,
    /// How partitions are handed over.
    pub protocol: Protocol,
    /// How long a silent member keeps its partitions. Default 45 s, Kafka's own.
    pub session_timeout: Duration,
    /// How long a member has to finish what is revoked. Default 30 s: below Kafka's default `max.poll.interval` share.
    pub revoke_budget: Duration,
    /// The most records in one batch. Default 512: big enough that per-batch costs vanish, small enough to keep a worker fair.
    pub max_batch: usize,
}

impl ConsumerRequest {
    /// A member of `group` on `topics`, with the defaults.
    pub fn new(group: impl Into<String>, topics: Vec<Topic>) -> Self {
        ConsumerRequest {
            group: group.into(),
            topics,
            partitions: Vec::new(),
            client_id: String::from("millstream"),
            protocol: Protocol::default(),
            session_timeout: Duration::from_secs(45),
            revoke_budget: Duration::from_secs(30),
            max_batch: 512,
        }
    }

    /// A reader of these partitions that belongs to no group, with the defaults: nobody shares them with it, nobody takes
    /// them away, and it commits nothing. For reading a log from end to end, as when state is restored.
    pub fn assigned(partitions: Vec<TopicPartition>) -> Self {
        let mut topics: Vec<Topic> = partitions.iter().map(|place| place.topic.clone()).collect();
        topics.dedup();
        ConsumerRequest { partitions, ..ConsumerRequest::new("", topics) }
    }

    /// The same under another name.
    #[must_use]
    pub fn client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// The same with another way of handing over.
    #[must_use]
    pub fn protocol(mut self, protocol: Protocol) -> Self {
        self.protocol = protocol;
        self
    }

    /// The same with another session time-out.
    #[must_use]
    pub fn session_timeout(mut self, timeout: Duration) -> Self {
        self.session_timeout = timeout;
        self
    }

    /// The same with another budget for revocations.
    #[must_use]
    pub fn revoke_budget(mut self, budget: Duration) -> Self {
        self.revoke_budget = budget;
        self
    }

    /// The same with another batch size.
    #[must_use]
    pub fn max_batch(mut self, records: usize) -> Self {
        self.max_batch = records.max(1);
        self
    }
}

/// A client of a log.
///
/// 1. **T1** `producer` and `consumer` may be called many times; what they make is independent.
///    *Checked by* `two_groups_read_everything_each`.
/// 2. **T2** `capabilities` never changes and needs no connection.
///    *Checked by* `capabilities_never_change`.
/// 3. **T3** A consumer of a partition that does not exist is refused with
///    [`ErrorKind::UnknownTopic`](super::ErrorKind::UnknownTopic), one that the capabilities exclude with
///    [`ErrorKind::Unsupported`](super::ErrorKind::Unsupported).
///    *Checked by* `what_cannot_be_read_is_refused`.
/// 4. **T4** `describe` answers for each topic, in order, `None` for one that does not exist, and makes none; one that using it
///    would make is described as it would be made. Or it answers [`ErrorKind::Unsupported`], always.
///    *Checked by* `topics_are_described_in_order_and_a_missing_one_is_none`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a transport",
    note = "a transport is `Memory::new()`, a Kafka client, or your own `impl Transport`; did you forget the `?`"
)]
pub trait Transport: Send + Sync + 'static {
    /// What writes.
    type Producer: Producer;
    /// What reads.
    type Consumer: Consumer;

    /// What it can and cannot do.
    fn capabilities(&self) -> Capabilities;

    /// A producer. Cancel safe.
    ///
    /// # Errors
    /// If the log cannot be reached.
    fn producer(&self) -> impl Future<Output = Result<Self::Producer, Error>> + Send;

    /// A group member, which joins as it is polled; or a reader without a group, if the request names partitions. Cancel
    /// safe.
    ///
    /// # Errors
    /// If the log cannot be reached, a topic or partition does not exist, or it cannot read without a group
    /// ([`Capabilities::assignment`]).
    fn consumer(&self, request: ConsumerRequest) -> impl Future<Output = Result<Self::Consumer, Error>> + Send;

    /// What each of these topics is; `None` for one that does not exist. A service asks before it joins its groups, so that
    /// what is missing is said at once. Default: it cannot tell, and only how many partitions topics have is looked up
    /// ([`Producer::partitions`]). Cancel safe.
    ///
    /// # Errors
    /// If nobody answers, or it cannot tell at all ([`ErrorKind::Unsupported`]).
    fn describe(&self, topics: &[Topic]) -> impl Future<Output = Result<Vec<Option<DescribedTopic>>, Error>> + Send {
        let _ = topics;
        async {
            let text = "this backend does not describe topics";
            Err(Error::new(ErrorKind::Unsupported, Operation::Lookup, text))
        }
    }

    /// What [`AnyTransport::new`] makes of it. Only an `AnyTransport` has a reason to answer something else: itself, so that
    /// nothing is boxed twice.
    #[doc(hidden)]
    fn into_any(self) -> AnyTransport
    where
        Self: Sized,
    {
        AnyTransport::erase(self)
    }
}

/// Conveniences over [`Transport`], for the direct tier.
pub trait TransportExt: Transport {
    /// A reader of topics as a member of `group`, with the defaults of [`ConsumerRequest`].
    ///
    /// # Errors
    /// As [`Transport::consumer`].
    fn reader(&self, group: &str, topics: &[Topic]) -> impl Future<Output = Result<Reader<Self::Consumer>, Error>> + Send {
        async move { Ok(Reader::new(self.consumer(ConsumerRequest::new(group, topics.to_vec())).await?)) }
    }
}

impl<T: Transport> TransportExt for T {}
