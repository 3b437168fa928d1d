//! UUID text to bits and back, by hand: this runs for every record.

/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The 128 bits of 36 hyphenated hexadecimal characters of either case; `None` for other text.
#[inline(always)]
pub(super) fn uuid(text: &[u8; 36]) -> Option<u128> {
    if !has_hyphens(text) {
        return None;
    }
    let words = words(text);
    let (numbers, bad) = lower(words);
    if bad == 0 { Some(bits(numbers)) } else { any_case(text) }
}

/// As [`uuid()`], when the hyphens were seen.
#[inline(never)]
fn any_case(text: &[u8; 36]) -> Option<u128> {
    // Lower-case letters have this bit, digits too; no other character may become one by it.
    let (numbers, bad) = lower(words(text).map(|word| word | word >> 1 & eight(0x20)));
    if bad == 0 { Some(bits(numbers)) } else { None }
}

/// As [`uuid()`], for text of any length.
pub(super) fn any_uuid(text: &[u8]) -> Option<u128> {
    uuid(text.try_into().ok()?)
}

/// Whether these are 36 hyphenated hexadecimal characters of either case.
#[inline]
pub(super) fn is_uuid(text: &[u8; 36]) -> bool {
    has_hyphens(text) && (lower(words(text)).1 == 0 || any_case(text).is_some())
}

#[inline(always)]
fn has_hyphens(text: &[u8; 36]) -> bool {
    text[8] == b'-' && text[13] == b'-' && text[18] == b'-' && text[23] == b'-'
}

/// The characters between the hyphens, eight to a word, the first one lowest.
#[inline(always)]
fn words(text: &[u8; 36]) -> [u64; 4] {
    let four = |at: usize| u32::from_le_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]);
    let pair = |a: usize, b: usize| u64::from(four(a)) | u64::from(four(b)) << 32;
    [pair(0, 4), pair(9, 14), pair(19, 24), pair(28, 32)]
}

/// The numbers that lower-case hexadecimal characters stand for, and a mask that is 0 when they
/// all are such.
#[inline(always)]
fn lower([a, b, c, d]: [u64; 4]) -> ([u64; 4], u64) {
    let (a, bad_a) = lower_word(a);
    let (b, bad_b) = lower_word(b);
    let (c, bad_c) = lower_word(c);
    let (d, bad_d) = lower_word(d);
    ([a, b, c, d], (bad_a | bad_b | bad_c | bad_d) & eight(0xf0))
}

/// As [`lower`], for one word; of the mask only the high halves of bytes count.
#[inline(always)]
const fn lower_word(word: u64) -> (u64, u64) {
    // Of the characters allowed, only the letters have this bit.
    let letters = word >> 6 & eight(1);
    let numbers = word.wrapping_sub(eight(b'0')).wrapping_sub(letters * (b'a' - b'0' - 10) as u64);
    // A character below its range borrows from the next byte, but shows by its own high half;
    // then all that are left must be 10 or more when they are letters, and only then.
    (numbers, numbers | (numbers.wrapping_add(eight(6)) ^ letters << 4))
}

/// The bits of 32 numbers below 16, the first one highest.
#[inline(always)]
fn bits([a, b, c, d]: [u64; 4]) -> u128 {
    let high = (packed(a) | packed(b) << 32).swap_bytes();
    let low = (packed(c) | packed(d) << 32).swap_bytes();
    u128::from(high) << 64 | u128::from(low)
}

/// The four bytes of eight numbers below 16.
#[inline(always)]
const fn packed(numbers: u64) -> u64 {
    let pairs = (numbers << 4 | numbers >> 8) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    (quads | quads >> 16) & 0xffff_ffff
}

/// The hyphenated text, in lower case.
#[inline]
pub(super) fn hyphenated(bits: u128) -> [u8; 36] {
    let mut text = [b'-'; 36];
    let [a, b, c, d] = [96, 64, 32, 0].map(|shift| characters((bits >> shift) as u32));
    text[..8].copy_from_slice(&a);
    text[9..13].copy_from_slice(&b[..4]);
    text[14..18].copy_from_slice(&b[4..]);
    text[19..23].copy_from_slice(&c[..4]);
    text[24..28].copy_from_slice(&c[4..]);
    text[28..].copy_from_slice(&d);
    text
}

/// Eight lower-case hexadecimal characters.
const fn characters(bits: u32) -> [u8; 8] {
    let quads = (bits as u64 | (bits as u64) << 16) & 0x0000_ffff_0000_ffff;
    let pairs = (quads | quads << 8) & 0x00ff_00ff_00ff_00ff;
    let nibbles = (pairs | pairs << 4) & eight(0x0f);
    let letters = (nibbles + eight(6)) >> 4 & eight(1);
    (nibbles + eight(b'0') + letters * (b'a' - b'0' - 10) as u64).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::{any_uuid, hyphenated};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_bits_are_two_forms_of_one_uuid(bits: u128) {
            let text = hyphenated(bits);
            prop_assert_eq!(any_uuid(&text), Some(bits));
            prop_assert_eq!(any_uuid(&text.to_ascii_uppercase()), Some(bits));
            prop_assert_eq!(uuid::Uuid::from_u128(bits).to_string().into_bytes(), text.to_vec());
        }

        #[test]
        fn a_wrong_byte_anywhere_is_no_uuid(bits: u128, at in 0_usize..36, byte: u8) {
            let mut text = hyphenated(bits);
            text[at] = byte;
            let dash = matches!(at, 8 | 13 | 18 | 23);
            let fits = if dash { byte == b'-' } else { byte.is_ascii_hexdigit() };
            prop_assert_eq!(any_uuid(&text).is_some(), fits);
        }
    }

    #[test]
    fn each_byte_in_each_place_is_taken_or_not() {
        for case in [str::to_ascii_lowercase, str::to_ascii_uppercase] {
            let good = case("01234567-89ab-cdef-0a9f-fedcba987650");
            for at in 0..36 {
                let dash = matches!(at, 8 | 13 | 18 | 23);
                for byte in 0..=u8::MAX {
                    let mut text = good.clone().into_bytes();
                    text[at] = byte;
                    let fits = if dash { byte == b'-' } else { byte.is_ascii_hexdigit() };
                    let bits = std::str::from_utf8(&text).ok().and_then(|text| uuid::Uuid::try_parse(text).ok());
                    assert_eq!(any_uuid(&text), bits.filter(|_| fits).map(|id| id.as_u128()), "{byte:#x} at {at}");
                    assert_eq!(any_uuid(&text).is_some(), fits, "{byte:#x} at {at}");
                    assert_eq!(super::is_uuid(text.as_slice().try_into().expect("36 bytes")), fits);
                }
            }
        }
    }

    #[test]
    fn other_lengths_are_no_uuid() {
        let text = hyphenated(1);
        assert_eq!(any_uuid(&text[..35]), None);
        assert_eq!(any_uuid(b""), None);
        assert_eq!(any_uuid(b"00000000000000000000000000000001"), None);
    }
}
