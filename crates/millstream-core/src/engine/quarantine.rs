//! Owns the memory of records that kill their process (F81): the note in the commit's metadata, and what it asks of the
//! next owner. Leaves committing the note to `commits` and running one at a time to the worker.
//!
//! Nobody can write down that they crash. So every owner commits an *open* note when it starts and a *clean* one when it
//! ends in order; who finds an open one of another process follows a crash, and is careful: it runs the first records one
//! at a time, each one's offset noted and committed before it starts. A crash then names its suspect.

use crate::contract::Offset;
use std::fmt;
use std::str::FromStr;

/// Crashes with a record noted as the suspect after which it becomes a dead letter with reason `crash`.
pub const MAX_CRASHES: u8 = 3;

/// The longest note, in bytes. Kafka keeps 4 KiB.
pub const MAX_NOTE: usize = 128;

/// What an owner leaves beside its committed offset. As text `ms1;i=<hex>;c=<0|1>[;s=<offset>:<crashes>]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    /// The process that wrote it.
    pub incarnation: u64,
    /// Whether it ended its epoch in order.
    pub clean: bool,
    /// The record about to start, and how many crashes had it as their suspect before.
    pub suspect: Option<(Offset, u8)>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ms1;i={:x};c={}", self.incarnation, u8::from(self.clean))?;
        self.suspect.map_or(Ok(()), |(offset, crashes)| write!(f, ";s={offset}:{crashes}"))
    }
}

/// A text that is not a note: somebody else's, or broken. To be treated as no note at all (F21).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NotANote;

impl fmt::Display for NotANote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("commit metadata is not a note of millstream")
    }
}

impl std::error::Error for NotANote {}

impl FromStr for Note {
    type Err = NotANote;

    fn from_str(text: &str) -> Result<Self, NotANote> {
        let parse = || {
            let mut parts = text.strip_prefix("ms1;").filter(|_| text.len() <= MAX_NOTE)?.split(';');
            let incarnation = u64::from_str_radix(parts.next()?.strip_prefix("i=")?, 16).ok()?;
            let clean = match parts.next()? {
                "c=0" => false,
                "c=1" => true,
                _ => return None,
            };
            let suspect = match parts.next() {
                Some(part) => {
                    let (offset, crashes) = part.strip_prefix("s=")?.split_once(':')?;
                    Some((offset.parse().ok()?, crashes.parse().ok()?))
                }
                None => None,
            };
            // Parts of later versions would follow here; they are passed over.
            Some(Note { incarnation, clean, suspect })
        };
        parse().ok_or(NotANote)
    }
}

impl Note {
    /// Reads the metadata found beside a committed offset; whatever is not a note is none.
    pub fn read(metadata: Option<&str>) -> Option<Note> {
        metadata?.parse().ok()
    }
}

/// How an epoch runs its records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Mode {
    /// One at a time, each noted first, until this many more are settled.
    Careful {
        /// How many.
        remaining: u64,
    },
    /// As policy says.
    Normal,
}

/// Whether a record may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Permit {
    /// It may.
    Run,
    /// It may after this note is committed: say [`Quarantine::noted`] then, and ask again.
    NoteFirst(Note),
    /// Another record is noted and not settled: ask again when it is.
    Wait,
    /// It may not: it is a dead letter with reason `crash`.
    DeadLetter,
}

/// What one epoch knows of records that kill their process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quarantine {
    incarnation: u64,
    remaining: u64,
    /// A record known from the note found, and the crashes it is the suspect of.
    known: Option<(Offset, u8)>,
    /// The record that is about to start or runs, and whether its note is committed.
    under_way: Option<(Offset, bool)>,
}

impl Quarantine {
    /// Of an epoch that starts at `start_at` and found `note`. `in_flight_cap` (at least 1) is how many records could have
    /// been in flight when the owner before crashed; `incarnation` is this process's own random number.
    ///
    /// No note counts as a clean end: a group that was never used, or used by something else. The caller commits an open
    /// note ([`note_now`](Self::note_now)`(false)`) when it starts, so that its own crash is seen. An open note of this very
    /// process is no crash either: the partition was lost and came back.
    pub fn on_assigned(note: Option<Note>, start_at: Offset, in_flight_cap: u64, incarnation: u64) -> Self {
        let crashed = note.is_some_and(|note| !note.clean && note.incarnation != incarnation);
        let known = note.and_then(|note| note.suspect).filter(|(offset, _)| *offset >= start_at);
        let known = known.map(|(offset, crashes)| (offset, crashes.saturating_add(u8::from(crashed))));
        Quarantine { incarnation, remaining: if crashed { in_flight_cap.max(1) } else { 0 }, known, under_way: None }
    }

    /// How records run now.
    #[inline]
    pub fn mode(&self) -> Mode {
        match self.remaining {
            0 => Mode::Normal,
            remaining => Mode::Careful { remaining },
        }
    }

    /// Whether every record may start at once: no mode and no suspect asks for a look. The fast path asks only this.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.remaining == 0 && self.known.is_none() && self.under_way.is_none()
    }

    /// Whether the record at `offset` may start. A suspect known from before is noted and watched in every mode.
    pub fn before_start(&mut self, offset: Offset) -> Permit {
        let crashes = self.crashes_of(offset);
        if crashes >= MAX_CRASHES {
            return Permit::DeadLetter;
        }
        match self.under_way {
            Some((other, true)) if other == offset => Permit::Run,
            Some((other, _)) if other != offset && self.remaining > 0 => Permit::Wait,
            Some((other, false)) if other == offset => Permit::NoteFirst(self.note_now(false)),
            _ if self.remaining == 0 && crashes == 0 => Permit::Run,
            Some(_) => Permit::Wait,
            None => {
                self.under_way = Some((offset, false));
                Permit::NoteFirst(self.note_now(false))
            }
        }
    }

    /// The note that names `offset` is committed: it may start.
    pub fn noted(&mut self, offset: Offset) {
        if let Some((_, committed)) = self.under_way.as_mut().filter(|(at, _)| *at == offset) {
            *committed = true;
        }
    }

    /// The record at `offset` is settled. Counts only records that had to be noted or were known: what a deduplicator
    /// answered for was never in danger.
    pub fn settled(&mut self, offset: Offset) {
        let mine = |at: Offset| at == offset;
        if self.under_way.is_some_and(|(at, _)| mine(at)) || self.known.is_some_and(|(at, _)| mine(at)) {
            self.put_back(offset);
            self.known = self.known.filter(|(at, _)| !mine(*at));
            self.remaining = self.remaining.saturating_sub(1);
        }
    }

    /// The record at `offset` does not run after all, or not now (deferred, waiting for its next attempt): others may go
    /// first, and it asks again.
    pub fn put_back(&mut self, offset: Offset) {
        self.under_way = self.under_way.filter(|(at, _)| *at != offset);
    }

    /// The note to commit now: open while the epoch lives, clean (`true`) with its last commit when all it started has
    /// ended.
    pub fn note_now(&self, clean: bool) -> Note {
        let under_way = self.under_way.filter(|_| !clean).map(|(offset, _)| (offset, self.crashes_of(offset)));
        Note { incarnation: self.incarnation, clean, suspect: under_way }
    }

    fn crashes_of(&self, offset: Offset) -> u8 {
        self.known.filter(|(at, _)| *at == offset).map_or(0, |(_, crashes)| crashes)
    }
}

#[cfg(test)]
mod tests;
