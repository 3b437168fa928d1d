//! The service: the only room that has tasks and timers. It drives the engine with the four traits.
//!
//! | file | noun |
//! | --- | --- |
//! | `parts` | what a service is made of |
//! | `run` | a service that was built, and its run |
//! | `handle` | starting, stopping and observing it from outside |
//! | `intake` | the only owner of a consumer |
//! | `worker` | one partition under one epoch |
//! | `cell` | what intake and worker share |
//! | `slots` | handler futures, in place |
//! | `batch_call` | calls of batch handlers |
//! | `prepare` | a record's identity and limits |
//! | `filter` | which records a handler wants |
//! | `sink` | outputs on their way out of a worker |
//! | `outbox` · `outboxes` | outputs on their way into the log |
//! | `publisher` | root events, outside handlers |
//! | `dead_letters` | the dead-letter topic as a sink, and its name |
//! | `retry_topics` · `topic_writer` | copies of failed records for later, and their way into the log |
//! | `sinks` | sinks made of sinks |
//! | `classify` | what errors of a type mean |
//! | `fingerprint` | telling an id used twice from a duplicate |
//! | `producer_settings` · `settings` · `batch_settings` · `error_handling` · `plan` | what can be set, and what is fixed for one handler |
//! | `spans` · `span_hook` | what tracing sees, and how it is tied to other services |
//! | `account` · `health` | what became of records, and how the service is |
//! | `meters` · `client_meters` · `partition_meters` | the same as metrics, if they are wanted |
//! | `reporter` | who is told of both, from time to time |
//! | `log_text` | words fit for a log |
//! | `hooks` | what a user runs before a partition starts, and before it is given up |
//! | `survey` · `problems` | what is looked up of topics before a run, and how all that is wrong reads |
//! | `table` | state kept by a service, in a compacted topic |
//! | `turns` | whose turn it is to be careful |
//! | `shutdown` · `latest` · `signals` · `watchdog` | how it ends, how that is heard of, who tells it to, and who blocks it |
//! | `services` | several in one process, in order |

mod account;
mod batch_call;
mod batch_settings;
mod cell;
mod classify;
mod client_meters;
mod dead_letters;
mod error_handling;
mod filter;
mod fingerprint;
mod handle;
mod health;
mod hooks;
mod intake;
mod latest;
mod log_text;
mod meters;
mod outbox;
mod outboxes;
mod partition_meters;
mod parts;
mod plan;
mod prepare;
mod problems;
mod producer_settings;
mod publisher;
mod ready;
mod reporter;
mod retry_topics;
mod run;
mod services;
mod settings;
mod shutdown;
mod signals;
mod sink;
mod sinks;
mod slots;
mod span_hook;
mod spans;
mod survey;
mod table;
mod topic_writer;
mod turns;
mod watchdog;
mod worker;

pub use account::{Account, AccountLine, Counts};
pub use batch_settings::BatchSettings;
pub use dead_letters::{DeadLetterTopic, Naming};
pub use error_handling::ErrorHandling;
pub use handle::ServiceHandle;
pub use health::{Health, Life};
pub use hooks::{PartitionHook, Restored, Revoked};
pub use intake::StartAt;
pub use producer_settings::ProducerSettings;
pub use publisher::Publisher;
pub use reporter::{Report, Reporter};
pub use run::StreamService;
pub use services::{Services, ServicesHandle, StopSignal};
pub use settings::{HandlerSettings, IdSource};
pub use shutdown::{Shutdown, exit_code};
pub use sinks::{And, BestEffort, ErrorSinkExt, Only, OrElse, Routed, ToTopic};
pub use span_hook::SpanHook;
pub use table::{TableSettings, TableStart};

pub(crate) use batch_call::make_batch_runner;
pub(crate) use batch_settings::BatchPolicy;
pub(crate) use classify::Rules;
pub(crate) use dead_letters::letter_topic;
pub(crate) use hooks::{Hooks, hook};
pub(crate) use log_text::{log_text, quote};
pub(crate) use parts::{GroupParts, HandlerParts, ServiceParts};
pub(crate) use plan::Calls;
pub(crate) use problems::Problems;
pub(crate) use reporter::Reporting;
pub(crate) use retry_topics::{MOST_RETRY_TOPICS, retry_topics};
pub(crate) use slots::make_runner;

use crate::handler::PublishNow;
use std::sync::Arc;

/// What `publish_now` sends through: the outbox of the destination's namespace.
fn outbox_publisher(outbox: plan::OutboxOf, cell: Arc<cell::Cell>) -> Box<dyn PublishNow> {
    let outbox = Box::new(move |topic: &crate::topic::Topic| outbox(topic.namespace_name()));
    Box::new(outbox::PublishThrough { outbox, cell })
}
