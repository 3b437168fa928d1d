//! Reading, as a member of a group or alone.
//!
//! Two sides share one state. Whoever polls the contract reads the partitions' own queues, which never blocks, and so demand,
//! pauses and ends are exact: what is not asked for stays where it is. A thread of the consumer's own polls librdkafka for the
//! group, and does what could block.
//!
//! | file | noun |
//! | --- | --- |
//! | `state` | which epochs are open, what is to be said, what the thread is to do |
//! | `owned` | one epoch of one partition: where it reads, and how much |
//! | `leaders` | under which leaders what was read was written |
//! | `source` | where its records come from: in batches, or one by one |
//! | `shared` | the lock around the state, and the bells |
//! | `member` · `closing` | the thread, turn by turn; its end |
//! | `handing_over` · `starts` | how partitions come and go; how they begin to be read |
//! | `standing` | whether the group still has the member |
//! | `commits` | the commit under way |
//! | `lookup` | the thread that asks where partitions stand |
//! | `context` | librdkafka's callbacks |

mod closing;
mod commits;
mod context;
mod handing_over;
mod leaders;
mod lookup;
mod member;
mod owned;
mod shared;
mod source;
mod standing;
mod starts;
mod state;

pub(crate) use commits::MAX_METADATA;

use crate::config::Native;
use crate::{blocking, error};
use context::Context;
use lookup::Finder;
use member::Member;
use millstream_core::contract::{Close, Command, Consumer, ConsumerEvent, ConsumerRequest, Error};
use rdkafka::config::{ClientConfig, FromClientConfigAndContext};
use rdkafka::consumer::BaseConsumer;
use shared::Shared;
use state::{State, Task};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::mpsc::sync_channel;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::task::coop;

/// The most questions that wait for the thread that asks them.
const QUESTIONS: usize = 64;

/// A consumer of an [`Rdkafka`](crate::Rdkafka). Needs a tokio runtime with time to be closed.
///
/// It belongs to its group while it is polled, and for a session's length after. Dropped without `close` it leaves in the
/// background. [`Close::Stay`] keeps the membership of a static member (see
/// [`instance_id`](crate::RdkafkaConfig::instance_id)); any other leaves.
pub struct RdkafkaConsumer {
    shared: Arc<Shared>,
    closed: bool,
}

impl std::fmt::Debug for RdkafkaConsumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RdkafkaConsumer").field("closed", &self.closed).finish_non_exhaustive()
    }
}

impl RdkafkaConsumer {
    /// Makes the client and its threads. Blocks for a moment: for a thread of our own.
    pub(crate) fn start(config: &ClientConfig, native: &Native, request: ConsumerRequest) -> Result<Self, Error> {
        let shared = Arc::new(Shared::new(State::new(request.max_batch)));
        let context = Context::new(native.hooks().clone(), native.reads_one_by_one());
        let mut consumer =
            BaseConsumer::from_config_and_context(config, context).map_err(|e| error::of_config(&e, native.hooks()))?;
        let bell = Arc::downgrade(&shared);
        consumer.set_nonempty_callback(move || {
            if let Some(shared) = bell.upgrade() {
                shared.signal.ring();
            }
        });
        let consumer = Arc::new(consumer);
        let (questions, asked) = sync_channel(QUESTIONS);
        let finder = Finder {
            consumer: consumer.clone(),
            shared: shared.clone(),
            grouped: request.partitions.is_empty(),
            asked: AtomicUsize::new(0),
        };
        let member = Member::new(consumer, shared.clone(), request, questions);
        blocking::thread("millstream-finder", move || finder.run(&asked))?;
        blocking::thread("millstream-member", move || member.run())?;
        Ok(RdkafkaConsumer { shared, closed: false })
    }

    fn give(&self, task: Task) {
        self.shared.state().tasks.push_back(task);
        self.shared.signal.ring();
    }
}

impl Consumer for RdkafkaConsumer {
    async fn poll(&mut self) -> ConsumerEvent {
        let _polling = self.shared.polling();
        poll_fn(|cx| {
            let budget = ready!(coop::poll_proceed(cx));
            let mut event = self.turn();
            if event.is_none() {
                // Registered first and looked again, so that what happens meanwhile is not missed.
                self.shared.waker.register(cx.waker());
                event = self.turn();
            }
            match event {
                Some(event) => {
                    budget.made_progress();
                    Poll::Ready(event)
                }
                None => Poll::Pending,
            }
        })
        .await
    }

    fn submit(&mut self, command: Command) {
        if self.shared.state().obey(command) {
            self.shared.signal.ring();
        }
    }

    async fn close(&mut self, how: Close) -> Result<(), Error> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        let within = match how {
            Close::Leave(within) | Close::Stay(within) => within,
            _ => Duration::from_secs(5),
        };
        let (answer, answered) = oneshot::channel();
        self.give(Task::Close { by: Instant::now() + within, answer });
        // A thread that hangs in the library does not hold up who goes.
        match tokio::time::timeout(within + Duration::from_millis(100), answered).await {
            Ok(Ok(answer)) => answer,
            _ => Err(error::unheard("this consumer")),
        }
    }
}

impl RdkafkaConsumer {
    fn turn(&self) -> Option<ConsumerEvent> {
        let mut state = self.shared.state();
        let before = state.tasks.len();
        let event = state.next();
        let asked = state.tasks.len() > before;
        drop(state);
        if asked {
            self.shared.signal.ring();
        }
        event
    }
}

impl Drop for RdkafkaConsumer {
    fn drop(&mut self) {
        if !self.closed {
            self.give(Task::Gone);
        }
    }
}
