//! What a type must say to be published: its event type and its partition key.

use std::fmt;

use super::id::EventId;

/// The data of an event that can be published.
///
/// Consuming needs `Deserialize` only; who publishes must say under which type and key.
///
/// ```
/// use millstream_core::envelope::{EventData, Key};
///
/// struct Tick { instrument: u32, price: String }
///
/// impl EventData for Tick {
///     const TYPE: &'static str = "market_tick";
///     fn key(&self) -> Key<'_> { self.instrument.into() }
/// }
///
/// let tick = Tick { instrument: 256_265, price: "24350.05".to_owned() };
/// assert_eq!(tick.key().as_bytes(), b"256265");
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be published: it names no event type and no partition key",
    label = "not the data of an event",
    note = "implement `EventData` for `{Self}`: `const TYPE: &'static str = \"…\";` and \
            `fn key(&self) -> Key<'_>`"
)]
pub trait EventData {
    /// The event type, as it stands in the envelope's `type`: 1 to 255 bytes.
    const TYPE: &'static str;

    /// The version of the data's schema.
    const SCHEMA_VERSION: u32 = 1;

    /// The record's key: events with one key stay in order. An empty one is refused where the
    /// event is sent.
    fn key(&self) -> Key<'_>;
}

impl<T: EventData + ?Sized> EventData for &T {
    const TYPE: &'static str = T::TYPE;
    const SCHEMA_VERSION: u32 = T::SCHEMA_VERSION;

    fn key(&self) -> Key<'_> {
        (**self).key()
    }
}

/// A record's key: borrowed bytes, or a number or id as text, held without allocation.
#[derive(Clone, Copy)]
pub struct Key<'a>(Repr<'a>);

#[derive(Clone, Copy)]
enum Repr<'a> {
    Borrowed(&'a [u8]),
    Inline([u8; 36], u8),
}

impl Key<'_> {
    /// The bytes of the key.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        match &self.0 {
            Repr::Borrowed(bytes) => bytes,
            Repr::Inline(bytes, len) => &bytes[..usize::from(*len)],
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

impl<'a> From<&'a str> for Key<'a> {
    fn from(text: &'a str) -> Self {
        text.as_bytes().into()
    }
}

impl<'a> From<&'a String> for Key<'a> {
    fn from(text: &'a String) -> Self {
        text.as_bytes().into()
    }
}

impl<'a> From<&'a Vec<u8>> for Key<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        bytes.as_slice().into()
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
    )*};
}

integer_keys! { i8, u8; i16, u16; i32, u32; i64, u64; isize, usize; }

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
    use super::Key;
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
    fn only_a_key_without_bytes_is_empty() {
        assert!(Key::from("").is_empty());
        assert!(!Key::from(0_u32).is_empty());
        assert_eq!(Key::from("7"), Key::from(7_u32));
    }
}
