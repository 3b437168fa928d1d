//! Owns what happened: every event of a run, in order, with its time; the hash of all that (I14); and how it reads. Leaves
//! what is wrong about it to `checks`.

use super::network::{MemberNo, Server};
use millstream_core::contract::{DeadLetter, Epoch, Offset, Position, TopicPartition};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ended {
    /// The handler answered `Ok`, with so many outputs.
    Done(usize),
    /// It put the record off.
    Deferred,
    /// It failed, in these words.
    Failed(String),
    /// It was dropped where it waited.
    Dropped,
}

/// One thing that happened. Its `Display` is its line in a time line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum What {
    /// A fault, or its end.
    Fault(String),
    /// A member's process started, for the so many-th time.
    Started(u32),
    /// A member's process died as by SIGKILL.
    Crashed,
    /// A member was told to stop.
    Stopping,
    /// A member's service ended by itself, and how.
    Stopped(String),
    /// The group gave a partition to the member.
    Granted(String, TopicPartition),
    /// The group took the member out.
    Fenced(String),
    /// A partition is the member's to give up or take.
    Assigned(TopicPartition, Epoch),
    /// It is to be read from an offset on.
    Reads(Epoch, Offset),
    /// Records came to the member: the partition, the first offset, and how many.
    Delivered(TopicPartition, Epoch, Offset, usize),
    /// It is to be given up, or (true) is lost.
    Ending(TopicPartition, Epoch, bool),
    /// The member has given it up.
    Released(TopicPartition, Epoch),
    /// The group wrote a commit: the offset, and the one before.
    Committed(String, TopicPartition, Offset, Option<Offset>),
    /// The group refused a commit.
    CommitRefused(String, TopicPartition, Offset),
    /// A handler was called: its name, the record's place, epoch and attempt.
    Called(Arc<str>, TopicPartition, Offset, Epoch, u32),
    /// A call ended.
    Answered(Arc<str>, TopicPartition, Offset, Ended),
    /// A record was written.
    Landed(TopicPartition, Offset),
    /// An id was marked by the record at a position.
    Marked(u128, Position),
    /// The error sink keeps the letter of a record, by the group that reads it and why it failed.
    Kept(String, TopicPartition, Offset, &'static str),
    /// The error sink has lost a letter that it kept.
    Lost(String, TopicPartition, Offset),
    /// The service under test, or the test, noted something: a name and a value.
    Noted(Arc<str>, String),
    /// A server does what nobody asked it for.
    Server(Server, String),
}

/// One event of a run.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct Event {
    /// Since the run's beginning, in virtual time.
    pub at: Duration,
    /// The member it happened to, if to one: its number, from 0 over all services.
    pub member: Option<MemberNo>,
    /// What.
    pub what: What,
}

/// All that happened in a run, and what is left of it. An invariant of a user's is a question to it.
#[derive(Clone, Debug, Default)]
pub struct History {
    pub(crate) events: Vec<Event>,
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) letters: Vec<DeadLetter>,
}

impl History {
    /// The events in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What was noted under a name with [`Node::note`](super::Node::note), in order, with the number of the member that noted it.
    pub fn noted<'h>(&'h self, name: &'h str) -> impl Iterator<Item = (Option<MemberNo>, &'h str)> {
        self.events.iter().filter_map(move |event| match &event.what {
            What::Noted(found, value) if **found == *name => Some((event.member, value.as_str())),
            _ => None,
        })
    }

    /// The letters that the [error sink](super::SimErrorSink) keeps in the end, in the order in which they came, each once.
    pub fn letters(&self) -> &[DeadLetter] {
        &self.letters
    }

    /// A number that is equal for equal histories (I14).
    pub fn hash(&self) -> u64 {
        let mut hasher = xxhash_rust::xxh3::Xxh3::new();
        self.events.hash(&mut hasher);
        hasher.finish()
    }

    /// A text about members, by their names.
    pub(crate) fn named(&self, text: &str) -> String {
        // From the last one on: `member 1` begins `member 12` too.
        let names = self.names.iter().enumerate().rev();
        names.fold(text.to_owned(), |text, (member, name)| text.replace(&format!("member {member}"), name))
    }

    /// The last events before the end, as a time line a reader can follow; all of them if there are fewer than `most`.
    pub fn time_line(&self, most: usize) -> String {
        use fmt::Write;
        let mut text = String::new();
        let wide = self.names.iter().map(|name| name.len()).max().unwrap_or(0);
        let skipped = self.events.len().saturating_sub(most);
        if skipped > 0 {
            let _ = writeln!(text, "        … {skipped} events before");
        }
        for event in &self.events[skipped..] {
            let who = event.member.and_then(|member| self.names.get(member)).map_or("", |name| name);
            let what = match &event.what {
                What::Fault(fault) => self.named(&format!("⚡ {fault}")),
                what => what.to_string(),
            };
            let _ = writeln!(text, "{:>10.3} s  {who:<wide$}  {what}", event.at.as_secs_f64());
        }
        text
    }
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            What::Fault(text) => write!(f, "⚡ {text}"),
            What::Started(1) => f.write_str("starts"),
            What::Started(times) => write!(f, "starts again (process {times})"),
            What::Crashed => f.write_str("⚡ is killed"),
            What::Stopping => f.write_str("is told to stop"),
            What::Stopped(how) => write!(f, "has ended: {how}"),
            What::Granted(group, place) => write!(f, "group {group} gives it {place}"),
            What::Fenced(group) => write!(f, "group {group} takes it out"),
            What::Assigned(place, epoch) => write!(f, "is assigned {place} ({epoch})"),
            What::Reads(epoch, at) => write!(f, "reads {epoch} from {at}"),
            What::Delivered(place, epoch, first, count) => {
                write!(f, "gets {place} {first}..{} ({epoch})", first + *count as u64)
            }
            What::Ending(place, epoch, lost) => {
                write!(f, "{} {place} ({epoch})", if *lost { "has lost" } else { "is to give up" })
            }
            What::Released(place, epoch) => write!(f, "gives up {place} ({epoch})"),
            What::Committed(group, place, to, before) => {
                write!(f, "commit of {group}: {place} to {to}")?;
                before.map_or(Ok(()), |before| write!(f, " (was {before})"))
            }
            What::CommitRefused(group, place, to) => write!(f, "commit of {group} refused: {place} to {to}"),
            What::Called(handler, place, offset, epoch, attempt) => {
                write!(f, "calls {handler} for {place}@{offset}, attempt {attempt} ({epoch})")
            }
            What::Answered(handler, place, offset, ended) => {
                write!(f, "{handler} for {place}@{offset}: ")?;
                match ended {
                    Ended::Done(0) => f.write_str("done"),
                    Ended::Done(outputs) => write!(f, "done, {outputs} outputs"),
                    Ended::Deferred => f.write_str("put off"),
                    Ended::Failed(why) => write!(f, "failed: {why}"),
                    Ended::Dropped => f.write_str("dropped"),
                }
            }
            What::Landed(place, offset) => write!(f, "written: {place}@{offset}"),
            What::Marked(key, at) => write!(f, "marked: {key:032x} by {at}"),
            What::Kept(group, place, offset, reason) => {
                write!(f, "the sink keeps the letter of {place}@{offset} ({group}): {reason}")
            }
            What::Lost(group, place, offset) => write!(f, "⚡ the sink has lost the letter of {place}@{offset} ({group})"),
            What::Noted(name, value) => write!(f, "✎ {name}: {value}"),
            What::Server(server, text) => write!(f, "{server:?}: {text}"),
        }
    }
}
