//! UUID text to bits and back, by hand: this runs for every record.

/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The 128 bits of 36 hyphenated hexadecimal characters of either case; `None` for other text.
#[inline]
pub(super) fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    let four = |at: usize| u32::from_be_bytes([text[at], text[at + 1], text[at + 2], text[at + 3]]);
    let pair = |a: usize, b: usize| u64::from(four(a)) << 32 | u64::from(four(b));
    let (a, bad_a) = digits(pair(0, 4));
    let (b, bad_b) = digits(pair(9, 14));
    let (c, bad_c) = digits(pair(19, 24));
    let (d, bad_d) = digits(pair(28, 32));
    let dashes = u32::from_be_bytes([text[8], text[13], text[18], text[23]]);
    if bad_a | bad_b | bad_c | bad_d != 0 || dashes != u32::from_be_bytes(*b"----") {
        return None;
    }
    Some(u128::from(a << 32 | b) << 64 | u128::from(c << 32 | d))
}

/// The 32 bits of eight hexadecimal characters, and a mask that is 0 when they are nothing else.
const fn digits(text: u64) -> (u64, u64) {
    const HIGH: u64 = eight(0x80);
    // The high bit of a byte of `x + eight(0x80 - n)` says whether that byte of x, which must
    // have seven bits, is at least n.
    let plain = text & eight(0x7f);
    let lower = plain | eight(0x20);
    let decimal = (plain + eight(0x80 - b'0')) & !(plain + eight(0x80 - b':'));
    let letter = (lower + eight(0x80 - b'a')) & !(lower + eight(0x80 - b'g'));
    let bad = (!(decimal | letter) | text) & HIGH;
    let nibbles = (text & eight(0x0f)) + (text >> 6 & eight(1)) * 9;
    let pairs = (nibbles | nibbles >> 4) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    ((quads | quads >> 16) & 0xffff_ffff, bad)
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
    use super::{hyphenated, uuid};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_and_bits_are_two_forms_of_one_uuid(bits: u128) {
            let text = hyphenated(bits);
            prop_assert_eq!(uuid(&text), Some(bits));
            prop_assert_eq!(uuid(&text.to_ascii_uppercase()), Some(bits));
            prop_assert_eq!(uuid::Uuid::from_u128(bits).to_string().into_bytes(), text.to_vec());
        }

        #[test]
        fn a_wrong_byte_anywhere_is_no_uuid(bits: u128, at in 0_usize..36, byte: u8) {
            let mut text = hyphenated(bits);
            text[at] = byte;
            let dash = matches!(at, 8 | 13 | 18 | 23);
            let fits = if dash { byte == b'-' } else { byte.is_ascii_hexdigit() };
            prop_assert_eq!(uuid(&text).is_some(), fits);
        }
    }

    #[test]
    fn other_lengths_are_no_uuid() {
        let text = hyphenated(1);
        assert_eq!(uuid(&text[..35]), None);
        assert_eq!(uuid(b""), None);
        assert_eq!(uuid(b"00000000000000000000000000000001"), None);
    }
}
