//! Owns one scope's marks: two tables, of which the younger takes new marks and the older is thrown away whole. Leaves
//! time (`now` comes in), locks and scopes to `window`.
//!
//! ```text
//!   insert ──▶ young ── full, or its first mark has expired ──▶ old ── next turn ──▶ cleared (and counted)
//!   look up ──▶ filter: surely not, or maybe ──▶ young, then old
//! ```
//!
//! Nothing is removed one by one, so tables never fragment, and a turn costs one `memset` of the cleared table's buckets. An
//! entry carries the second in which its life ends; one that has ended, or was forgotten, is overwritten or cleared in
//! passing.

use crate::filter::{Filter, Side};
use crate::limits::{Lifetime, Second};
use crate::mix::Mix;
use crate::table::Table;
use millstream_core::contract::{Fingerprint, Mark, Marked, Position, Seen};

/// 36 bytes; with its place in a chain 40. Byte arrays, because words would pad it to 48.
#[derive(Clone, Copy)]
struct Entry {
    key: [u8; 16],
    offset: [u8; 8],
    partition: u32,
    fingerprint: Fingerprint,
    until: Second,
}

impl Entry {
    #[inline]
    fn new(mark: &Mark, until: Second) -> Self {
        let Position { partition, offset } = mark.at;
        let (key, offset) = (mark.key.to_ne_bytes(), offset.to_ne_bytes());
        Entry { key, offset, partition, fingerprint: mark.fingerprint, until }
    }

    #[inline]
    fn key(&self) -> u128 {
        u128::from_ne_bytes(self.key)
    }

    #[inline]
    fn seen(&self, now: Second) -> Seen {
        if self.until < now {
            return Seen::Fresh;
        }
        let at = Position { partition: self.partition, offset: u64::from_ne_bytes(self.offset) };
        Seen::Done { at, fingerprint: self.fingerprint }
    }
}

/// A table, and the lives of its first and last mark: seconds only rise, so those are its shortest and its longest.
struct Generation {
    table: Table<Entry>,
    first: Second,
    last: Second,
    forgotten: usize,
}

impl Generation {
    const EMPTY: Generation = Generation { table: Table::EMPTY, first: Second::NEVER, last: Second::NEVER, forgotten: 0 };

    /// How many of its marks are alive.
    fn living(&self, now: Second) -> usize {
        if self.last < now {
            return 0;
        }
        if self.first >= now {
            return self.table.len() - self.forgotten;
        }
        self.table.iter().filter(|entry| entry.until >= now).count()
    }

    fn forget(&mut self, hash: u64, key: u128) {
        if let Some(entry) = self.table.find_mut(hash, |entry| entry.key() == key)
            && entry.until != Second::NEVER
        {
            entry.until = Second::NEVER;
            self.forgotten += 1;
        }
    }

    fn clear(&mut self) {
        self.table.clear();
        (self.first, self.last, self.forgotten) = (Second::NEVER, Second::NEVER, 0);
    }
}

/// One scope's marks.
pub(crate) struct Generations {
    young: Generation,
    old: Generation,
    filter: Filter,
    side: Side,
    half: usize,
    lifetime: Lifetime,
    mix: Mix,
    evicted: u64,
}

impl Generations {
    /// None yet; tables grow as they fill, to at most half of `ids` each.
    pub(crate) fn new(ids: usize, lifetime: Lifetime, mix: Mix) -> Self {
        let (young, old, filter, side) = (Generation::EMPTY, Generation::EMPTY, Filter::new(), Side::Left);
        Generations { young, old, filter, side, half: (ids / 2).max(1), lifetime, mix, evicted: 0 }
    }

    /// How many living marks the cap has pushed out.
    pub(crate) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// Entries, the dead ones that were not cleared yet among them.
    pub(crate) fn held(&self) -> usize {
        self.young.table.len() + self.old.table.len()
    }

    /// The bytes of both tables and of the filter.
    pub(crate) fn bytes(&self) -> usize {
        self.young.table.bytes() + self.old.table.bytes() + self.filter.bytes()
    }

    /// What is known of each key.
    // One tight loop that waits for nothing of the key before: the cache misses of several keys are then under way at once.
    pub(crate) fn check(&self, keys: &[u128], now: Second, answers: &mut Vec<Seen>) {
        answers.extend(keys.iter().map(|&key| {
            let hash = self.mix.hash(key);
            if self.filter.may_hold(self.filter.place(hash)) { self.look_up(hash, key, now) } else { Seen::Fresh }
        }));
    }

    fn look_up(&self, hash: u64, key: u128, now: Second) -> Seen {
        let same = |entry: &Entry| entry.key() == key;
        let entry = self.young.table.find(hash, same).or_else(|| self.old.table.find(hash, same));
        entry.map_or(Seen::Fresh, |entry| entry.seen(now))
    }

    /// Marks ids as done.
    pub(crate) fn complete(&mut self, marks: &[Mark], now: Second, met: &mut Vec<Marked>) {
        if self.young.first < now && !self.young.table.is_empty() {
            // Every mark of the old generation is older than that first one, so this pushes out none that lives.
            self.turn(now);
        }
        let until = self.lifetime.until(now);
        met.reserve(marks.len());
        let mut left = marks;
        while let Some(first) = left.first() {
            let room = self.room().min(left.len());
            if room > 0 {
                // Nothing in the loop looks at limits: so many find room.
                let (these, later) = left.split_at(room);
                self.mark_all(these, now, until, met);
                left = later;
            } else if let Some(known) = self.meet(self.mix.hash(first.key), first, now, until) {
                met.push(known);
                left = &left[1..];
            } else {
                self.make_room(now);
            }
        }
    }

    /// How many marks may be new before the generations must turn or the filter widen.
    fn room(&self) -> usize {
        self.half.min(self.filter.most()).saturating_sub(self.young.table.len())
    }

    #[inline]
    fn mark_all(&mut self, marks: &[Mark], now: Second, until: Second, met: &mut Vec<Marked>) {
        let (before, mix, side) = (self.young.table.len(), self.mix, self.side);
        self.young.table.reserve(marks.len(), self.half, |entry| mix.hash(entry.key()));
        met.extend(marks.iter().map(|mark| {
            let hash = mix.hash(mark.key);
            let place = self.filter.place(hash);
            if !self.filter.add_if_new(side, place) {
                if let Some(met) = self.meet(hash, mark, now, until) {
                    return met;
                }
                self.filter.add(side, place);
            }
            self.young.table.insert(hash, Entry::new(mark, until));
            Marked::First
        }));
        if self.young.table.len() > before {
            self.young.last = until;
            if before == 0 {
                self.young.first = until;
            }
        }
    }

    /// For one mark at least.
    #[cold]
    fn make_room(&mut self, now: Second) {
        if self.young.table.len() >= self.half {
            self.turn(now);
        }
        if self.young.table.len() >= self.filter.most() {
            self.widen();
        }
    }

    /// What a mark meets in the tables. A dead entry of the young generation becomes the mark's own.
    fn meet(&mut self, hash: u64, mark: &Mark, now: Second, until: Second) -> Option<Marked> {
        let same = |entry: &Entry| entry.key() == mark.key;
        match self.young.table.find_mut(hash, same) {
            Some(entry) if entry.until >= now => Some(Marked::Known),
            Some(entry) => {
                self.young.forgotten -= usize::from(entry.until == Second::NEVER);
                self.young.last = until;
                *entry = Entry::new(mark, until);
                Some(Marked::First)
            }
            None => self.old.table.find(hash, same).filter(|entry| entry.until >= now).map(|_| Marked::Known),
        }
    }

    /// Makes ids fresh.
    pub(crate) fn forget(&mut self, keys: &[u128]) {
        for &key in keys {
            let hash = self.mix.hash(key);
            self.young.forget(hash, key);
            self.old.forget(hash, key);
        }
    }

    /// Clears the old generation, which becomes the young one.
    #[cold]
    fn turn(&mut self, now: Second) {
        self.evicted += self.old.living(now) as u64;
        self.old.clear();
        self.side = self.side.other();
        self.filter.clear(self.side);
        std::mem::swap(&mut self.young, &mut self.old);
        // As many will come again, so growing on the way there would only move them about.
        let (mix, room) = (self.mix, self.old.table.len().min(self.half));
        self.young.table.reserve(room, self.half, |entry| mix.hash(entry.key()));
    }

    /// Doubles the filter, which a larger young generation would fill.
    #[cold]
    fn widen(&mut self) {
        self.filter = self.filter.doubled();
        for (side, generation) in [(self.side, &self.young), (self.side.other(), &self.old)] {
            for entry in generation.table.iter() {
                self.filter.add(side, self.filter.place(self.mix.hash(entry.key())));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use millstream_core::clock::MonoTime;

    #[test]
    fn after_many_turns_strangers_still_seldom_cost_a_look_up() {
        let (now, ids) = (Second::of(MonoTime::ZERO), 8_192);
        let mut all = Generations::new(ids, Limits::new().lifetime(), Mix::secret());
        let marks: Vec<Mark> = (0..10 * ids as u128).map(|key| Mark::new(key, 0, 0, Fingerprint(0))).collect();
        all.complete(&marks, now, &mut Vec::new());
        let affirmed = |key| all.filter.may_hold(all.filter.place(all.mix.hash(key)));
        let strangers = (1 << 80..(1 << 80) + 100_000).filter(|&key| affirmed(key)).count();
        assert!(strangers < 5_000, "{strangers} of 100,000");
    }
}
