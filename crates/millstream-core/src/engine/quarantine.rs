//! Owns the memory of records that kill their process (F81): the note in the commit's metadata, and what it asks of the
//! next owner. Leaves committing the note to `commits` and running one at a time to the worker.
//!
//! Nobody can write down that they crash. So every owner commits an *open* note when it starts and a *clean* one when it
//! ends in order; who finds an open one of another process follows a crash, and is careful: it runs the first records one
//! at a time, each one's offset noted and committed before it starts. A crash then names its suspect. Care ends when as many
//! records as could have been in flight are settled and none below them is left: one that was deferred meanwhile may be the
//! killer.
//!
//! A crash takes all partitions of its process along. Careful epochs of one process must therefore take turns, and keep the
//! turn until a note without the suspect is committed; otherwise the innocent record that runs beside a killer each time
//! is counted and becomes a dead letter with it. The service's `turns` sees to that.

use crate::contract::Offset;
use std::fmt;
use std::str::FromStr;

/// Crashes with a record noted as the suspect after which it becomes a dead letter with reason `crash`.
pub const MAX_CRASHES: u8 = 3;

/// The longest note, in bytes. Kafka keeps 4 KiB.
pub const MAX_NOTE: usize = 160;

/// A record's offset, and the crashes that had it as their suspect.
pub type Suspect = (Offset, u8);

/// How many more suspects a note remembers, so that two killers cannot make each other forgotten.
const OTHERS: usize = 2;

/// What an owner leaves beside its committed offset. As text `ms1;i=<hex>;c=<0|1>`, then `;s=<offset>:<crashes>` for the
/// suspect and `;k=<offset>:<crashes>` for each other, and `;t=<offset>` for the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Note {
    /// The process that wrote it.
    pub incarnation: u64,
    /// Whether it ended its epoch in order.
    pub clean: bool,
    /// The record about to start or running: a crash is counted against it.
    pub suspect: Option<Suspect>,
    /// Suspects of crashes before that are not settled yet: remembered, not counted.
    pub others: [Option<Suspect>; OTHERS],
    /// If a table was kept up to this commit: the end that its log had at least.
    pub table: Option<Offset>,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ms1;i={:x};c={}", self.incarnation, u8::from(self.clean))?;
        let others = self.others.iter().flatten().map(|other| ('k', other));
        let mut all = self.suspect.iter().map(|suspect| ('s', suspect)).chain(others);
        all.try_for_each(|(name, (offset, crashes))| write!(f, ";{name}={offset}:{crashes}"))?;
        self.table.map_or(Ok(()), |end| write!(f, ";t={end}"))
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
            let suspect_of = |text: &str| {
                let (offset, crashes) = text.split_once(':')?;
                Some((offset.parse().ok()?, crashes.parse().ok()?))
            };
            let (mut suspect, mut others, mut table) = (None, [None; OTHERS], None);
            for part in parts {
                match part.split_once('=')? {
                    ("s", text) => suspect = Some(suspect_of(text)?),
                    ("k", text) => *others.iter_mut().find(|other| other.is_none())? = Some(suspect_of(text)?),
                    ("t", text) => table = Some(text.parse().ok()?),
                    // Of a later version.
                    _ => {}
                }
            }
            Some(Note { incarnation, clean, suspect, others, table })
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
    /// One at a time, each noted first.
    Careful {
        /// How many more must be settled like this. At 0 only some that were passed over are missing.
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

/// How far a record under care is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum UnderWay {
    /// Its note is on its way.
    Noting,
    /// Its note is committed: it may start.
    Noted,
    /// It has started.
    Runs,
}

/// What one epoch knows of records that kill their process.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quarantine {
    incarnation: u64,
    /// How many more must be settled with care, and the highest offset that was; `None` when care has ended.
    care: Option<(u64, Offset)>,
    /// Suspects known from the note found: at most one and [`OTHERS`], the most suspect first.
    known: Vec<Suspect>,
    /// The record that is about to start or runs, and how far it is.
    under_way: Option<(Offset, UnderWay)>,
    /// What its notes say of the table.
    table: Option<Offset>,
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
        let suspect = note.and_then(|note| note.suspect);
        let suspect = suspect.map(|(offset, crashes)| (offset, crashes.saturating_add(u8::from(crashed))));
        let others = note.map_or([None; OTHERS], |note| note.others);
        let mut known: Vec<Suspect> = suspect.into_iter().chain(others.into_iter().flatten()).collect();
        known.retain(|(offset, _)| *offset >= start_at);
        known.sort_by_key(|(offset, crashes)| (std::cmp::Reverse(*crashes), *offset));
        Quarantine { incarnation, care: crashed.then_some((in_flight_cap.max(1), start_at)), known, under_way: None, table: None }
    }

    /// The same of an epoch that keeps a table whose log ended at `end` when it was restored: its notes say so.
    #[must_use]
    pub fn keeping(mut self, end: Option<Offset>) -> Self {
        self.table = end;
        self
    }

    /// How records run now.
    #[inline]
    pub fn mode(&self) -> Mode {
        self.care.map_or(Mode::Normal, |(remaining, _)| Mode::Careful { remaining })
    }

    /// Whether every record may start at once: no mode and no suspect asks for a look. The fast path asks only this.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.care.is_none() && self.known.is_empty() && self.under_way.is_none()
    }

    /// Whether a record is noted, or about to be, and neither settled nor put back.
    pub fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether the record at `offset` may start. To be asked in offset order while careful, so that the next process meets
    /// the same record first; one that has its turn later than a higher one goes before it unless that runs already. A suspect
    /// known from before is noted and watched in every mode.
    pub fn before_start(&mut self, offset: Offset) -> Permit {
        let crashes = self.crashes_of(offset);
        if crashes >= MAX_CRASHES {
            return Permit::DeadLetter;
        }
        match &mut self.under_way {
            Some((under_way, far)) if *under_way == offset => {
                if *far != UnderWay::Noting {
                    *far = UnderWay::Runs;
                    return Permit::Run;
                }
            }
            _ if self.care.is_none() && crashes == 0 => return Permit::Run,
            // One below that has its turn meanwhile goes first: it stands before the other and would keep it from asking.
            Some((under_way, far)) if *far == UnderWay::Runs || *under_way < offset => return Permit::Wait,
            _ => self.under_way = Some((offset, UnderWay::Noting)),
        }
        Permit::NoteFirst(self.note_now(false))
    }

    /// The note that names `offset` is committed: it may start.
    pub fn noted(&mut self, offset: Offset) {
        if let Some((_, far)) = self.under_way.as_mut().filter(|(at, far)| *at == offset && *far == UnderWay::Noting) {
            *far = UnderWay::Noted;
        }
    }

    /// The record at `offset` is settled, and the watermark is now at `watermark`. To be said of every record while not
    /// [idle](Self::is_idle); only those that had to be noted or were known count, because what a deduplicator answered for
    /// was never in danger. A dead letter's crashes are remembered until the watermark has passed it, as it may come again.
    pub fn settled(&mut self, offset: Offset, watermark: Offset) {
        let ran = self.under_way.is_some_and(|(at, _)| at == offset) || self.crashes_of(offset) > 0;
        self.put_back(offset);
        self.known.retain(|(at, crashes)| *at >= watermark && (*at != offset || *crashes >= MAX_CRASHES));
        self.care = match self.care {
            Some((remaining @ 1.., highest)) if ran => Some((remaining - 1, highest.max(offset))),
            care => care,
        };
        self.care = self.care.filter(|(remaining, highest)| *remaining > 0 || watermark <= *highest);
    }

    /// The record at `offset` does not run after all, or not now (deferred, waiting for its next attempt): others may go
    /// first, and it asks again.
    pub fn put_back(&mut self, offset: Offset) {
        self.under_way = self.under_way.filter(|(at, _)| *at != offset);
    }

    /// The note to commit now: open while the epoch lives, clean (`true`) with its last commit when all it started has
    /// ended.
    pub fn note_now(&self, clean: bool) -> Note {
        let suspect = self.under_way.filter(|_| !clean).map(|(offset, _)| (offset, self.crashes_of(offset)));
        let mut known = self.known.iter().filter(|(offset, _)| suspect.is_none_or(|(at, _)| at != *offset)).copied();
        Note { incarnation: self.incarnation, clean, suspect, others: std::array::from_fn(|_| known.next()), table: self.table }
    }

    fn crashes_of(&self, offset: Offset) -> u8 {
        self.known.iter().find(|(at, _)| *at == offset).map_or(0, |(_, crashes)| *crashes)
    }
}

#[cfg(test)]
mod tests;
