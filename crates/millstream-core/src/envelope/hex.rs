//! UUID text to bits and back, by hand: this runs for every record.

/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

const HIGH: u64 = eight(0x80);

/// The 128 bits of 36 hyphenated hexadecimal characters of either case; `None` for other text.
#[inline]
pub(super) fn uuid(text: &[u8; 36]) -> Option<u128> {
    if !is_uuid(text) {
        return None;
    }
    let [a, b, c, d] = words(text);
    let high = digits(a) << 32 | digits(b);
    let low = digits(c) << 32 | digits(d);
    Some(u128::from(high) << 64 | u128::from(low))
}

/// As [`uuid()`], for text of any length.
pub(super) fn any_uuid(text: &[u8]) -> Option<u128> {
    uuid(text.try_into().ok()?)
}

/// Whether these are 36 hyphenated hexadecimal characters of either case.
#[inline]
pub(super) fn is_uuid(text: &[u8; 36]) -> bool {
    let [a, b, c, d] = words(text);
    let dashes = u32::from_be_bytes([text[8], text[13], text[18], text[23]]);
    hexadecimal(a) & hexadecimal(b) & hexadecimal(c) & hexadecimal(d) & HIGH == HIGH && dashes == u32::from_be_bytes(*b"----")
}

/// The characters between the hyphens, eight to a word.
#[inline]
fn words(text: &[u8; 36]) -> [u64; 4] {
    let four = |at: usize| u32::from_be_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]);
    let pair = |a: usize, b: usize| u64::from(four(a)) << 32 | u64::from(four(b));
    [pair(0, 4), pair(9, 14), pair(19, 24), pair(28, 32)]
}

/// The high bit of each byte says whether it is a hexadecimal character.
const fn hexadecimal(text: u64) -> u64 {
    // The high bit of a byte of `x + eight(0x80 - n)` says whether that byte of x, which must
    // have seven bits, is at least n.
    let plain = text & eight(0x7f);
    let lower = plain | eight(0x20);
    let decimal = (plain + eight(0x80 - b'0')) & !(plain + eight(0x80 - b':'));
    let letter = (lower + eight(0x80 - b'a')) & !(lower + eight(0x80 - b'g'));
    (decimal | letter) & !text
}

/// The 32 bits of eight hexadecimal characters.
const fn digits(text: u64) -> u64 {
    let nibbles = (text & eight(0x0f)) + (text >> 6 & eight(1)) * 9;
    let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
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
    fn other_lengths_are_no_uuid() {
        let text = hyphenated(1);
        assert_eq!(any_uuid(&text[..35]), None);
        assert_eq!(any_uuid(b""), None);
        assert_eq!(any_uuid(b"00000000000000000000000000000001"), None);
    }
}
