//! Owns one member of a group as the coordinator sees it. Leaves what it holds to `group`.

use crate::signal::Signal;
use millstream_core::clock::MonoTime;
use millstream_core::contract::{ConsumerRequest, TopicPartition};
use millstream_core::topic::Topic;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// A membership: a consumer that was thrown out and comes back has another one. Rises in the order of joining.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MemberId(pub u64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}

#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) client_id: String,
    pub(crate) topics: BTreeSet<Topic>,
    pub(crate) signal: Arc<Signal>,
    pub(crate) budget: Duration,
    session: Duration,
    /// Given back without having been asked for; not offered again before the next rebalance.
    pub(crate) declined: BTreeSet<TopicPartition>,
}

impl Member {
    pub(crate) fn new(request: &ConsumerRequest, signal: Arc<Signal>) -> Self {
        Member {
            client_id: request.client_id.clone(),
            topics: request.topics.iter().cloned().collect(),
            signal,
            budget: request.revoke_budget,
            session: request.session_timeout,
            declined: BTreeSet::new(),
        }
    }

    /// When the session ends if the member does not poll again.
    pub(crate) fn expires(&self) -> MonoTime {
        self.signal.last_poll().after(self.session)
    }
}
