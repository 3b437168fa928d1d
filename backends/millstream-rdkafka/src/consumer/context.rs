//! Owns what librdkafka calls back about: only noted here, and looked at by the member's thread right after, so that nothing is
//! decided inside a callback.

use crate::client::ClientHooks;
use millstream_core::contract::Error;
use rdkafka::client::{ClientContext, OAuthToken};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext, RebalanceProtocol};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

/// A partition as librdkafka names it.
pub(super) type Named = (String, i32);

/// What librdkafka said.
pub(super) enum Happened {
    Assigned(Vec<Named>),
    Revoked(Vec<Named>),
    /// The outcome of the commit that was sent: of all of it, and of each partition.
    Committed(Option<RDKafkaErrorCode>, Vec<(Named, Option<RDKafkaErrorCode>)>),
    /// The library itself cannot go on with this assignment.
    RebalanceFailed(RDKafkaErrorCode),
}

pub(crate) struct Context {
    hooks: ClientHooks,
    happened: Mutex<VecDeque<Happened>>,
    calls: AtomicU64,
    closing: AtomicBool,
    one_by_one: bool,
}

impl Context {
    pub(super) fn new(hooks: ClientHooks, one_by_one: bool) -> Self {
        Context { hooks, happened: Mutex::default(), calls: AtomicU64::new(0), closing: AtomicBool::new(false), one_by_one }
    }

    /// How often it was called back: one that changes says that the queue held something.
    pub(super) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// An error, or what is behind it.
    pub(super) fn explain(&self, error: Error) -> Error {
        self.hooks.explain(error)
    }

    /// Trouble that passes, or what is behind it.
    pub(super) fn trouble(&self, code: RDKafkaErrorCode) -> Error {
        self.hooks.trouble(code)
    }

    /// Whether records are read through the safe wrapper.
    pub(super) fn reads_one_by_one(&self) -> bool {
        self.one_by_one
    }

    pub(super) fn take(&self) -> Option<Happened> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// From now on what is revoked is given up at once: nobody is there any more to drain it.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Release);
    }

    fn note(&self, happened: Happened) {
        self.called();
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).push_back(happened);
    }

    fn called(&self) {
        self.calls.fetch_add(1, Ordering::Relaxed);
    }
}

fn names(list: &TopicPartitionList) -> Vec<Named> {
    list.elements().iter().map(|element| (element.topic().to_owned(), element.partition())).collect()
}

impl ClientContext for Context {
    const ENABLE_REFRESH_OAUTH_TOKEN: bool = true;

    fn log(&self, level: RDKafkaLogLevel, facility: &str, text: &str) {
        self.called();
        self.hooks.log(level, facility, text);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.called();
        self.hooks.error(&error, reason);
    }

    fn stats_raw(&self, _statistics: &[u8]) {
        self.called();
    }

    fn generate_oauth_token(&self, _config: Option<&str>) -> Result<OAuthToken, Box<dyn std::error::Error>> {
        self.called();
        self.hooks.token()
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Acquire) {
            self.called();
            let _ = match consumer.rebalance_protocol() {
                RebalanceProtocol::Cooperative => consumer.incremental_unassign(list),
                _ => consumer.unassign(),
            };
            return;
        }
        self.note(match code {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Happened::Assigned(names(list)),
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS => Happened::Revoked(names(list)),
            other => Happened::RebalanceFailed(other.into()),
        });
    }

    fn commit_callback(&self, result: KafkaResult<()>, offsets: &TopicPartitionList) {
        let whole = result.err().and_then(|error| error.rdkafka_error_code());
        let mut each = Vec::new();
        for element in offsets.elements() {
            let code = element.error().err().and_then(|error| error.rdkafka_error_code());
            each.push(((element.topic().to_owned(), element.partition()), code));
        }
        self.note(Happened::Committed(whole, each));
    }
}
