//! Owns which words are fit for a log: escaped, cut, and without a record's payload.
//!
//! Whatever comes from a record or another process may hold a line's end, a terminal's escape code or a megabyte. What the
//! framework itself finds out about a payload is told without its contents; it stands in the dead letter's headers, beside
//! the payload. The words of a handler's own errors and panics are the handler's, and are logged.

use crate::engine::Failure;
use crate::handler::{HandlerError, panics};
use std::borrow::Cow;

/// The most bytes of one text in a log.
const MOST: usize = 256;

/// A text from outside, fit for a log: escaped and cut to 256 bytes.
pub(crate) fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len().min(MOST));
    for character in text.chars() {
        let before = quoted.len();
        if is_plain(character) {
            quoted.push(character);
        } else {
            quoted.extend(character.escape_default());
        }
        if quoted.len() > MOST {
            quoted.truncate(before);
            break;
        }
    }
    quoted
}

/// Whether a character may stand as it is. A backslash may not, or what was escaped could not be told from what was not.
fn is_plain(character: char) -> bool {
    matches!(character, ' '..='~') && character != '\\'
}

/// What is logged of a failure: its words, unless they may quote the payload.
pub(crate) fn log_text(error: &HandlerError) -> String {
    if error.failure() == Failure::Poison {
        return String::from("the record does not fit the handler's arguments; its dead letter says why");
    }
    // The walk calls `source` of users' errors; the text of one that panics says so itself.
    let of_json = panics::contained(|| error.chain().find_map(|cause| cause.downcast_ref::<serde_json::Error>()).map(place));
    if let Ok(Some((kind, line, column))) = of_json {
        // Its own words quote what it found.
        let about = error.context().unwrap_or(error.error_type());
        return quote(&format!("{about}: {kind:?} error of JSON at line {line} column {column}"));
    }
    quote(&without_values(&error.to_string()))
}

/// What of JSON's own error quotes nothing.
fn place(json: &serde_json::Error) -> (serde_json::error::Category, usize, usize) {
    (json.classify(), json.line(), json.column())
}

/// The text without the values that serde's own words quote, in whatever error they were put.
fn without_values(text: &str) -> Cow<'_, str> {
    const WORDS: [&str; 4] = ["invalid type: ", "invalid value: ", "unknown variant ", "unknown field "];
    let Some(start) = WORDS.iter().filter_map(|word| text.find(word).map(|at| at + word.len())).min() else {
        return Cow::Borrowed(text);
    };
    // The last one: the value may hold these words too.
    let end = text.rfind(", expected ").filter(|end| *end >= start).unwrap_or(text.len());
    Cow::Owned(format!("{}(a value){}", &text[..start], &text[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::handler::OrFail;
    use proptest::prelude::*;
    use std::error::Error;

    #[test]
    fn a_line_stays_one_line_and_a_terminal_stays_as_it_is() {
        assert_eq!(quote("a\n\u{1b}[2J\u{202e}\\n"), r"a\n\u{1b}[2J\u{202e}\\n");
    }

    #[test]
    fn errors_of_json_are_told_without_what_they_quote() {
        let wrong = || serde_json::from_str::<u64>("\"MARKER\"").expect_err("a text is no number");
        assert!(wrong().to_string().contains("MARKER"), "else there is nothing to prove");
        let plain = HandlerError::from(wrong());
        let said: HandlerError = Err::<(), _>(wrong()).or_permanent("no price").expect_err("an error");
        let inside = HandlerError::from(std::io::Error::other(wrong()));
        for error in [&plain, &said, &inside] {
            assert!(!log_text(error).contains("MARKER"), "{}", log_text(error));
        }
        assert_eq!(log_text(&said), "no price: Data error of JSON at line 1 column 8");
    }

    #[test]
    fn serdes_words_lose_their_values_also_in_errors_that_hide_where_they_are_from() {
        #[derive(Debug)]
        struct Mine(serde_json::Error);
        impl std::fmt::Display for Mine {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "no price: {}", self.0)
            }
        }
        impl Error for Mine {}
        let wrong = |json: &str| HandlerError::from(Mine(serde_json::from_str::<u64>(json).expect_err("no number")));
        assert_eq!(
            log_text(&wrong(r#""MARKER, expected a""#)),
            "no price: invalid type: (a value), expected u64 at line 1 column 20"
        );
        assert_eq!(log_text(&wrong("-4711")), "no price: invalid value: (a value), expected u64 at line 1 column 5");
    }

    #[test]
    fn a_handlers_own_words_are_logged_and_escaped() {
        assert_eq!(log_text(&HandlerError::transient("the broker said\r\nno")), r"the broker said\r\nno");
    }

    proptest! {
        #[test]
        fn whatever_comes_is_short_and_printable(text in any::<String>()) {
            let quoted = quote(&text);
            prop_assert!(quoted.len() <= MOST);
            prop_assert!(quoted.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
        }
    }
}
