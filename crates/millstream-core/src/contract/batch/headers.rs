//! Owns a record's headers as they lie in the arena, and the look for one by its name.

use super::{NULL, Span};
use std::fmt;

/// A record's headers, borrowed and in order. Iterates `(name, value)`; a value may be null.
#[derive(Clone, Copy)]
pub struct Headers<'a> {
    pub(super) buf: &'a [u8],
    pub(super) spans: &'a [(Span, Span)],
}

impl<'a> Headers<'a> {
    /// No headers.
    pub const EMPTY: Headers<'static> = Headers { buf: &[], spans: &[] };

    /// How many headers there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there is none.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The bytes of all names and values together; they lie side by side.
    #[inline]
    pub fn bytes(&self) -> usize {
        let (Some((first, _)), Some((name, value))) = (self.spans.first(), self.spans.last()) else { return 0 };
        let end = if value.len == NULL { name.start + name.len } else { value.start + value.len };
        (end - first.start) as usize
    }

    /// Whether a name may begin with `letter`, which is lower case, in either case. Looks at one byte of each, and may
    /// say yes of a name without any.
    #[inline(always)]
    pub(crate) fn any_may_begin_with(&self, letter: u8) -> bool {
        self.spans.iter().any(|(name, _)| self.buf.get(name.start as usize).is_some_and(|first| first | 0x20 == letter))
    }

    /// The value of the *last* header called `name` (as Kafka's own `lastHeader`), if it is not null.
    #[inline(always)]
    pub fn find(&self, name: &str) -> Option<&'a [u8]> {
        let mut left = self.spans;
        while let Some((&(own, value), before)) = left.split_last() {
            // An absent name's length is no name's.
            if own.len as usize == name.len() && own.of(self.buf).is_some_and(|own| same(own, name.as_bytes())) {
                return value.of(self.buf);
            }
            left = before;
        }
        None
    }

    /// The value of the last header called `name`, if it is UTF-8 text.
    pub fn text(&self, name: &str) -> Option<&'a str> {
        std::str::from_utf8(self.find(name)?).ok()
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, Option<&'a [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        let ((name, value), rest) = self.spans.split_first()?;
        self.spans = rest;
        let name = name.of(self.buf).unwrap_or_default();
        // Names are pushed as `&str`, so they are UTF-8; an empty name is the answer for what cannot happen.
        Some((std::str::from_utf8(name).unwrap_or_default(), value.of(self.buf)))
    }
}

impl fmt::Debug for Headers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.map(|(name, _)| name)).finish()
    }
}

/// With which letters header names begin: one bit each, so that a set of records can be asked once for all.
#[derive(Clone, Copy, Debug, Default, Eq)]
pub(super) struct Initials(u32);

impl PartialEq for Initials {
    /// A hint, which may know of headers that were taken back: it makes no difference between sets.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Initials {
    /// Takes a name's first letter down. Letters that share their last five bits share a bit.
    #[inline]
    pub(super) fn note(&mut self, name: &str) {
        if let Some(first) = name.as_bytes().first() {
            self.0 |= 1 << (first & 0x1f);
        }
    }

    /// Whether a name may begin with `letter`.
    #[inline]
    pub(super) fn may_hold(self, letter: u8) -> bool {
        self.0 & (1 << (letter & 0x1f)) != 0
    }
}

/// Whether two names of one length are the same. Names are short, so that a call would cost more than the comparison.
#[inline]
fn same(one: &[u8], other: &[u8]) -> bool {
    /// Those of `N` to `2 * N` bytes, by their beginnings and their ends.
    #[inline]
    fn both_ends<const N: usize>(one: &[u8], other: &[u8]) -> bool {
        one.first_chunk::<N>() == other.first_chunk::<N>() && one.last_chunk::<N>() == other.last_chunk::<N>()
    }
    match other.len() {
        0 | 1 => one == other,
        2..=4 => both_ends::<2>(one, other),
        5..=8 => both_ends::<4>(one, other),
        9..=16 => both_ends::<8>(one, other),
        _ => one == other,
    }
}
