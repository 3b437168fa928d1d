//! Owns where a value comes from.

use std::fmt;

/// Where a value comes from; a later one outweighs an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Source {
    /// The program's own, written beside the field.
    Default,
    /// The file of that name.
    File(String),
    /// The environment variable of that name.
    Environment(String),
    /// The program, by `Settings::with`.
    Code,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Default => f.write_str("default"),
            Source::File(name) => f.write_str(name),
            Source::Environment(name) => f.write_str(name),
            Source::Code => f.write_str("code"),
        }
    }
}
