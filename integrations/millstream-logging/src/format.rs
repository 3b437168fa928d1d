//! Owns which format lines have.

use millstream_core::contract::{Error, ErrorKind, Operation};
use std::str::FromStr;

/// How lines look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum LogFormat {
    /// For people: `time LEVEL target: message name=value …`. The default.
    #[default]
    Human,
    /// One JSON object a line. Always there: `timestamp` (RFC 3339, UTC), `level`, `target`, `message`, `fields` (an object).
    /// Inside a handler also `correlation_id`, `message_id`, `topic`, `partition`, `offset`, and `trace_id` if the record has
    /// one. Inside spans `spans`, from the outermost in: each with its `name` and its fields.
    Json,
}

impl LogFormat {
    /// The format that `MILLSTREAM_LOG__FORMAT` names; human without it.
    ///
    /// # Errors
    /// If it names another ([`ErrorKind::Configuration`]).
    pub fn from_env() -> Result<Self, Error> {
        std::env::var("MILLSTREAM_LOG__FORMAT").map_or(Ok(LogFormat::Human), |named| named.parse())
    }
}

impl FromStr for LogFormat {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "human" => Ok(LogFormat::Human),
            "json" => Ok(LogFormat::Json),
            other => {
                let text = format!("`{}` is no log format: write `human` or `json`", other.escape_debug());
                Err(Error::new(ErrorKind::Configuration, Operation::Build, text))
            }
        }
    }
}
