//! The time an event happened, in its one text form.
//!
//! Nothing here asks what time it is.

use std::fmt;
use std::str::FromStr;

use super::error::TimestampError;

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

    /// Appends the text.
    pub(super) fn write(self, out: &mut Vec<u8>) {
        let (seconds, nanos) = self.parts();
        let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil(days);
        let mut text = *b"0000-00-00T00:00:00";
        digits(&mut text[0..4], year as u32);
        digits(&mut text[5..7], month);
        digits(&mut text[8..10], day);
        digits(&mut text[11..13], (second / 3_600) as u32);
        digits(&mut text[14..16], (second / 60 % 60) as u32);
        digits(&mut text[17..19], (second % 60) as u32);
        out.extend_from_slice(&text);
        if nanos != 0 {
            let (len, part) = match nanos {
                n if n % 1_000_000 == 0 => (4, n / 1_000_000),
                n if n % 1_000 == 0 => (7, n / 1_000),
                n => (10, n),
            };
            let mut fraction = *b".000000000";
            digits(&mut fraction[1..len], part);
            out.extend_from_slice(&fraction[..len]);
        }
        out.push(b'Z');
    }
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
        let word = |at: usize| -> Option<u64> { Some(u64::from_le_bytes(*date.get(at..)?.first_chunk::<8>()?)) };
        let (a, bad_a) = pairs(word(0)?, *b"0000-00-");
        let (b, bad_b) = pairs(word(8)?, *b"00T00:00");
        let (c, bad_c) = pairs(word(11)?, *b"00:00:00");
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

/// Eight characters against a pattern in which `0` stands for any digit: in each byte the number
/// that its digit and the next make, and a mask that is 0 when all fit.
#[inline]
const fn pairs(text: u64, pattern: [u8; 8]) -> (u64, u64) {
    let mut most = [0; 8];
    let mut at = 0;
    while at < 8 {
        most[at] = if pattern[at] == b'0' { 0x7f - 9 } else { 0x7f };
        at += 1;
    }
    // A digit is at most 9 now, anything else must be 0; the high bit says that it is more.
    let text = text ^ u64::from_le_bytes(pattern);
    let seven = text & 0x7f7f_7f7f_7f7f_7f7f;
    let bad = ((seven + u64::from_le_bytes(most)) | text) & 0x8080_8080_8080_8080;
    (seven.wrapping_mul(10).wrapping_add(seven >> 8), bad)
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

/// The date that lies so many days after 1970-01-01.
fn civil(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month as u32, day as u32)
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
