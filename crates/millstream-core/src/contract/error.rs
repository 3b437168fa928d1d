//! Owns the one error of Millstream: what happened, whether to try again, in which operation, and what is known of its
//! effect. Leaves the *handler's* errors to `handler`, which classifies them.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

/// Any error with a source chain, as libraries hand them over.
pub type BoxError = Box<dyn std::error::Error + Send + Sync + 'static>;

/// What kind of thing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// A broker, store or sink cannot be reached or does not answer.
    Unavailable,
    /// A deadline passed before an answer came.
    TimedOut,
    /// The queue of a client or a broker is full.
    Full,
    /// The topic or partition does not exist.
    UnknownTopic,
    /// The topic exists but is closed to writes.
    Unwritable,
    /// Credentials are missing, wrong or insufficient.
    Unauthorized,
    /// The record, key or header set is larger than the other side takes.
    TooLarge,
    /// The request is malformed or asks for what cannot be.
    Invalid,
    /// This member or producer was replaced by another.
    Fenced,
    /// The configuration is wrong; nothing was started.
    Configuration,
    /// The backend has no such ability.
    Unsupported,
    /// The part was closed or its epoch ended.
    Ended,
    /// Whoever runs it wanted it to end at once, and what ran was dropped.
    Interrupted,
    /// A task of Millstream itself ended that must not.
    Internal,
}

/// Whether doing the same again may help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TryAgain {
    /// It may: the cause is expected to pass.
    Yes,
    /// It may, but not before this long.
    After(Duration),
    /// It will not.
    No,
}

/// The operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Checking a service before it starts.
    Build,
    /// Connecting to a broker or store.
    Connect,
    /// Joining, keeping or leaving a consumer group.
    Group,
    /// Reading records.
    Fetch,
    /// Moving committed offsets.
    Commit,
    /// Writing records.
    Send,
    /// Waiting until everything sent is acknowledged.
    Flush,
    /// Asking a deduplicator.
    Check,
    /// Marking ids as done.
    Complete,
    /// Handing over a dead letter.
    DeadLetter,
    /// Looking up topics.
    Lookup,
    /// Reading kept state back.
    Restore,
    /// Reading or writing what is cached.
    Cache,
    /// Keeping numbers for others to see.
    Report,
    /// Closing down.
    Close,
    /// Running a service.
    Run,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operation::Build => "build",
            Operation::Connect => "connect",
            Operation::Group => "group membership",
            Operation::Fetch => "fetch",
            Operation::Commit => "commit",
            Operation::Send => "send",
            Operation::Flush => "flush",
            Operation::Check => "deduplication check",
            Operation::Complete => "deduplication mark",
            Operation::DeadLetter => "dead letter",
            Operation::Lookup => "topic look-up",
            Operation::Restore => "restore",
            Operation::Cache => "cache access",
            Operation::Report => "report of metrics",
            Operation::Close => "close",
            Operation::Run => "run",
        })
    }
}

/// Why a change of remote state was certainly not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum NotApplied {
    /// The group is between generations; ask again when it has settled (Kafka's errors 22, 27 and 113).
    Stale,
    /// Another member or producer has taken this one's place.
    Fenced,
    /// The other side refused.
    Refused,
    /// It was never sent.
    NotSent,
}

/// The three-valued answer of every call that changes remote state. Treating [`Unknown`](Applied::Unknown) as either of
/// the others is a bug class of its own, so this enum is exhaustive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Applied {
    /// The change was made.
    Applied,
    /// The change was certainly not made, and why.
    NotApplied(NotApplied),
    /// Nobody can tell: the request may have been applied, or may still be.
    Unknown,
}

/// The one error: kind, operation, context, whether to retry, what is known of the effect, and its source.
///
/// `Debug` prints the same prose as `Display` followed by the source chain, because `main` prints `Debug`.
pub struct Error(Box<Inner>);

struct Inner {
    kind: ErrorKind,
    operation: Operation,
    context: Cow<'static, str>,
    retry: TryAgain,
    applied: Applied,
    source: Option<BoxError>,
}

impl Error {
    /// An error that says that `operation` failed because of `context`.
    ///
    /// Whether to retry follows from the kind and can be overridden with [`retry`](Self::with_try_again); the effect is
    /// [`Unknown`](Applied::Unknown) for a time-out and "not applied" otherwise, unless said with
    /// [`applied`](Self::with_applied).
    pub fn new(kind: ErrorKind, operation: Operation, context: impl Into<Cow<'static, str>>) -> Self {
        use ErrorKind as K;
        let retry = match kind {
            K::Unavailable | K::TimedOut | K::Full | K::Unwritable => TryAgain::Yes,
            _ => TryAgain::No,
        };
        let applied = match kind {
            K::TimedOut => Applied::Unknown,
            K::Fenced => Applied::NotApplied(NotApplied::Fenced),
            _ => Applied::NotApplied(NotApplied::Refused),
        };
        Error(Box::new(Inner { kind, operation, context: context.into(), retry, applied, source: None }))
    }

    /// The same error with the error that caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<BoxError>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// The same error with another advice on trying again.
    #[must_use]
    pub fn with_try_again(mut self, retry: TryAgain) -> Self {
        self.0.retry = retry;
        self
    }

    /// The same error with what is known of its effect.
    #[must_use]
    pub fn with_applied(mut self, applied: Applied) -> Self {
        self.0.applied = applied;
        self
    }

    /// The same error, saying which of several parts it befell.
    pub(crate) fn of_part(mut self, name: &str) -> Self {
        self.0.context = format!("`{name}`: {}", self.0.context).into();
        self
    }

    /// What kind of thing went wrong.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// Which operation failed.
    pub fn operation(&self) -> Operation {
        self.0.operation
    }

    /// The circumstances, in words.
    pub fn context(&self) -> &str {
        &self.0.context
    }

    /// Whether doing the same again may help.
    pub fn retry(&self) -> TryAgain {
        self.0.retry
    }

    /// Whether doing the same again may help, now or later.
    pub fn is_retriable(&self) -> bool {
        self.0.retry != TryAgain::No
    }

    /// What is known of the effect.
    pub fn applied(&self) -> Applied {
        self.0.applied
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} failed: {}", self.0.operation, self.0.context)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            write!(f, "\n  caused by: {cause}")?;
            source = cause.source();
        }
        Ok(())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as _)
    }
}
