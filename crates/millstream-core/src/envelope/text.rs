//! Which bytes an id may have, and where plain text ends: loops that run for every record.

use super::hex;
use super::limits::MAX_ID_BYTES;

/// A one in each byte.
pub(super) const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte.
pub(super) const HIGH: u64 = ONES * 0x80;

/// Whether this is an id: 1 to 128 bytes of `[A-Za-z0-9._:-]`.
#[inline]
pub(super) fn is_id(text: &[u8]) -> bool {
    match text.first_chunk() {
        Some(uuid) if text.len() == 36 && hex::is_uuid(uuid) => true,
        _ => is_other_id(text),
    }
}

fn is_other_id(text: &[u8]) -> bool {
    if text.is_empty() || text.len() > MAX_ID_BYTES {
        return false;
    }
    let (words, rest) = text.as_chunks::<8>();
    let mut last = [b'0'; 8];
    last[..rest.len()].copy_from_slice(rest);
    let mut good = id_bytes(u64::from_le_bytes(last));
    for word in words {
        good &= id_bytes(u64::from_le_bytes(*word));
    }
    good & HIGH == HIGH
}

/// The high bit of each byte says whether it may stand in an id.
const fn id_bytes(text: u64) -> u64 {
    // The high bit of a byte of `x + ONES * (0x80 - n)` says whether that byte of x, which must
    // have seven bits, is at least n.
    let plain = text & (ONES * 0x7f);
    let lower = plain | (ONES * 0x20);
    let letter = (lower + ONES * (0x80 - b'a' as u64)) & !(lower + ONES * (0x7f - b'z' as u64));
    let other = (plain + ONES * (0x80 - b'-' as u64)) & !(plain + ONES * (0x7f - b':' as u64));
    let not_slash = (plain ^ (ONES * b'/' as u64)) + ONES * 0x7f;
    let not_underscore = (plain ^ (ONES * b'_' as u64)) + ONES * 0x7f;
    (letter | other & not_slash | !not_underscore) & !text
}

/// How many bytes of plain text stand at the start: printable ASCII without `"` and `\`.
#[inline(always)]
pub(super) fn plain_len(text: &[u8]) -> usize {
    let mut at = 0;
    while let Some(chunk) = text[at..].first_chunk::<8>() {
        let special = special(u64::from_le_bytes(*chunk));
        if special != 0 {
            return at + (special.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    while at < text.len() && !matches!(text[at], 0..0x20 | b'"' | b'\\' | 0x80..) {
        at += 1;
    }
    at
}

/// Whether all of it is plain text, as [`plain_len`] has it.
#[inline]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) else {
        return plain_len(text) == text.len();
    };
    // The last bytes are looked at twice rather than one by one.
    let last = match text.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => u64::from(u32::from_le_bytes(*first)) | u64::from(u32::from_le_bytes(*last)) << 32,
    };
    let words = text.as_chunks::<8>().0;
    words.iter().fold(special(last), |found, word| found | special(u64::from_le_bytes(*word))) == 0
}

/// The high bit of the first byte that is a control character, `"`, `\` or not ASCII; bits of
/// bytes after it may be wrong.
const fn special(word: u64) -> u64 {
    // With bit 1 flipped `"` is 0x20, next to the control characters, and a space is not.
    let control_or_quote = (word ^ (ONES * 0x02)).wrapping_sub(ONES * 0x21);
    let slash = (word ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    (control_or_quote | slash | word) & HIGH
}

#[cfg(test)]
mod tests {
    use super::{is_id, is_plain, plain_len};
    use proptest::prelude::*;

    fn is_special(byte: &u8) -> bool {
        *byte < 0x20 || *byte == b'"' || *byte == b'\\' || *byte >= 0x80
    }

    proptest! {
        #[test]
        fn plain_text_ends_at_the_first_special_byte(text: Vec<u8>) {
            let first = text.iter().position(is_special).unwrap_or(text.len());
            prop_assert_eq!(plain_len(&text), first);
            prop_assert_eq!(is_plain(&text), first == text.len());
            prop_assert!(is_plain(&text[..first]));
        }

        #[test]
        fn plain_text_may_be_long(n in 0_usize..40, byte in prop::sample::select(vec![0_u8, 0x1f, b'"', b'\\', 0x80, 0xff])) {
            let mut text = vec![b'~'; n];
            text.push(byte);
            text.extend([byte; 9]);
            prop_assert_eq!(plain_len(&text), n);
            prop_assert!(is_plain(&text[..n]) && (1..=10).all(|more| !is_plain(&text[..n + more])));
        }
    }

    #[test]
    fn an_id_has_only_the_bytes_allowed() {
        for byte in 0..=u8::MAX {
            let allowed = byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
            assert_eq!(is_id(&[b'a', byte, b'z']), allowed, "byte {byte:#x}");
            assert_eq!(is_id(&[[b'a'; 40].as_slice(), &[byte]].concat()), allowed);
        }
    }

    #[test]
    fn an_id_has_1_to_128_bytes() {
        let long = [b'x'; 129];
        assert!(!is_id(b""));
        assert!(is_id(&long[..1]) && is_id(&long[..127]) && is_id(&long[..128]));
        assert!(!is_id(&long));
    }
}
