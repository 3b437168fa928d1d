//! The tick file: a strict, streaming reader of `time,bid,ask,volume`.
//!
//! Owns the format (`20200101 170000065,1.121200,1.121720,0`), where the text comes from, and errors that say
//! line, column and remedy. Leaves instruments, laps and ids to the feed. Memory is one line, whatever the file.

use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use rust_decimal::Decimal;

use crate::csv_line::quote;

/// The ticks this example carries with it, so that the binary runs anywhere.
const EMBEDDED: &str = include_str!("../data/eurusd-ticks.csv");

/// No honest line is longer; a longer one is refused before it is read into memory.
const LONGEST_LINE: u64 = 256;

/// One line of the file: what was bid and asked at a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quote {
    /// Milliseconds since 1970, the file's own clock taken as UTC.
    pub(crate) time: i64,
    /// What buyers offer.
    pub(crate) bid: Decimal,
    /// What sellers ask.
    pub(crate) ask: Decimal,
    /// Traded volume; 0 where the market does not tell.
    pub(crate) volume: Decimal,
}

/// Where the ticks are read from. It is opened once to check it and once per lap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// The copy inside the binary.
    Embedded,
    /// A regular file.
    File(PathBuf),
}

/// What a whole pass over the file found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    /// Number of ticks.
    pub(crate) ticks: u64,
    /// Time of the first tick.
    pub(crate) first: i64,
    /// Time of the last tick.
    pub(crate) last: i64,
}

/// Why the data cannot be used, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DataError {
    pub(crate) place: String,
    pub(crate) what: String,
    pub(crate) remedy: &'static str,
}

impl fmt::Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n  help: {}", self.place, self.what, self.remedy)
    }
}

impl std::error::Error for DataError {}

impl Source {
    /// The source's name in errors.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Embedded => "(embedded ticks)".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Opens the source at its beginning.
    pub(crate) fn open(&self) -> Result<Quotes, DataError> {
        let input: Box<dyn BufRead + Send> = match self {
            Self::Embedded => Box::new(EMBEDDED.as_bytes()),
            Self::File(path) => Box::new(BufReader::with_capacity(1 << 16, open_file(path)?)),
        };
        Ok(Quotes { input, name: self.name(), line: 0, latest: None, text: Vec::new(), ended: false })
    }

    /// Reads everything once, so that a broken line is known before anything starts.
    pub(crate) fn check(&self) -> Result<Extent, DataError> {
        let mut extent: Option<Extent> = None;
        for quote in self.open()? {
            let quote = quote?;
            let seen = extent.get_or_insert(Extent { ticks: 0, first: quote.time, last: quote.time });
            seen.ticks += 1;
            seen.last = quote.time;
        }
        extent.ok_or_else(|| DataError {
            place: self.name(),
            what: "the file has no ticks".to_owned(),
            remedy: "give a file with at least one line `20200101 170000065,1.121200,1.121720,0`, or leave --data out for the embedded ticks",
        })
    }
}

fn open_file(path: &Path) -> Result<File, DataError> {
    let failed = |what: String| DataError {
        place: path.display().to_string(),
        what,
        remedy: "give --data an existing, readable file, or leave it out for the embedded ticks",
    };
    // Asked before opening: opening a pipe would wait for a writer.
    let kind = std::fs::metadata(path).map_err(|error| failed(format!("cannot be opened: {}", reason(&error))))?;
    if kind.is_file() {
        File::open(path).map_err(|error| failed(format!("cannot be opened: {}", reason(&error))))
    } else {
        Err(failed("is not a regular file; it is read more than once, so a pipe or a directory cannot serve".to_owned()))
    }
}

fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        _ => error.to_string(),
    }
}

/// The quotes of one pass, line by line. It ends after the first error.
pub(crate) struct Quotes {
    input: Box<dyn BufRead + Send>,
    name: String,
    line: u64,
    latest: Option<i64>,
    text: Vec<u8>,
    ended: bool,
}

impl Quotes {
    fn read(&mut self) -> Result<Option<Quote>, DataError> {
        self.text.clear();
        self.line += 1;
        let mut limited = (&mut self.input).take(LONGEST_LINE);
        let read = limited.read_until(b'\n', &mut self.text);
        let size = read.map_err(|error| self.error(1, format!("cannot be read: {error}"), "check the disk and start again"))?;
        if size == 0 {
            return Ok(None);
        }
        if self.text.last() == Some(&b'\n') {
            self.text.pop();
            if self.text.last() == Some(&b'\r') {
                self.text.pop();
            }
        } else if size as u64 == LONGEST_LINE {
            return Err(self.error(
                1,
                format!("the line is longer than {LONGEST_LINE} bytes"),
                "is this a CSV file of ticks? one tick a line is expected",
            ));
        }
        let quote = quote(&self.text).map_err(|fault| self.error(fault.column, fault.what, fault.remedy))?;
        if self.latest.is_some_and(|latest| quote.time < latest) {
            return Err(self.error(1, "time runs backwards".to_owned(), "sort the file by its first column"));
        }
        self.latest = Some(quote.time);
        Ok(Some(quote))
    }

    fn error(&self, column: usize, what: String, remedy: &'static str) -> DataError {
        DataError { place: format!("{}: line {}, column {column}", self.name, self.line), what, remedy }
    }
}

impl Iterator for Quotes {
    type Item = Result<Quote, DataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.read().transpose();
        self.ended = !matches!(item, Some(Ok(_)));
        item
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that goes with its test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn source(&self) -> Source {
            Source::File(self.0.clone())
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            // What is left in a temporary directory fails no test.
            let _ = std::fs::remove_file(&self.0);
        }
    }

    fn file(name: &str, text: &str) -> Scratch {
        let path = std::env::temp_dir().join(format!("trading-csv-{}-{name}", std::process::id()));
        std::fs::write(&path, text).expect("the temporary directory is writable");
        Scratch(path)
    }

    fn complaint(name: &str, text: &str) -> String {
        file(name, text).source().check().expect_err("the file is broken").to_string()
    }

    #[test]
    fn the_embedded_ticks_are_whole() {
        let extent = Source::Embedded.check().expect("the embedded ticks are valid");
        assert_eq!(extent.ticks, 9500);
        assert!(extent.first < extent.last);
    }

    #[test]
    fn prices_keep_every_digit_of_their_text() {
        let quote = Source::Embedded.open().expect("opens").next().expect("has ticks").expect("is valid");
        assert_eq!(quote.bid.to_string(), "1.121200");
        assert_eq!(quote.ask.to_string(), "1.121720");
        assert_eq!(quote.time, 1_577_898_000_065);
    }

    #[test]
    fn a_broken_line_is_named_with_line_column_and_remedy() {
        let text = complaint("broken", "20200101 170000065,1.1,1.2,0\n20200101 170000066,1.1,oops,0\n");
        assert!(text.contains("line 2, column 24"), "{text}");
        assert!(text.contains("`oops` is not a decimal number"), "{text}");
        assert!(text.contains("help: "), "{text}");
    }

    #[test]
    fn an_empty_file_has_no_ticks() {
        assert!(complaint("empty", "").contains("no ticks"));
    }

    #[test]
    fn a_missing_file_is_said_to_be_missing() {
        let missing = Source::File(PathBuf::from("/nowhere/at/all.csv"));
        assert!(missing.check().expect_err("it is missing").to_string().contains("no such file"));
    }

    #[test]
    fn a_directory_is_not_a_file_of_ticks() {
        assert!(Source::File(std::env::temp_dir()).check().is_err());
    }

    #[test]
    fn time_that_runs_backwards_is_refused() {
        let text = complaint("back", "20200101 170000065,1.1,1.2,0\n20200101 170000064,1.1,1.2,0\n");
        assert!(text.contains("line 2") && text.contains("backwards"), "{text}");
    }

    #[test]
    fn an_endless_line_is_refused_without_reading_it() {
        assert!(complaint("long", &"9".repeat(100_000)).contains("longer than"));
    }

    #[test]
    fn nothing_follows_the_first_error() {
        let mut quotes = file("ends", "broken\n20200101 170000065,1.1,1.2,0\n").source().open().expect("opens");
        assert!(quotes.next().is_some_and(|quote| quote.is_err()));
        assert!(quotes.next().is_none());
    }

    #[test]
    fn a_windows_line_ending_and_a_missing_last_one_are_accepted() {
        let extent = file("crlf", "20200101 170000065,1.1,1.2,0\r\n20200101 170000066,1.1,1.2,0").source().check();
        assert_eq!(extent.expect("is valid").ticks, 2);
    }
}
