//! Owns what a service runs around the ownership of a partition: before it starts, and before it is given up. Leaves when
//! that is to the intake.

use crate::contract::{Assigned, Offset, TopicPartition};
use crate::engine::Failure;
use crate::handler::{HandlerError, panics};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// What a service has restored by itself when a partition is assigned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Restored(Option<Option<Offset>>);

impl Restored {
    /// Nothing that has to do with positions: the partition starts where it would start without.
    pub const fn nothing() -> Self {
        Restored(None)
    }

    /// The state has every record up to `offset`, that one included. If the commit is behind it, it starts at the commit; else
    /// behind `offset`. What comes again above `offset` runs again even if the deduplicator knows it, for the state lacks it;
    /// duplicates stay known. What is committed does not go back meanwhile.
    ///
    /// A position of the whole partition is right only if every record below it is in the state. Under order by key a record
    /// may be in it while one before it still fails: keep a position for each key, and say the lowest.
    pub const fn through(offset: Offset) -> Self {
        Restored(Some(Some(offset)))
    }

    /// The state has no record: the partition starts at the beginning of its log.
    pub const fn none_of_it() -> Self {
        Restored(Some(None))
    }

    /// From where on records are missing; `None` if nothing was said of positions.
    pub(crate) fn lacks(self) -> Option<Offset> {
        self.0.map(|offset| offset.map_or(0, |offset| offset.saturating_add(1)))
    }

    /// Where a partition starts that would start at `at`, and whose log begins at `log_start`.
    pub(crate) fn start(self, at: Offset, log_start: Offset) -> Offset {
        self.lacks().map_or(at, |lacks| at.min(lacks.max(log_start)))
    }
}

/// A partition that is given up in order.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// The partition.
    pub partition: TopicPartition,
    /// Every record below is settled. What is committed of it, but in a replay for the state, where the commit is higher.
    pub committed: Offset,
}

/// A function of the service's state and of what it is told of a partition: `async fn restore(&self, now: Assigned) -> …`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a hook of a service with this state",
    note = "`on_assigned` takes an `async fn(&S, Assigned) -> Result<Restored, HandlerError>`, and `on_revoked` an `async fn(&S, Revoked) -> Result<(), HandlerError>`"
)]
pub trait PartitionHook<'s, S, Told, Answer>: Send + Sync + 'static {
    /// Calls it.
    #[doc(hidden)]
    fn call(&self, state: &'s S, told: Told) -> impl Future<Output = Result<Answer, HandlerError>> + Send;
}

impl<'s, F, Fut, S: 's, Told, Answer> PartitionHook<'s, S, Told, Answer> for F
where
    F: Fn(&'s S, Told) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Answer, HandlerError>> + Send + 's,
{
    fn call(&self, state: &'s S, told: Told) -> impl Future<Output = Result<Answer, HandlerError>> + Send {
        self(state, told)
    }
}

/// A hook with its state, whatever they are.
pub(crate) type Hook<Told, Answer> =
    Arc<dyn Fn(Told) -> Pin<Box<dyn Future<Output = Result<Answer, HandlerError>> + Send>> + Send + Sync>;

/// The hooks of a handler's partitions.
#[derive(Clone, Default)]
pub(crate) struct Hooks {
    pub(crate) assigned: Option<Hook<Assigned, Restored>>,
    pub(crate) revoked: Option<Hook<Revoked, ()>>,
}

/// A hook over `state`. A panic of it is a failure for good, with its words.
pub(crate) fn hook<S, Told, Answer, H>(hook: H, state: Arc<S>) -> Hook<Told, Answer>
where
    S: Send + Sync + 'static,
    Told: Send + 'static,
    Answer: Send + 'static,
    H: for<'s> PartitionHook<'s, S, Told, Answer>,
{
    let hook = Arc::new(hook);
    Arc::new(move |told| {
        let (state, hook) = (state.clone(), hook.clone());
        Box::pin(contained(Box::pin(async move { hook.call(&*state, told).await })))
    })
}

async fn contained<Answer>(
    call: Pin<Box<dyn Future<Output = Result<Answer, HandlerError>> + Send>>,
) -> Result<Answer, HandlerError> {
    let mut call = Some(call);
    poll_fn(|cx| {
        let Some(under_way) = &mut call else { return Poll::Pending };
        match panics::contained(|| under_way.as_mut().poll(cx)) {
            Ok(polled) => polled,
            Err(words) => {
                let broken = call.take();
                // Dropping what has panicked may panic again; what is left of it then is nobody's.
                let _ = panics::contained(|| drop(broken));
                Poll::Ready(Err(HandlerError::of(Failure::Panic, format!("it panicked: {words}").into())))
            }
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_starts_at_the_lower_of_its_commit_and_what_is_restored() {
        assert_eq!(Restored::nothing().start(100, 0), 100);
        assert_eq!(Restored::through(49).start(100, 0), 50);
        assert_eq!(Restored::through(149).start(100, 0), 100);
        assert_eq!(Restored::through(4).start(100, 20), 20);
        assert_eq!(Restored::none_of_it().start(100, 20), 20);
        assert_eq!(Restored::through(Offset::MAX).start(100, 0), 100);
    }

    #[test]
    fn what_a_state_lacks_begins_behind_what_it_has() {
        assert_eq!(Restored::nothing().lacks(), None);
        assert_eq!(Restored::none_of_it().lacks(), Some(0));
        assert_eq!(Restored::through(49).lacks(), Some(50));
        assert_eq!(Restored::through(Offset::MAX).lacks(), Some(Offset::MAX));
    }
}
