//! The time an event happened, in its one text form.
//!
//! Nothing here asks what time it is.

use std::fmt;
use std::str::FromStr;

use super::error::TimestampError;
use super::text::HIGH;

/// A moment in UTC, to the nanosecond; in text RFC 3339, such as `2026-11-25T09:15:00.250Z`.
///
/// Read are all digits of the second (up to nine) and any offset; written is `Z`, with no, three,
/// six or nine digits, whichever loses nothing. Never a float. Years 0000 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

/// The first and last second of the years 0000 to 9999.
const SECONDS: std::ops::RangeInclusive<i64> = -62_167_219_200..=253_402_207_200;

impl Timestamp {
    /// 1970-01-01T00:00:00Z.
    pub const UNIX_EPOCH: Self = Self(jiff::Timestamp::UNIX_EPOCH);

    /// Milliseconds since 1970; before or after the years 0000 to 9999, the end of them.
    #[must_use]
    pub fn from_millis(millis: i64) -> Self {
        Self::clamped(millis.div_euclid(1_000), (millis.rem_euclid(1_000) * 1_000_000) as i32)
    }

    /// Microseconds since 1970; before or after the years 0000 to 9999, the end of them.
    #[must_use]
    pub fn from_micros(micros: i64) -> Self {
        Self::clamped(micros.div_euclid(1_000_000), (micros.rem_euclid(1_000_000) * 1_000) as i32)
    }

    /// Whole milliseconds since 1970, rounded down; negative before.
    #[must_use]
    pub fn as_millis(self) -> i64 {
        let (seconds, nanos) = self.parts();
        seconds * 1_000 + i64::from(nanos / 1_000_000)
    }

    /// Whole microseconds since 1970, rounded down; negative before.
    #[must_use]
    pub fn as_micros(self) -> i64 {
        let (seconds, nanos) = self.parts();
        seconds * 1_000_000 + i64::from(nanos / 1_000)
    }

    /// Nanoseconds within the second.
    #[must_use]
    pub fn subsec_nanos(self) -> u32 {
        self.parts().1
    }

    fn clamped(seconds: i64, nanos: i32) -> Self {
        let (seconds, nanos) = if seconds < *SECONDS.start() {
            (*SECONDS.start(), 0)
        } else if seconds > *SECONDS.end() {
            (*SECONDS.end(), 999_999_999)
        } else {
            (seconds, nanos)
        };
        Self::new(seconds, nanos).expect("the second was brought into range")
    }

    fn new(seconds: i64, nanos: i32) -> Option<Self> {
        if !SECONDS.contains(&seconds) {
            return None;
        }
        jiff::Timestamp::new(seconds, nanos).ok().map(Self)
    }

    /// Seconds since 1970, rounded down, and the nanoseconds on top.
    fn parts(self) -> (i64, u32) {
        let (seconds, nanos) = (self.0.as_second(), self.0.subsec_nanosecond());
        if nanos < 0 { (seconds - 1, (nanos + 1_000_000_000) as u32) } else { (seconds, nanos as u32) }
    }

    /// Reads the text of a timestamp.
    ///
    /// Strict RFC 3339: `T`, and `Z` or an offset in capital letters and digits. A leap second
    /// counts as the one before it.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let parts = Parts::read(text)?;
        Self::new(parts.seconds(), parts.nanos)
    }

    /// Whether [`parse`](Self::parse) would read this, without working out the moment.
    #[inline]
    pub(super) fn is_valid(text: &[u8]) -> bool {
        match Parts::read(text) {
            None => false,
            // An offset leads out of the first and last year only.
            Some(parts) if matches!(parts.year, 1..=9_998) => true,
            Some(parts) => SECONDS.contains(&parts.seconds()),
        }
    }

    /// Whether this is a moment as we write it, on a day that every month has: what shows without
    /// a calendar. Any other may be valid too.
    #[inline(always)]
    pub(super) fn is_usual(text: &[u8; 24]) -> bool {
        let words = text.as_chunks::<8>().0;
        let (date, bad_a) = pairs::<{ largest(b"9999-19-") }>(words[0]);
        let (time, bad_b) = pairs::<{ largest(b"39T29:59") }>(words[1]);
        let (_, bad_c) = pairs::<{ largest(b":59.999Z") }>(words[2]);
        let (month, day, hour) = ((date >> 40) as u8, time as u8, (time >> 24) as u8);
        // The last year ends early: an offset must not lead out of it.
        let last_year = text.first_chunk::<4>() == Some(b"9999");
        bad_a | bad_b | bad_c == 0 && month.wrapping_sub(1) < 12 && day.wrapping_sub(1) < 28 && hour < 24 && !last_year
    }

    /// Appends the text.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (seconds, nanos) = self.parts();
        let since_then = (seconds + DAYS_BEFORE * 86_400) as u64;
        let ((year, month, day), second) = (civil((since_then / 86_400) as u32), (since_then % 86_400) as u32);
        let mut text = *b"0000-00-00T00:00:00.000000000Z";
        text[0..2].copy_from_slice(&two(year / 100));
        text[2..4].copy_from_slice(&two(year % 100));
        text[5..7].copy_from_slice(&two(month));
        text[8..10].copy_from_slice(&two(day));
        text[11..13].copy_from_slice(&two(second / 3_600));
        text[14..16].copy_from_slice(&two(second / 60 % 60));
        text[17..19].copy_from_slice(&two(second % 60));
        let millis = nanos / 1_000_000;
        if nanos == 0 {
            text[19] = b'Z';
            out.extend_from_slice(&text[..20]);
        } else if nanos == millis * 1_000_000 {
            text[20] = b'0' + (millis / 100) as u8;
            text[21..23].copy_from_slice(&two(millis % 100));
            text[23] = b'Z';
            out.extend_from_slice(&text[..24]);
        } else {
            let (len, part) = if nanos % 1_000 == 0 { (6, nanos / 1_000) } else { (9, nanos) };
            digits(&mut text[20..20 + len], part);
            text[20 + len] = b'Z';
            out.extend_from_slice(&text[..=20 + len]);
        }
    }
}

/// The digits of a number below 100. The factor is a tenth of 1,024, and a little more.
fn two(number: u32) -> [u8; 2] {
    let tens = (number * 103) >> 10;
    [b'0' + tens as u8, b'0' + (number - tens * 10) as u8]
}

fn digits(out: &mut [u8], mut number: u32) {
    for digit in out.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// What a timestamp's text says, in range.
struct Parts {
    year: u32,
    month: u32,
    day: u32,
    of_day: u32,
    nanos: i32,
    offset: i32,
}

impl Parts {
    #[inline]
    fn read(text: &[u8]) -> Option<Self> {
        let date = text.first_chunk::<19>()?;
        let word = |at: usize| date.get(at..)?.first_chunk::<8>().copied();
        let (a, bad_a) = pairs::<{ largest(b"9999-99-") }>(word(0)?);
        let (b, bad_b) = pairs::<{ largest(b"99T99:99") }>(word(8)?);
        let (c, bad_c) = pairs::<{ largest(b"99:99:99") }>(word(11)?);
        if bad_a | bad_b | bad_c != 0 {
            return None;
        }
        let of = |word: u64, at: u32| (word >> (8 * at) & 0xff) as u32;
        let (year, month, day) = (of(a, 0) * 100 + of(a, 2), of(a, 5), of(b, 0));
        let (hour, minute, second) = (of(c, 0), of(c, 3), of(c, 6));
        if month.wrapping_sub(1) > 11 || hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        if day.wrapping_sub(1) > 27 && (day == 0 || day > days_of(year, month)) {
            return None;
        }
        let (nanos, zone) = match text[19..] {
            // What we write ourselves.
            [b'.', a @ b'0'..=b'9', b @ b'0'..=b'9', c @ b'0'..=b'9', b'Z'] => {
                let millis = i32::from(a) * 100 + i32::from(b) * 10 + i32::from(c);
                ((millis - 111 * i32::from(b'0')) * 1_000_000, &b"Z"[..])
            }
            _ => fraction(&text[19..])?,
        };
        let offset = if zone == b"Z" { 0 } else { offset(zone)? };
        let of_day = hour * 3_600 + minute * 60 + second.min(59);
        Some(Self { year, month, day, of_day, nanos, offset })
    }

    fn seconds(&self) -> i64 {
        let days = days_from_civil(self.year, self.month, self.day);
        days * 86_400 + i64::from(self.of_day) - i64::from(self.offset)
    }
}

/// The characters that [`pairs`] compares with, as a parameter of types.
const fn largest(text: &[u8; 8]) -> u64 {
    u64::from_le_bytes(*text)
}

/// Eight characters against the largest they may be: a digit stands for itself and any below, all
/// else for itself only. In each byte the number that its digit and the next make, and a mask that
/// is 0 when all fit.
#[inline(always)]
const fn pairs<const LARGEST: u64>(text: [u8; 8]) -> (u64, u64) {
    let (base, most) = const { base_and_most(LARGEST.to_le_bytes()) };
    // A digit is small now, anything else must be 0; the high bit says that it is more.
    let text = u64::from_le_bytes(text) ^ base;
    let seven = text & !HIGH;
    let bad = ((seven + most) | text) & HIGH;
    (seven.wrapping_mul(10).wrapping_add(seven >> 8), bad)
}

/// What leaves of each character its distance from `0`, or from itself, and what lifts a distance
/// to the high bit of its byte when it is too large.
const fn base_and_most(largest: [u8; 8]) -> (u64, u64) {
    let (mut base, mut most) = ([0; 8], [0; 8]);
    let mut at = 0;
    while at < 8 {
        base[at] = if largest[at].is_ascii_digit() { b'0' } else { largest[at] };
        most[at] = 0x7f - (largest[at] - base[at]);
        at += 1;
    }
    (u64::from_le_bytes(base), u64::from_le_bytes(most))
}

/// Seconds east of UTC, of `+hh:mm` or `-hh:mm`.
#[cold]
fn offset(zone: &[u8]) -> Option<i32> {
    let [sign @ (b'+' | b'-'), h0, h1, b':', m0, m1] = *zone else {
        return None;
    };
    let (hours, minutes) = (pair(h0, h1)?, pair(m0, m1)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = (hours * 3_600 + minutes * 60) as i32;
    Some(if sign == b'-' { -offset } else { offset })
}

/// The nanoseconds of `.digits`, if there are any, and what follows.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some((b'.', digits)) = text.split_first() else {
        return Some((0, text));
    };
    let mut nanos = 0;
    let mut scale = 100_000_000;
    let mut at = 0;
    while let Some(digit) = digits.get(at).map(|d| d.wrapping_sub(b'0')).filter(|d| *d < 10) {
        if at == 9 {
            return None;
        }
        nanos += i32::from(digit) * scale;
        scale /= 10;
        at += 1;
    }
    if at == 0 { None } else { Some((nanos, &digits[at..])) }
}

fn pair(tens: u8, ones: u8) -> Option<u32> {
    let (tens, ones) = (tens.wrapping_sub(b'0'), ones.wrapping_sub(b'0'));
    if tens > 9 || ones > 9 { None } else { Some(u32::from(tens) * 10 + u32::from(ones)) }
}

const fn days_of(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970 of a date in the proleptic Gregorian calendar. Years begin in March here, so
/// that the leap day is a year's last.
fn days_from_civil(year: u32, month: u32, day: u32) -> i64 {
    let year = i64::from(year) - i64::from(month <= 2);
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let month = i64::from(if month > 2 { month - 3 } else { month + 9 });
    let of_year = (153 * month + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// Days from the first of March 400 years before the year 0000, from where all are counted that
/// are written, to 1970: no number is negative then.
const DAYS_BEFORE: i64 = 719_468 + 146_097;

/// The year, month and day that lie so many days after the day [`DAYS_BEFORE`] 1970.
fn civil(days: u32) -> (u32, u32, u32) {
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + u32::from(month <= 2) - 400, month, day)
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::with_capacity(30);
        self.write(&mut text);
        f.pad(std::str::from_utf8(&text).expect("digits and marks are ASCII"))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, TimestampError> {
        Self::parse(text.as_bytes()).ok_or_else(|| TimestampError::new(text))
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;
        impl serde::de::Visitor<'_> for Text {
            type Value = Timestamp;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an RFC 3339 timestamp as text")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Timestamp, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Text)
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_usual_is_valid(text in "(9999|[0-9]{4})-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{3}Z") {
            let text = text.as_bytes().first_chunk().expect("24 bytes");
            prop_assert!(!Timestamp::is_usual(text) || Timestamp::parse(text).is_some());
        }

        #[test]
        fn most_that_we_write_is_usual(millis in 0_i64..4_000_000_000_000) {
            let mut text = Vec::new();
            Timestamp::from_millis(millis).write(&mut text);
            let days_of_any_month = &text[8..10] <= b"28".as_slice();
            prop_assert!(text.first_chunk().is_none_or(|text| Timestamp::is_usual(text) == days_of_any_month));
        }
    }
}
