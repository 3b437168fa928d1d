//! Owns what mutants there are, as cargo-mutants lists them. Leaves building and trying them to others.

use crate::step::{Step, root};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::ops::Range;

/// One mutant.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Mutant {
    /// As cargo-mutants shows it, with line and column: unique, until a line is added above it.
    pub(crate) name: String,
    /// Its file.
    pub(crate) file: String,
    /// What it changes, and in which function.
    pub(crate) change: String,
    /// The line where that begins, as it is written.
    pub(crate) line: String,
    /// Of what kind it is: an operator, a function's value, …
    pub(crate) genre: String,
    /// Where it begins and ends: line and column, from one.
    pub(crate) span: [(usize, usize); 2],
    /// What stands there instead.
    pub(crate) replacement: String,
    /// What its function returns.
    pub(crate) returns: String,
    /// Whether its function is constant, and so can ask nobody.
    pub(crate) is_const: bool,
}

/// What became of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// A test failed.
    Caught(String),
    /// The tests did not end.
    TimedOut(String),
    /// It does not compile.
    Unviable,
    /// All tests pass.
    Missed,
}

/// Looks whether cargo-mutants is there.
///
/// # Errors
/// If not, and how to get it.
pub(crate) fn version() -> Result<String, String> {
    let found = Step::cargo(&["mutants", "--version"]).silent().map(|done| done.stdout.trim().to_owned());
    found.map_err(|why| format!("cargo-mutants is missing. Install it: `cargo install cargo-mutants --locked`\n\n{why}"))
}

/// All mutants there are, by file.
///
/// # Errors
/// If cargo-mutants fails, or says what it should not.
pub(crate) fn all() -> Result<BTreeMap<String, Vec<Mutant>>, String> {
    let said = Step::cargo(&["mutants", "--list", "--json", "--package", "millstream-core"]).output()?.stdout;
    let all: Vec<Value> = serde_json::from_str(&said).map_err(|error| format!("cargo-mutants lists no mutants: {error}"))?;
    let mut files: BTreeMap<String, Vec<Mutant>> = BTreeMap::new();
    for one in &all {
        let mutant = Mutant::read(one).ok_or_else(|| format!("cargo-mutants says of a mutant what cannot be read: {one}"))?;
        files.entry(mutant.file.clone()).or_default().push(mutant);
    }
    Ok(files)
}

impl Mutant {
    /// Reads one as cargo-mutants writes it.
    fn read(json: &Value) -> Option<Self> {
        let word = |value: &Value| value.as_str().map(str::to_owned);
        let place = |value: &Value| {
            let number = |name: &str| usize::try_from(value[name].as_u64()?).ok();
            Some((number("line")?, number("column")?))
        };
        let (name, file) = (word(&json["name"])?, word(&json["file"])?);
        // "file:line:column: change"
        let change = name.strip_prefix(&file)?.split_once(": ")?.1.to_owned();
        let span = [place(&json["span"]["start"])?, place(&json["span"]["end"])?];
        let source = fs::read_to_string(root().join(&file)).ok()?;
        let line = source.lines().nth(span[0].0.checked_sub(1)?)?.trim().to_owned();
        let returns = json["function"]["return_type"].as_str().unwrap_or_default().to_owned();
        let head = place(&json["function"]["span"]["start"]).map_or(span[0], |start| start).0;
        let is_const = source.lines().take(span[0].0).skip(head - 1).any(|line| line.contains("const fn "));
        Some(Mutant {
            is_const,
            returns,
            name,
            file,
            change,
            line,
            genre: word(&json["genre"])?,
            span,
            replacement: word(&json["replacement"])?,
        })
    }

    /// All that says whether it compiles, in a line.
    pub(crate) fn described(&self) -> String {
        let Mutant { name, line, returns, .. } = self;
        format!("{name} | {line} | {}", returns.replace('\n', " "))
    }

    /// Where it is in its file's source.
    pub(crate) fn bytes(&self, source: &str) -> Range<usize> {
        let byte = |(line, column): (usize, usize)| {
            let before: usize = source.split_inclusive('\n').take(line - 1).map(str::len).sum();
            let in_line = source[before..].char_indices().nth(column - 1).map_or(source.len() - before, |(at, _)| at);
            before + in_line
        };
        byte(self.span[0])..byte(self.span[1])
    }

    /// Whether it cannot compile alone either if it does not woven in: what a function returns there is of another type.
    pub(crate) fn cannot_compile(&self) -> bool {
        self.genre == "FnValue" && !self.returns.contains("impl ") && !self.is_const
    }

    /// Its file's source with nothing in it but this mutant.
    pub(crate) fn alone(&self, source: &str) -> String {
        let Range { start, end } = self.bytes(source);
        format!("{}{}{}", &source[..start], self.replacement, &source[end..])
    }

    /// One for a test, in a source of one line.
    #[cfg(test)]
    pub(crate) fn planted(source: &str, part: Range<usize>, genre: &str, replacement: &str) -> Self {
        let place = |at: usize| (1, source[..at].chars().count() + 1);
        let span = [place(part.start), place(part.end)];
        Mutant { genre: genre.to_owned(), span, replacement: replacement.to_owned(), ..Mutant::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mutant_alone_is_its_source_but_for_the_part_it_changes() {
        let source = "fn f(ö: u8) -> bool { ö < 3 }";
        let at = source.find('<').expect("an operator");
        let mutant = Mutant::planted(source, at..at + 1, "BinaryOperator", ">=");
        assert_eq!(mutant.bytes(source), at..at + 1);
        assert_eq!(mutant.alone(source), source.replace('<', ">="));
    }
}
