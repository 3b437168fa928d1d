//! Owns a deduplicator that fails as a store does: down, slow, with replies lost, emptied, or with ids claimed elsewhere.
//! Leaves remembering to the one it wraps.

use crate::{Fate, Switches};
use millstream_core::contract::{
    AnyDeduplicator, DedupScope, Deduplicator, Error, ErrorKind, Mark, Marked, Operation, Scope, Seen,
};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// A mark that was asked for, and whether it took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MarkCall {
    /// The scope in words.
    pub scope: String,
    /// What was to be marked.
    pub mark: Mark,
    /// Whether it was.
    pub applied: bool,
}

#[derive(Default)]
struct State {
    marks: Vec<MarkCall>,
    known: Vec<(DedupScope, u128)>,
    claimed: BTreeSet<u128>,
    forget: bool,
}

/// A deduplicator behind switches. Clones share everything, as the clients of one store do, so it outlives the service
/// that uses it.
///
/// Marks whose reply was lost are made; a check whose reply was lost failed like any other.
#[derive(Clone)]
pub struct FlakyDeduplicator {
    inner: AnyDeduplicator,
    checks: Switches,
    marks: Switches,
    state: Arc<Mutex<State>>,
    scope: Scope,
}

impl FlakyDeduplicator {
    /// `inner`, behind switches that let everything pass.
    pub fn new(inner: impl Deduplicator) -> Self {
        let scope = inner.scope();
        let (checks, marks) = (Switches::new(), Switches::new());
        FlakyDeduplicator { inner: AnyDeduplicator::new(inner), checks, marks, state: Arc::default(), scope }
    }

    /// The same, saying of itself that all processes share it.
    #[must_use]
    pub fn shared(mut self) -> Self {
        self.scope = Scope::Shared;
        self
    }

    /// What befalls `check`.
    pub fn checks(&self) -> &Switches {
        &self.checks
    }

    /// What befalls `complete`.
    pub fn marks(&self) -> &Switches {
        &self.marks
    }

    /// The whole store is away, or back.
    pub fn down(&self, yes: bool) {
        self.checks.down(yes);
        self.marks.down(yes);
    }

    /// All that was marked is forgotten before the next call, as by a store that restarts empty (F45).
    pub fn forget_everything(&self) {
        self.state().forget = true;
    }

    /// These ids are worked on elsewhere: a check answers [`Seen::Claimed`] unless they are done.
    pub fn claim(&self, keys: impl IntoIterator<Item = u128>) {
        self.state().claimed = keys.into_iter().collect();
    }

    /// All marks that were asked for, in order.
    pub fn mark_calls(&self) -> Vec<MarkCall> {
        self.state().marks.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forget_if_asked(&self) -> Result<(), Error> {
        let known = {
            let mut state = self.state();
            if !std::mem::take(&mut state.forget) {
                return Ok(());
            }
            std::mem::take(&mut state.known)
        };
        for (scope, key) in known {
            self.inner.forget(&scope, &[key]).await?;
        }
        Ok(())
    }
}

fn away(operation: Operation, fate: Fate) -> Error {
    match fate {
        Fate::ReplyLost => Error::new(ErrorKind::TimedOut, operation, "the store's reply was lost"),
        Fate::Refused => Error::new(ErrorKind::Unauthorized, operation, "the store refuses"),
        _ => Error::new(ErrorKind::Unavailable, operation, "the store is away"),
    }
}

impl Deduplicator for FlakyDeduplicator {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.checks.wait().await;
        let fate = self.checks.next();
        if fate != Fate::Passes {
            return Err(away(Operation::Check, fate));
        }
        self.forget_if_asked().await?;
        let before = answers.len();
        self.inner.check(scope, keys, answers).await?;
        let state = self.state();
        for (answer, key) in answers[before..].iter_mut().zip(keys) {
            if *answer == Seen::Fresh && state.claimed.contains(key) {
                *answer = Seen::Claimed;
            }
        }
        Ok(())
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        self.marks.wait().await;
        let fate = self.marks.next();
        let applied = matches!(fate, Fate::Passes | Fate::ReplyLost);
        {
            let mut state = self.state();
            let text = scope.as_str().to_owned();
            state.marks.extend(marks.iter().map(|&mark| MarkCall { scope: text.clone(), mark, applied }));
        }
        if applied {
            self.forget_if_asked().await?;
            self.inner.complete(scope, marks, met).await?;
            self.state().known.extend(marks.iter().map(|mark| (scope.clone(), mark.key)));
        }
        if fate == Fate::Passes { Ok(()) } else { Err(away(Operation::Complete, fate)) }
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        self.inner.forget(scope, keys).await
    }

    fn scope(&self) -> Scope {
        self.scope
    }

    fn retention(&self) -> Option<Duration> {
        self.inner.retention()
    }
}
