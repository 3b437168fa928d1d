//! Owns what is kept of one partition of a table: a text and a position for each key, bounded.

use super::position::letters_text;
use crate::contract::{Offset, TopicId};
use crate::handler::Changed;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What is kept for one key.
struct Entry {
    /// The last record in it; `None` if that was one of an input topic that is gone.
    at: Option<Offset>,
    /// Its JSON; `None` if it was deleted by a record that may come again.
    text: Option<Arc<str>>,
}

/// What there is for a record of some key.
pub(crate) enum Found {
    /// It is in the entry already.
    Known,
    /// This is kept, if anything is.
    Kept(Option<Arc<str>>),
    /// Nothing is kept, and there is no room for more.
    Full,
}

/// What a read entry says, to be folded in.
pub(crate) struct Read<'a> {
    pub(crate) key: &'a [u8],
    pub(crate) topic: TopicId,
    pub(crate) offset: Offset,
    pub(crate) text: Option<Arc<str>>,
    /// Records below it that became dead letters and may come again.
    pub(crate) letters: Vec<Offset>,
}

/// The entries of one partition.
pub(crate) struct Entries {
    input: TopicId,
    entries: BTreeMap<Box<[u8]>, Entry>,
    /// Dead letters that may come again, with their keys.
    letters: BTreeMap<Offset, Box<[u8]>>,
    /// How many have a text, and their bytes: a remembered deletion takes no room.
    live: usize,
    bytes: usize,
    most: (usize, usize),
}

/// Dead letters that are remembered. 16,384: only where nothing can be committed there are more than a few, and the oldest of
/// more would come again as done.
const MOST_LETTERS: usize = 1 << 14;

/// What an entry costs beside key and text: its node's share, roughly.
const OVERHEAD: usize = 64;

impl Entries {
    /// None yet, of the input topic `input`, with room for so many entries and bytes.
    pub(crate) fn new(input: TopicId, most: (usize, usize)) -> Self {
        Entries { input, entries: BTreeMap::new(), letters: BTreeMap::new(), live: 0, bytes: 0, most }
    }

    /// What there is for the record at `offset` with this key.
    pub(crate) fn find(&self, key: &[u8], offset: Offset) -> Found {
        planted!(B51: if self.entries.values().any(|entry| entry.at.is_some_and(|at| offset <= at)) { return Found::Known });
        match self.entries.get(key) {
            Some(entry) if entry.at.is_some_and(|at| offset <= at) => Found::Known,
            Some(Entry { text: Some(text), .. }) => Found::Kept(Some(text.clone())),
            _ if self.is_full() => Found::Full,
            _ => Found::Kept(None),
        }
    }

    /// Whether the record at `offset` is known to have become a dead letter.
    pub(crate) fn is_lettered(&self, offset: Offset) -> bool {
        self.letters.contains_key(&offset)
    }

    /// The record at `offset` with this key became a dead letter: it is no part of the entries behind it.
    pub(crate) fn lettered(&mut self, key: &[u8], offset: Offset) {
        self.letters.insert(offset, key.into());
        if self.letters.len() > MOST_LETTERS {
            self.letters.pop_first();
        }
    }

    /// The dead letters of a key from `committed` on and up to `at`, as the position of its entry there says them. Those below
    /// do not come again.
    pub(crate) fn letters(&mut self, key: &[u8], committed: Offset, at: Offset) -> String {
        if self.letters.is_empty() {
            return String::new();
        }
        self.letters = self.letters.split_off(&committed);
        let of_key = self.letters.range(..=at).rev().filter(|(_, of)| ***of == *key).map(|(offset, _)| *offset);
        letters_text(of_key)
    }

    /// How many there are, without those that were deleted.
    pub(crate) fn len(&self) -> usize {
        self.live
    }

    /// Whether there is no room for another key. There may be more than there is room for: attempts under way were let in
    /// together, entries grow, and caps are lowered.
    pub(crate) fn is_full(&self) -> bool {
        self.live >= self.most.0 || self.bytes >= self.most.1
    }

    /// Takes over what a record has made of an entry. A deleted one needs no position: its record does not come again in
    /// this session, and whoever restores reads the tombstone.
    pub(crate) fn take_over(&mut self, changed: &Changed) {
        match &changed.text {
            Some(text) => self.put(&changed.key, Some(changed.at), Some(text.clone())),
            None => self.remove(&changed.key),
        }
    }

    /// Folds an entry in that was read from the log: of two the one with the higher position stays, and of positions in
    /// different input topics the one in today's, or else the later one in the log.
    pub(crate) fn fold(&mut self, read: Read<'_>) {
        let at = (read.topic == self.input).then_some(read.offset);
        if let Some(Some(known)) = self.entries.get(read.key).map(|entry| entry.at)
            && at.is_none_or(|at| at < known)
        {
            return;
        }
        if !self.letters.is_empty() {
            self.letters.retain(|_, key| **key != *read.key);
        }
        if at.is_some() {
            self.letters.extend(read.letters.into_iter().map(|offset| (offset, read.key.into())));
        }
        self.put(read.key, at, read.text);
    }

    /// Forgets what was deleted by records below `start`: they do not come again.
    pub(crate) fn start_at(&mut self, start: Offset) {
        self.letters = self.letters.split_off(&start);
        self.entries.retain(|_, entry| entry.text.is_some() || entry.at.is_some_and(|at| at >= start));
    }

    /// All texts, by key.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&[u8], &str)> {
        self.entries.iter().filter_map(|(key, entry)| Some((&**key, entry.text.as_deref()?)))
    }

    fn put(&mut self, key: &[u8], at: Option<Offset>, text: Option<Arc<str>>) {
        let (live, bytes) = cost(key, text.as_deref());
        let before = self.entries.insert(key.into(), Entry { at, text });
        self.leave(key, before);
        self.live += live;
        self.bytes += bytes;
    }

    fn remove(&mut self, key: &[u8]) {
        let before = self.entries.remove(key);
        self.leave(key, before);
    }

    fn leave(&mut self, key: &[u8], entry: Option<Entry>) {
        let (live, bytes) = cost(key, entry.and_then(|entry| entry.text).as_deref());
        self.live -= live;
        self.bytes -= bytes;
    }
}

/// The room that an entry takes: one, and its bytes.
fn cost(key: &[u8], text: Option<&str>) -> (usize, usize) {
    text.map_or((0, 0), |text| (1, OVERHEAD + key.len() + text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: TopicId = TopicId(7);
    const BEFORE: TopicId = TopicId(6);

    fn entries() -> Entries {
        Entries::new(TODAY, (2, 1 << 20))
    }

    fn fold(entries: &mut Entries, topic: TopicId, offset: Offset, text: Option<&str>) {
        entries.fold(Read { key: b"k", topic, offset, text: text.map(Arc::from), letters: Vec::new() });
    }

    fn text(entries: &Entries) -> Option<String> {
        match entries.find(b"k", 1_000) {
            Found::Kept(text) => text.map(|text| text.to_string()),
            _ => panic!("it is neither known nor full"),
        }
    }

    #[test]
    fn of_two_entries_the_one_with_the_higher_position_stays_whatever_their_order_in_the_log() {
        let mut entries = entries();
        fold(&mut entries, TODAY, 8, Some("8"));
        fold(&mut entries, TODAY, 7, Some("7"));
        assert_eq!(text(&entries).as_deref(), Some("8"));
        fold(&mut entries, TODAY, 9, None);
        fold(&mut entries, TODAY, 8, Some("8"));
        assert_eq!(text(&entries), None);
    }

    #[test]
    fn a_record_at_or_below_its_entry_is_known_and_one_above_is_not() {
        let mut entries = entries();
        fold(&mut entries, TODAY, 8, Some("8"));
        assert!(matches!(entries.find(b"k", 7), Found::Known));
        assert!(matches!(entries.find(b"k", 8), Found::Known));
        assert!(matches!(entries.find(b"k", 9), Found::Kept(Some(_))));
    }

    #[test]
    fn what_was_kept_of_an_input_topic_that_is_gone_is_kept_without_a_position() {
        let mut entries = entries();
        fold(&mut entries, BEFORE, 800, Some("800"));
        assert!(matches!(entries.find(b"k", 0), Found::Kept(Some(_))));
        fold(&mut entries, TODAY, 1, Some("1"));
        fold(&mut entries, BEFORE, 801, Some("801"));
        assert_eq!(text(&entries).as_deref(), Some("1"));
    }

    #[test]
    fn a_deletion_is_remembered_as_long_as_its_record_may_come_again() {
        let mut entries = entries();
        fold(&mut entries, TODAY, 5, Some("5"));
        fold(&mut entries, TODAY, 8, None);
        entries.start_at(8);
        assert!(matches!(entries.find(b"k", 8), Found::Known));
        entries.start_at(9);
        assert!(matches!(entries.find(b"k", 8), Found::Kept(None)));
        assert_eq!((entries.len(), entries.bytes), (0, 0));
    }

    #[test]
    fn a_dead_letter_below_an_entry_is_known_as_one_until_it_cannot_come_again() {
        let mut entries = entries();
        entries.fold(Read { key: b"k", topic: TODAY, offset: 8, text: None, letters: vec![5, 3] });
        assert!(entries.is_lettered(5) && !entries.is_lettered(4));
        assert_eq!((entries.letters(b"k", 3, 8), entries.letters(b"l", 3, 8)), (";5,3".into(), String::new()));
        assert_eq!((entries.letters(b"k", 3, 4), entries.letters(b"k", 3, 5)), (";3".into(), ";5,3".into()));
        assert_eq!(entries.letters(b"k", 4, 8), ";5");
        entries.fold(Read { key: b"k", topic: TODAY, offset: 9, text: None, letters: vec![] });
        assert!(!entries.is_lettered(5), "the newer entry says that it does not come again");
    }

    #[test]
    fn a_full_table_has_room_for_the_keys_it_has_and_no_others() {
        let mut entries = entries();
        fold(&mut entries, TODAY, 5, Some("5"));
        entries.fold(Read { key: b"l", topic: TODAY, offset: 6, text: Some("6".into()), letters: Vec::new() });
        assert!(matches!(entries.find(b"m", 9), Found::Full));
        assert!(matches!(entries.find(b"k", 9), Found::Kept(Some(_))));
    }

    #[test]
    fn deletions_take_no_room_and_come_back_only_where_there_is_some() {
        let mut entries = entries();
        fold(&mut entries, TODAY, 5, None);
        entries.fold(Read { key: b"l", topic: TODAY, offset: 6, text: Some("6".into()), letters: Vec::new() });
        assert!(matches!(entries.find(b"m", 9), Found::Kept(None)));
        entries.fold(Read { key: b"m", topic: TODAY, offset: 7, text: Some("7".into()), letters: Vec::new() });
        assert!(matches!(entries.find(b"k", 9), Found::Full));
    }
}
