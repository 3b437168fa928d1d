//! UUID text to bits and back, by hand: this runs for every record.

/// The 128 bits of 36 hyphenated hexadecimal characters of either case; `None` for other text.
pub(super) fn uuid(text: &[u8]) -> Option<u128> {
    let text: &[u8; 36] = text.try_into().ok()?;
    if text[8] != b'-' || text[13] != b'-' || text[18] != b'-' || text[23] != b'-' {
        return None;
    }
    let mut digits = [0; 32];
    digits[..8].copy_from_slice(&text[..8]);
    digits[8..12].copy_from_slice(&text[9..13]);
    digits[12..16].copy_from_slice(&text[14..18]);
    digits[16..20].copy_from_slice(&text[19..23]);
    digits[20..].copy_from_slice(&text[24..]);
    let mut bad = false;
    // Without branches, so that the compiler works on sixteen characters at a time.
    for digit in &mut digits {
        let decimal = digit.wrapping_sub(b'0');
        let letter = (*digit | 0x20).wrapping_sub(b'a');
        bad |= decimal > 9 && letter > 5;
        *digit = if decimal > 9 {
            letter.wrapping_add(10)
        } else {
            decimal
        };
    }
    if bad {
        return None;
    }
    let high = u128::from_be_bytes(digits[..16].try_into().expect("sixteen of 32 bytes"));
    let low = u128::from_be_bytes(digits[16..].try_into().expect("sixteen of 32 bytes"));
    Some(u128::from(packed(high)) << 64 | u128::from(packed(low)))
}

/// Sixteen bytes of one hexadecimal digit each, as eight bytes.
const fn packed(digits: u128) -> u64 {
    pack_half((digits >> 64) as u64) << 32 | pack_half(digits as u64)
}

const fn pack_half(digits: u64) -> u64 {
    let pairs = (digits | digits >> 4) & 0x00ff_00ff_00ff_00ff;
    let quads = (pairs | pairs >> 8) & 0x0000_ffff_0000_ffff;
    (quads | quads >> 16) & 0xffff_ffff
}

/// The hyphenated text, in lower case.
pub(super) fn hyphenated(bits: u128) -> [u8; 36] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [b'-'; 36];
    let mut at = 0;
    for (n, byte) in bits.to_be_bytes().into_iter().enumerate() {
        if matches!(n, 4 | 6 | 8 | 10) {
            at += 1;
        }
        text[at] = DIGITS[usize::from(byte >> 4)];
        text[at + 1] = DIGITS[usize::from(byte & 0xf)];
        at += 2;
    }
    text
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
