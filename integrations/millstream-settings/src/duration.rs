//! Owns how long something is, as text: `250ms`, `25s`, `5m`, `2h`.

use serde::Deserialize;
use std::time::Duration;

/// Reads a duration such as `"250ms"`, `"25s"`, `"5m"` or `"2h"`; for fields of your own:
/// `#[config(deserialize_with = millstream::settings::duration)]`.
///
/// # Errors
/// If the text is no whole number with one of these units.
pub fn duration<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    parse(&text).ok_or_else(|| serde::de::Error::custom(format!("`{text}` is no duration; write `250ms`, `25s`, `5m` or `2h`")))
}

pub(crate) fn parse(text: &str) -> Option<Duration> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit())?;
    let number: u64 = text[..end].parse().ok()?;
    let millis = match text[end..].trim_start() {
        "ms" => 1,
        "s" => 1_000,
        "m" | "min" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    number.checked_mul(millis).map(Duration::from_millis)
}

#[cfg(test)]
mod tests {
    use super::parse;
    use std::time::Duration;

    #[test]
    fn a_duration_is_a_whole_number_with_a_unit() {
        for (text, millis) in
            [("250ms", 250), ("25s", 25_000), (" 5 m ", 300_000), ("5min", 300_000), ("2h", 7_200_000), ("0s", 0)]
        {
            assert_eq!(parse(text), Some(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "5", "s", "-5s", "1.5s", "5 d", "5ss", "99999999999999999999s", "18446744073709551615h"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
