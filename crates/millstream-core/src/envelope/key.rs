//! What a record's key is made of: what events with one key follow each other by.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use super::id::EventId;
use crate::topic::{Namespace, Topic};

/// A record's key: borrowed bytes, or a number or id as text, held without allocation; or text made for the purpose.
#[derive(Clone)]
pub struct Key<'a>(Repr<'a>);

#[derive(Clone)]
enum Repr<'a> {
    Borrowed(&'a [u8]),
    Inline([u8; 36], u8),
    Owned(Box<[u8]>),
}

impl Key<'_> {
    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Borrowed(bytes) => bytes,
            Repr::Inline(bytes, len) => &bytes[..usize::from(*len)],
            Repr::Owned(bytes) => bytes,
        }
    }

    /// Whether it has no bytes, which no published key may.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.as_bytes().is_empty()
    }

    /// A number in decimal, written from the right.
    fn decimal(negative: bool, mut number: u64) -> Self {
        let mut digits = [0; 36];
        let mut start = digits.len();
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        if negative {
            start -= 1;
            digits[start] = b'-';
        }
        digits.copy_within(start.., 0);
        Self(Repr::Inline(digits, (digits.len() - start) as u8))
    }
}

impl<'a> From<&'a [u8]> for Key<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self(Repr::Borrowed(bytes))
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Key<'a> {
    fn from(bytes: &'a [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl<'a> From<&'a Vec<u8>> for Key<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        bytes.as_slice().into()
    }
}

/// Texts that are stored are borrowed.
macro_rules! text_keys {
    ($($text:ty)*) => {$(
        impl<'a> From<&'a $text> for Key<'a> {
            fn from(text: &'a $text) -> Self {
                text.as_bytes().into()
            }
        }
    )*};
}

text_keys! { str String &str Box<str> Arc<str> Cow<'_, str> }

/// Names of this crate that order may follow: the key is their text.
macro_rules! name_keys {
    ($($name:ty)*) => {$(
        impl<'a> From<&'a $name> for Key<'a> {
            fn from(name: &'a $name) -> Self {
                name.as_str().into()
            }
        }
    )*};
}

name_keys! { Topic Namespace }

impl From<String> for Key<'_> {
    /// A text made for the purpose, such as one of two fields: costs its allocation.
    fn from(text: String) -> Self {
        Self(Repr::Owned(text.into_bytes().into()))
    }
}

impl From<&EventId> for Key<'_> {
    /// The id's hyphenated text.
    fn from(id: &EventId) -> Self {
        (*id).into()
    }
}

impl From<EventId> for Key<'_> {
    /// The id's hyphenated text.
    fn from(id: EventId) -> Self {
        Self(Repr::Inline(id.to_ascii(), 36))
    }
}

/// Integers are keys as decimal text, which every language reads alike.
macro_rules! integer_keys {
    ($($signed:ty, $unsigned:ty;)*) => {$(
        impl From<$signed> for Key<'_> {
            fn from(number: $signed) -> Self {
                Self::decimal(number < 0, number.unsigned_abs() as u64)
            }
        }

        impl From<$unsigned> for Key<'_> {
            fn from(number: $unsigned) -> Self {
                Self::decimal(false, number as u64)
            }
        }

        impl From<&$signed> for Key<'_> {
            fn from(number: &$signed) -> Self {
                (*number).into()
            }
        }

        impl From<&$unsigned> for Key<'_> {
            fn from(number: &$unsigned) -> Self {
                (*number).into()
            }
        }
    )*};
}

integer_keys! { i8, u8; i16, u16; i32, u32; i64, u64; isize, usize; }

/// What the derive macro makes a key of: whatever converts into one.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a partition key cannot be made of a `{Self}`",
    label = "not a key",
    note = "a key is a text, an integer or an `EventId`; of anything else take a text: `key = self.price.to_string()`"
)]
pub trait IntoKey<'a> {
    /// As a key.
    fn into_key(self) -> Key<'a>;
}

#[diagnostic::do_not_recommend]
impl<'a, K: Into<Key<'a>>> IntoKey<'a> for K {
    #[inline]
    fn into_key(self) -> Key<'a> {
        self.into()
    }
}

impl PartialEq for Key<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.as_bytes() == other.as_bytes()
    }
}

impl Eq for Key<'_> {}

impl fmt::Debug for Key<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(\"{}\")", self.as_bytes().escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_integer_is_its_decimal_text(signed: i64, unsigned: u64) {
            let (a, b) = (signed.to_string(), unsigned.to_string());
            prop_assert_eq!(Key::from(signed), Key::from(&a));
            prop_assert_eq!(Key::from(unsigned), Key::from(&b));
        }
    }

    #[test]
    fn the_ends_of_integers_fit() {
        assert_eq!(Key::from(i64::MIN).as_bytes(), b"-9223372036854775808");
        assert_eq!(Key::from(u64::MAX).as_bytes(), b"18446744073709551615");
        assert_eq!(Key::from(0_u8).as_bytes(), b"0");
        assert_eq!(Key::from(-1_i8).as_bytes(), b"-1");
    }

    #[test]
    fn texts_and_ids_are_keys_however_they_are_stored() {
        let text = "paper.NIFTY";
        let (owned, boxed, shared, perhaps) = (text.to_owned(), Box::<str>::from(text), Arc::<str>::from(text), Cow::from(text));
        let stored = [Key::from(&text), Key::from(&owned), Key::from(&boxed), Key::from(&shared), Key::from(&perhaps)];
        assert!(stored.iter().all(|key| *key == Key::from(text)));
        assert_eq!(Key::from(format!("{}.{}", "paper", "NIFTY")), Key::from(text));
        assert_eq!(Key::from(&Topic::literal("market.ticks")), Key::from(b"market.ticks"));
        let id = EventId::v7(1, 2);
        assert_eq!(Key::from(&id), Key::from(&id.to_string()));
        assert_eq!(Key::from(&7_u32), Key::from("7"));
    }

    #[test]
    fn only_a_key_without_bytes_is_empty() {
        assert!(Key::from("").is_empty());
        assert!(!Key::from(0_u32).is_empty());
        assert_eq!(Key::from("7"), Key::from(7_u32));
    }
}
