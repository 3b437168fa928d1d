//! Owns the doubt whether this member still belongs to its group after it did not run for a while. Leaves to the intake to
//! stamp its turns and to ask the group, and to the workers to hold back meanwhile.

use crate::clock::MonoTime;
use std::time::Duration;

/// How long a deduplicator's answer may be acted on: within that time nobody else can have taken the partition and
/// finished the record, for sessions as they are usually configured.
pub const CHECK_LIFE: Duration = Duration::from_secs(30);

/// When something was asked, and in which generation of trust.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    generation: u64,
    at: MonoTime,
}

/// Whether ownership is in doubt.
///
/// Every turn of the intake is stamped by a clock that counts suspended time (F111). A gap above half the session timeout
/// means that the process stood still (F74) and that the group may have given everything away: until it has answered
/// once, nothing starts, nothing is handed over, and no unfinished work is marked (B64).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Suspicion {
    longest_gap: Duration,
    last: Option<MonoTime>,
    suspect: bool,
    generation: u64,
}

impl Suspicion {
    /// No doubt yet, for a member whose session lasts `session_timeout`.
    pub fn new(session_timeout: Duration) -> Self {
        Suspicion { longest_gap: session_timeout / 2, last: None, suspect: false, generation: 0 }
    }

    /// How long the intake may not turn without a doubt: half a session.
    pub fn longest_gap(&self) -> Duration {
        self.longest_gap
    }

    /// Stamps a turn, with the clock that counts suspended time. Answers true if there is new doubt: hold everything back
    /// and ask the group (again, if it was asked already: an answer to a question from before the gap proves nothing).
    #[inline]
    pub fn turn(&mut self, now_with_suspend: MonoTime) -> bool {
        let gap = self.last.map_or(Duration::ZERO, |last| now_with_suspend.since(last));
        self.last = self.last.max(Some(now_with_suspend));
        let doubt = gap > self.longest_gap && !planted!(B64);
        if doubt {
            self.suspect = true;
            self.generation += 1;
        }
        doubt
    }

    /// The group knows this member, by an answer to the last question.
    pub fn confirmed(&mut self) {
        self.suspect = false;
    }

    /// Whether ownership is in doubt.
    #[inline]
    pub fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// Rises with every doubt. What was found out in an earlier generation must be found out again.
    #[inline]
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The stamp of a check that begins now.
    pub fn stamp(&self, now_with_suspend: MonoTime) -> Stamp {
        Stamp { generation: self.generation, at: now_with_suspend }
    }

    /// Whether a check with this stamp is too old to act on: from before a doubt, or older than [`CHECK_LIFE`] (I7).
    pub fn is_stale(&self, stamp: Stamp, now_with_suspend: MonoTime) -> bool {
        stamp.generation != self.generation || now_with_suspend.since(stamp.at) > CHECK_LIFE
    }
}

#[cfg(test)]
mod tests;
