//! One line of the tick file, parsed once at the border.
//!
//! Owns the four fields and what is said about each that is wrong. Leaves files, line numbers and the order of
//! lines to `csv`. Prices go from text to `Decimal`; no float is ever made.

use rust_decimal::Decimal;

use crate::csv::Quote;

/// What is wrong in a line, and at which column (1-based, in bytes).
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) column: usize,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

const SHAPE: &str = "a line is `time,bid,ask,volume`, for example `20200101 170000065,1.121200,1.121720,0`; there is no header";

/// Reads one line, without its line ending.
pub(crate) fn quote(line: &[u8]) -> Result<Quote, Fault> {
    let text = std::str::from_utf8(line).map_err(|error| Fault {
        column: error.valid_up_to() + 1,
        what: "not UTF-8 text".to_owned(),
        remedy: SHAPE,
    })?;
    let mut fields = Fields { rest: Some(text), column: 1 };
    let time = fields.time()?;
    let (bid, ask, volume) = (fields.price("bid")?, fields.price("ask")?, fields.decimal("volume")?);
    if let Some(rest) = fields.rest {
        return Err(Fault { column: fields.column, what: format!("unexpected fifth field `{}`", shown(rest)), remedy: SHAPE });
    }
    if ask.1 < bid.1 {
        return Err(Fault {
            column: ask.0,
            what: format!("ask {} is below bid {}", ask.1, bid.1),
            remedy: "a market is never crossed; are the columns in the order time,bid,ask,volume?",
        });
    }
    if volume.1.is_sign_negative() && !volume.1.is_zero() {
        return Err(Fault {
            column: volume.0,
            what: format!("volume {} is negative", volume.1),
            remedy: "write 0 if the volume is not known",
        });
    }
    Ok(Quote { time, bid: bid.1, ask: ask.1, volume: volume.1 })
}

struct Fields<'a> {
    rest: Option<&'a str>,
    column: usize,
}

impl<'a> Fields<'a> {
    fn take(&mut self, name: &str) -> Result<(usize, &'a str), Fault> {
        let Some(rest) = self.rest else {
            return Err(Fault { column: self.column, what: format!("the line ends before its {name}"), remedy: SHAPE });
        };
        let at = self.column;
        let (field, rest) = rest.split_once(',').map_or((rest, None), |(field, rest)| (field, Some(rest)));
        self.rest = rest;
        self.column += field.len() + usize::from(rest.is_some());
        Ok((at, field))
    }

    fn time(&mut self) -> Result<i64, Fault> {
        let (column, field) = self.take("time")?;
        millis(field).ok_or_else(|| Fault {
            column,
            what: format!("`{}` is not a time", shown(field)),
            remedy: "a time is `yyyymmdd hhmmssmmm`, for example `20200101 170000065`; a header line must be removed",
        })
    }

    fn decimal(&mut self, name: &str) -> Result<(usize, Decimal), Fault> {
        let (column, field) = self.take(name)?;
        let plain = !field.is_empty() && field.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-'));
        match Decimal::from_str_exact(field) {
            Ok(number) if plain => Ok((column, number)),
            _ => Err(Fault {
                column,
                what: format!("{name} `{}` is not a decimal number", shown(field)),
                remedy: "write digits and one point, for example `1.121200`",
            }),
        }
    }

    fn price(&mut self, name: &str) -> Result<(usize, Decimal), Fault> {
        let (column, price) = self.decimal(name)?;
        let highest = Decimal::from(100_000);
        if price > Decimal::ZERO && price <= highest && price.scale() <= 6 {
            return Ok((column, price));
        }
        Err(Fault {
            column,
            what: format!("{name} {price} is not a price"),
            remedy: "a price is above 0, at most 100000, and has at most 6 decimals, so that every sum stays exact",
        })
    }
}

/// Milliseconds since 1970 of `yyyymmdd hhmmssmmm`, taken as UTC.
fn millis(text: &str) -> Option<i64> {
    let bytes = text.as_bytes();
    if bytes.len() != 18 || bytes[8] != b' ' {
        return None;
    }
    let number = |from: usize, to: usize| {
        bytes[from..to].iter().try_fold(0_i64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + i64::from(byte - b'0')))
    };
    let (year, month, day) = (number(0, 4)?, number(4, 6)?, number(6, 8)?);
    let (hour, minute, second, milli) = (number(9, 11)?, number(11, 13)?, number(13, 15)?, number(15, 18)?);
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        2 => 28 + i64::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return None,
    };
    if year < 1970 || day < 1 || day > days || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    // Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March.
    let shifted = if month > 2 { year } else { year - 1 };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let days = shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + day_of_year - 719_468;
    Some(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + milli)
}

fn shown(field: &str) -> String {
    field.chars().take(40).flat_map(char::escape_debug).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_read_across_leap_days_and_years() {
        assert_eq!(millis("19700101 000000000"), Some(0));
        assert_eq!(millis("20000229 000000000"), Some(951_782_400_000));
        assert_eq!(millis("20200301 000000001"), Some(1_583_020_800_001));
        assert_eq!(millis("20191231 235959999"), Some(1_577_836_799_999));
    }

    #[test]
    fn times_that_do_not_exist_are_refused() {
        for text in [
            "20200230 000000000",
            "20210229 000000000",
            "20201301 000000000",
            "20200101 240000000",
            "20200101T170000065",
            "time",
            "",
        ] {
            assert_eq!(millis(text), None, "{text}");
        }
    }

    #[test]
    fn every_wrong_field_is_named_with_its_column() {
        for (line, column, words) in [
            ("", 1, "is not a time"),
            ("time,bid,ask,volume", 1, "header"),
            ("20200101 170000065", 19, "ends before its bid"),
            ("20200101 170000065,1.1", 23, "ends before its ask"),
            ("20200101 170000065,,1.2,0", 20, "bid `` is not a decimal"),
            ("20200101 170000065,1.1,1e5,0", 24, "is not a decimal"),
            ("20200101 170000065,1.1,NaN,0", 24, "is not a decimal"),
            ("20200101 170000065,-1.1,1.2,0", 20, "is not a price"),
            ("20200101 170000065,1.1000000,1.2,0", 20, "at most 6 decimals"),
            ("20200101 170000065,1.2,1.1,0", 24, "below bid"),
            ("20200101 170000065,1.1,1.2,-1", 28, "negative"),
            ("20200101 170000065,1.1,1.2,0,7", 30, "fifth field `7`"),
        ] {
            let fault = quote(line.as_bytes()).expect_err(line);
            let text = format!("{} {}", fault.what, fault.remedy);
            assert_eq!(fault.column, column, "{line}: {text}");
            assert!(text.contains(words), "{line}: {text}");
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_at_their_column() {
        assert_eq!(quote(b"2020\xff").expect_err("not text").column, 5);
    }
}
