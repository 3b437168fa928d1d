//! Owns what a case is: its name, the clauses it checks, what it needs, and its function. Leaves running it to `examine`.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;

/// A case of a suite, as data.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Case {
    /// The promise it checks, as the name of a function.
    pub name: &'static str,
    /// The clauses of the trait that promise it, the main one first.
    pub clauses: &'static [&'static str],
    /// What it needs beyond a log and groups of one member. Where that is missing the case is ignored.
    pub needs: &'static [Need],
}

impl Case {
    /// Whether it needs this.
    pub fn needs(&self, need: Need) -> bool {
        self.needs.contains(&need)
    }

    /// The contract's trait whose clause it checks first.
    pub fn of(&self) -> &'static str {
        match self.clauses[0].as_bytes()[0] {
            b'C' => "consumer",
            b'P' => "producer",
            b'T' => "transport",
            b'D' => "deduplicator",
            _ => "error_sink",
        }
    }

    /// A word for topics, groups and directories that no other case has: its name with `-`.
    pub fn slug(&self) -> String {
        self.name.replace('_', "-")
    }
}

/// `consumer::C8::a_revocation_overtakes_waiting_batches`.
impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}::{}::{}", self.of(), self.clauses[0], self.name)
    }
}

/// What a case needs of a backend, or of the harness around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Need {
    /// Consumer groups; [`Capabilities::groups`](millstream_core::contract::Capabilities::groups) says whether there are.
    Groups,
    /// Members of a group that hold partitions at the same time. A backend without excuses the cases in its harness.
    Sharing,
    /// Reading without a group; [`Capabilities::assignment`](millstream_core::contract::Capabilities::assignment) says so.
    Assignment,
    /// [`Act::Compact`](super::Act::Compact), and
    /// [`Capabilities::compaction`](millstream_core::contract::Capabilities::compaction).
    Compaction,
    /// [`Act::Expire`](super::Act::Expire).
    Expiry,
    /// [`Act::Silence`](super::Act::Silence).
    Silence,
    /// [`Act::StaleCommit`](super::Act::StaleCommit) and [`Act::UnknownCommit`](super::Act::UnknownCommit).
    CommitFaults,
    /// [`Act::FailSend`](super::Act::FailSend) and [`Act::UnknownSend`](super::Act::UnknownSend).
    SendFaults,
    /// [`Act::Gap`](super::Act::Gap).
    Gaps,
    /// [`Act::Trim`](super::Act::Trim).
    Trimming,
    /// [`Act::Truncate`](super::Act::Truncate).
    Truncation,
    /// [`Act::Recreate`](super::Act::Recreate).
    Recreation,
    /// A deduplicator with a cap of its own.
    Cap,
    /// A deduplicator that claims.
    Claims,
    /// A deduplicator or a sink that cannot reach its store.
    Outage,
    /// A letter that a sink refuses for good.
    Refusal,
}

/// Why a case did not apply to a backend. Never a way to pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excuse(Cow<'static, str>);

impl Excuse {
    /// The reason in words.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&'static str> for Excuse {
    fn from(reason: &'static str) -> Self {
        Excuse(Cow::Borrowed(reason))
    }
}

impl From<String> for Excuse {
    fn from(reason: String) -> Self {
        Excuse(Cow::Owned(reason))
    }
}

impl fmt::Display for Excuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a case ends if it does not panic.
pub(crate) type Checked = Result<(), Excuse>;

/// Lets a case that needs nothing special end with `()`.
pub(crate) trait IntoChecked {
    fn into_checked(self) -> Checked;
}

impl IntoChecked for () {
    fn into_checked(self) -> Checked {
        Ok(())
    }
}

impl IntoChecked for Checked {
    fn into_checked(self) -> Checked {
        self
    }
}

/// A case under way.
pub(crate) type Running<'a> = Pin<Box<dyn Future<Output = Checked> + 'a>>;

/// A case and its function, over the scene `S` it plays in.
pub(crate) struct Entry<S> {
    pub(crate) case: Case,
    pub(crate) run: for<'a> fn(&'a S) -> Running<'a>,
}

/// The table of a room: each case with its clauses and needs. A case that is not in a table warns as dead code.
macro_rules! table {
    ($(#[$doc:meta])* <$param:ident: $bound:path> $scene:ty; $($clause:ident),+ => $name:ident $(needs $need:ident $(and $more:ident)*)?; $($rest:tt)*) => {
        table!(@ [$(#[$doc])* <$param: $bound> $scene] [] $($clause),+ => $name $(needs $need $(and $more)*)?; $($rest)*);
    };
    (@ $head:tt [$($done:tt)*] $($clause:ident),+ => $name:ident $(needs $need:ident $(and $more:ident)*)?; $($rest:tt)*) => {
        table!(@ $head [$($done)* {
            case: Case {
                name: stringify!($name),
                clauses: &[$(stringify!($clause)),+],
                needs: &[$(Need::$need, $(Need::$more),*)?],
            },
            run: |scene| Box::pin(async move { IntoChecked::into_checked($name(scene).await) }),
        }] $($rest)*);
    };
    (@ [$(#[$doc:meta])* <$param:ident: $bound:path> $scene:ty] [$($entry:tt)*]) => {
        $(#[$doc])*
        pub(crate) fn cases<$param: $bound>() -> Vec<Entry<$scene>> {
            vec![$(Entry $entry),*]
        }
    };
}

pub(crate) use table;
