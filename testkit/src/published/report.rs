//! Owns the words of a failure: what differs, field by field, what is missing, and what is there besides. Bounded: nobody
//! reads a thousand lines.

use super::fields::{Difference, Field, Fields};
use super::pairs::Pairs;
use super::{FoundRecord, Published};
use crate::FoundLetter;
use millstream_core::contract::nearest;
use millstream_core::topic::Topic;
use std::fmt::{self, Write};

/// Events, fields of one and topics are listed so many at most.
const MOST: usize = 10;
/// Characters of a value that are shown: two of them beside a name fit a terminal.
const WIDTH: usize = 44;
/// Characters of an event's data in one line.
const LINE: usize = 80;

/// What was found in a topic and what was expected of it.
pub(super) struct Report<'a> {
    pub(super) topic: &'a Topic,
    pub(super) records: &'a [FoundRecord],
    pub(super) found: &'a [Fields],
    pub(super) expected: &'a [Fields],
}

impl Report<'_> {
    /// What is wrong with `pairs`; `None` if nothing is.
    pub(super) fn of_pairs(&self, pairs: &Pairs) -> Option<String> {
        let differences = |(e, f): &(usize, usize)| (*e, *f, self.expected[*e].differences(&self.found[*f]));
        let differing: Vec<_> =
            pairs.paired.iter().map(differences).filter(|(.., differences)| !differences.is_empty()).collect();
        let mut counts = Vec::new();
        for (count, one, more) in [
            (differing.len(), "differs", "differ"),
            (pairs.missing.len(), "is missing", "are missing"),
            (pairs.besides.len(), "is there besides", "are there besides"),
        ] {
            if count > 0 {
                let noun = if counts.is_empty() { if count == 1 { " event" } else { " events" } } else { "" };
                counts.push(format!("{count}{noun} {}", if count == 1 { one } else { more }));
            }
        }
        if counts.is_empty() {
            return None;
        }
        let mut text = format!("{}: {}", self.topic, counts.join(", "));
        self.list(&mut text, "differs", differing.len(), |text, at| {
            let (e, f, differences) = &differing[at];
            let _ = write!(text, "{}, at {}", Line(&self.expected[*e], false), self.records[*f].place);
            table(text, differences);
        });
        self.list(&mut text, "missing", pairs.missing.len(), |text, at| {
            let _ = write!(text, "{}", Line(&self.expected[pairs.missing[at]], true));
        });
        self.list(&mut text, "besides", pairs.besides.len(), |text, at| self.found_line(text, pairs.besides[at]));
        Some(text)
    }

    /// All are there, and `pairs` says where.
    pub(super) fn of_order(&self, pairs: &Pairs) -> String {
        let mut text = format!("{}: all events are there, in another order", self.topic);
        let moved: Vec<_> = pairs.paired.iter().filter(|(e, f)| e != f).collect();
        self.list(&mut text, "expected", moved.len(), |text, at| {
            let (e, f) = moved[at];
            let place = &self.records[*f].place;
            let _ =
                write!(text, "as number {}, found as number {}, at {place}: {}", e + 1, f + 1, Line(&self.expected[*e], true));
        });
        text
    }

    /// There is another number of events than `expected` says in words.
    pub(super) fn of_count(&self, expected: &str) -> String {
        let found = match self.found.len() {
            0 => "there is none".to_owned(),
            1 => "there is 1".to_owned(),
            more => format!("there are {more}"),
        };
        let mut text = format!("{}: {expected} expected, and {found}", self.topic);
        self.list(&mut text, "found", self.found.len(), |text, at| self.found_line(text, at));
        text
    }

    pub(super) fn found_line(&self, text: &mut String, at: usize) {
        let _ = write!(text, "{}, at {}", Line(&self.found[at], true), self.records[at].place);
    }

    fn list(&self, text: &mut String, what: &str, count: usize, mut entry: impl FnMut(&mut String, usize)) {
        for at in 0..count.min(MOST) {
            let _ = write!(text, "\n  {what}: ");
            entry(text, at);
        }
        if count > MOST {
            let _ = write!(text, "\n  {what}: and {} more", count - MOST);
        }
    }
}

/// Where else there is something, and what went wrong: appended to a report.
pub(super) fn hints(text: &mut String, source: &dyn Published, topic: &Topic, empty: bool) {
    let topics = source.published_topics();
    if empty {
        let mut others: Vec<(&Topic, usize)> = topics.iter().map(|other| (other, source.published_to(other).len())).collect();
        others.retain(|(other, count)| *count > 0 && *other != topic);
        let near = nearest(topic.as_str(), others.iter().map(|(other, _)| other.as_str())).map(str::to_owned);
        others.sort_by_key(|(other, _)| Some(other.as_str()) != near.as_deref());
        let names: Vec<String> = others.iter().take(MOST).map(|(other, count)| format!("{other} ({count})")).collect();
        let what = if names.is_empty() { "nothing anywhere".to_owned() } else { format!("records in {}", names.join(", ")) };
        let _ = write!(text, "\n  there is nothing in this topic, and {what}");
    }
    let letters = letters(source);
    for letter in letters.iter().take(MOST) {
        let _ = write!(text, "\n  dead letter: {}", letter_line(letter));
    }
    if letters.len() > MOST {
        let _ = write!(text, "\n  dead letter: and {} more", letters.len() - MOST);
    }
}

/// All dead letters, by topic.
pub(super) fn letters(source: &dyn Published) -> Vec<FoundLetter> {
    let topics = source.published_topics();
    let letters = topics.iter().flat_map(|topic| source.published_to(topic)).map(|found| FoundLetter::of(found.record));
    letters.filter(|letter| !letter.reason.is_empty()).collect()
}

/// The report of dead letters that nobody expects.
pub(super) fn of_letters(letters: &[FoundLetter]) -> String {
    let mut text = match letters.len() {
        1 => "there is a dead letter".to_owned(),
        more => format!("there are {more} dead letters"),
    };
    for letter in letters.iter().take(MOST) {
        let _ = write!(text, "\n  {}", letter_line(letter));
    }
    if letters.len() > MOST {
        let _ = write!(text, "\n  and {} more", letters.len() - MOST);
    }
    text
}

fn letter_line(letter: &FoundLetter) -> String {
    let FoundLetter { topic, partition, offset, reason, message, attempts, .. } = letter;
    let tried = match attempts {
        0 => "without an attempt".to_owned(),
        1 => "after 1 attempt".to_owned(),
        more => format!("after {more} attempts"),
    };
    let message = if message.is_empty() { String::new() } else { format!(": {}", cut(message, 2 * LINE)) };
    format!("{topic} at {partition}@{offset}, {reason} {tried}{message}")
}

/// An event on one line, with its data or without.
struct Line<'a>(&'a Fields, bool);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Line(fields, with_data) = self;
        if let Some(error) = &fields.error {
            write!(f, "no event")?;
            write_key(f, fields.key.as_deref())?;
            return write!(f, ", {}", cut(error, LINE));
        }
        write_line(f, &fields.event_type, fields.key.as_deref(), fields.data.as_deref().filter(|_| *with_data))
    }
}

/// Type, key and data; an empty type is a tombstone's.
pub(crate) fn write_line(f: &mut fmt::Formatter<'_>, event_type: &str, key: Option<&[u8]>, data: Option<&str>) -> fmt::Result {
    if event_type.is_empty() {
        f.write_str("a tombstone")?;
    } else {
        write!(f, "`{event_type}`")?;
    }
    write_key(f, key)?;
    match data {
        Some(data) => write!(f, ", {}", cut(data, LINE)),
        None => Ok(()),
    }
}

fn write_key(f: &mut fmt::Formatter<'_>, key: Option<&[u8]>) -> fmt::Result {
    match key {
        Some(key) => write!(f, " with key `{}`", cut(&key.escape_ascii().to_string(), WIDTH)),
        None => f.write_str(" without a key"),
    }
}

/// Name, expected and found, in columns.
fn table(text: &mut String, differences: &[Difference]) {
    let mut rows = vec![["field".to_owned(), "expected".to_owned(), "found".to_owned()]];
    for difference in differences.iter().take(MOST) {
        let (expected, found) = side_by_side(difference.expected.as_ref(), difference.found.as_ref());
        rows.push([cut(&difference.name, WIDTH), expected, found]);
    }
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let (first, second) = (width(0), width(1));
    for [name, expected, found] in &rows {
        let _ = write!(text, "\n      {name:first$}   {expected:second$}   {found}");
    }
    if differences.len() > MOST {
        let _ = write!(text, "\n      and {} fields more", differences.len() - MOST);
    }
}

fn side_by_side(expected: Option<&Field>, found: Option<&Field>) -> (String, String) {
    let none = || "(none)".to_owned();
    match (expected, found) {
        (Some(Field::Id(a)), Some(Field::Id(b))) if short(a) != short(b) => (short(a), short(b)),
        (Some(a), Some(b)) => around(a.text(), b.text()),
        (a, b) => (a.map_or_else(none, Field::alone), b.map_or_else(none, Field::alone)),
    }
}

impl Field {
    fn text(&self) -> &str {
        match self {
            Field::Id(text) | Field::Text(text) => text,
        }
    }

    fn alone(&self) -> String {
        match self {
            Field::Id(id) => short(id),
            Field::Text(text) => cut(text, WIDTH),
        }
    }
}

/// The end of a long id: what tells one from another, where its beginning is often a time.
fn short(id: &str) -> String {
    // Ids are ASCII.
    if id.len() <= 12 { id.to_owned() } else { format!("…{}", &id[id.len() - 8..]) }
}

/// The beginning of a long text.
fn cut(text: &str, most: usize) -> String {
    let text = text.replace('\n', "\\n");
    match text.char_indices().nth(most) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Of two long texts, the part where they first differ.
fn around(a: &str, b: &str) -> (String, String) {
    let same = a.chars().zip(b.chars()).take_while(|(a, b)| a == b).count();
    let skip = if a.chars().count().max(b.chars().count()) <= WIDTH { 0 } else { same.saturating_sub(WIDTH / 4) };
    let from = |text: &str| {
        let rest: String = text.chars().skip(skip).collect();
        format!("{}{}", if skip == 0 { "" } else { "…" }, cut(&rest, WIDTH))
    };
    (from(a), from(b))
}
