//! Logs of Millstream services: one line an event, for humans or as JSON, on standard error. Owns the two formats; leaves what
//! is logged to whoever logs, and where lines go from there to the process's surroundings.
//!
//! | file | noun |
//! | --- | --- |
//! | `format` | which of the two |
//! | `line` | one event, with what its spans say of the record at hand |
//!
//! `RUST_LOG` says what is logged, `info` by default. Lines inside a handler carry the record's topic, partition, offset,
//! correlation id and trace id, because they are inside the `process` span of its attempt. That span costs the fast path;
//! `RUST_LOG=info,millstream::process=off` has the lines without it.
//!
//! ```no_run
//! # fn main() -> Result<(), millstream_core::contract::Error> {
//! millstream_logging::init(millstream_logging::LogFormat::Json)?;
//! # Ok(())
//! # }
//! ```

mod format;
mod line;

pub use format::LogFormat;

use line::Line;
use millstream_core::contract::{Error, ErrorKind, Operation};
use std::io::IsTerminal;
use tracing::Subscriber;
use tracing_subscriber::filter::{EnvFilter, LevelFilter};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::fmt::format::JsonFields;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// Makes the process log in this format, on standard error.
///
/// Colours are used where standard error is a terminal and `NO_COLOR` is not set, or empty.
///
/// # Errors
/// If `RUST_LOG` cannot be read, or the process has a subscriber already ([`ErrorKind::Configuration`]).
pub fn init(format: LogFormat) -> Result<(), Error> {
    let color = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|no| no.is_empty());
    let subscriber = tracing_subscriber::registry().with(filter()?).with(layer(format, color, std::io::stderr));
    subscriber.try_init().map_err(|error| {
        let text = "the process logs already: install one subscriber only, or put `millstream_logging::layer` into yours";
        Error::new(ErrorKind::Configuration, Operation::Build, text).with_source(error)
    })
}

/// As [`init`], in the format that `MILLSTREAM_LOG__FORMAT` names: `human`, the default, or `json`.
///
/// # Errors
/// As [`init`], and if it names another.
pub fn from_env() -> Result<(), Error> {
    init(LogFormat::from_env()?)
}

/// The lines as a layer, for a subscriber of your own: beside one that exports traces.
pub fn layer<S, W>(format: LogFormat, color: bool, writer: W) -> impl Layer<S>
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let fields = JsonFields::new();
    tracing_subscriber::fmt::layer().with_ansi(color).fmt_fields(fields).event_format(Line { format, color }).with_writer(writer)
}

fn filter() -> Result<EnvFilter, Error> {
    let builder = EnvFilter::builder().with_default_directive(LevelFilter::INFO.into());
    builder.try_from_env().or_else(|error| match std::env::var("RUST_LOG") {
        Err(std::env::VarError::NotPresent) => {
            Ok(EnvFilter::builder().with_default_directive(LevelFilter::INFO.into()).parse_lossy(""))
        }
        _ => {
            let text = "RUST_LOG cannot be read: write `info`, or `info,my_crate=debug`";
            Err(Error::new(ErrorKind::Configuration, Operation::Build, text).with_source(error))
        }
    })
}
