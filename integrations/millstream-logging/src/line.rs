//! Owns how one event becomes one line. Whatever its fields hold, it stays one, and a terminal stays as it is.

use crate::LogFormat;
use serde_json::{Map, Value};
use std::fmt;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::{JsonFields, Writer};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormattedFields};
use tracing_subscriber::registry::LookupSpan;

/// What a span says of a record, and how lines call it.
const LIFTED: [(&str, &str); 6] = [
    ("messaging.message.conversation_id", "correlation_id"),
    ("messaging.message.id", "message_id"),
    ("trace_id", "trace_id"),
    ("messaging.destination.name", "topic"),
    ("messaging.destination.partition.id", "partition"),
    ("messaging.kafka.offset", "offset"),
];

/// Writes lines.
pub(crate) struct Line {
    pub(crate) format: LogFormat,
    pub(crate) color: bool,
}

/// An event's fields, the message apart.
#[derive(Default)]
struct Fields {
    message: String,
    others: Map<String, Value>,
}

impl Fields {
    fn put(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            (name, value) => {
                self.others.insert(name.strip_prefix("r#").unwrap_or(name).to_owned(), value);
            }
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value.into());
    }
}

impl<S> FormatEvent<S, JsonFields> for Line
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn format_event(&self, ctx: &FmtContext<'_, S, JsonFields>, mut out: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let mut lifted = Map::new();
        let mut spans = Vec::new();
        for span in ctx.event_scope().into_iter().flat_map(|scope| scope.from_root()) {
            let extensions = span.extensions();
            let said = extensions.get::<FormattedFields<JsonFields>>();
            let mut said: Map<String, Value> = said.and_then(|said| serde_json::from_str(&said.fields).ok()).unwrap_or_default();
            if span.metadata().target() == "millstream::process" {
                for (name, ours) in LIFTED {
                    said.get(name).into_iter().for_each(|value| drop(lifted.insert(ours.to_owned(), value.clone())));
                }
            }
            said.insert(String::from("name"), span.name().into());
            spans.push(Value::Object(said));
        }
        let time = format!("{:.3}", jiff::Timestamp::now());
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        match self.format {
            LogFormat::Json => {
                lifted.insert(String::from("timestamp"), time.into());
                lifted.insert(String::from("level"), level.as_str().into());
                lifted.insert(String::from("target"), target.into());
                lifted.insert(String::from("message"), fields.message.into());
                lifted.insert(String::from("fields"), Value::Object(fields.others));
                if !spans.is_empty() {
                    lifted.insert(String::from("spans"), Value::Array(spans));
                }
                writeln!(out, "{}", Value::Object(lifted))
            }
            LogFormat::Human => {
                self.level(&mut out, &time, level)?;
                write!(out, " {target}: ")?;
                plain(&mut out, &fields.message)?;
                for (name, value) in fields.others.iter().chain(&lifted) {
                    write!(out, " {name}=")?;
                    match value {
                        Value::String(text) if text.contains([' ', '=', '"']) || text.is_empty() => {
                            out.write_char('"')?;
                            plain(&mut out, text)?;
                            out.write_char('"')?;
                        }
                        Value::String(text) => plain(&mut out, text)?,
                        other => write!(out, "{other}")?,
                    }
                }
                writeln!(out)
            }
        }
    }
}

impl Line {
    fn level(&self, out: &mut Writer<'_>, time: &str, level: Level) -> fmt::Result {
        if !self.color {
            return write!(out, "{time} {level:>5}");
        }
        let color = match level {
            Level::ERROR => 31,
            Level::WARN => 33,
            Level::INFO => 32,
            Level::DEBUG => 34,
            Level::TRACE => 35,
        };
        write!(out, "\u{1b}[2m{time}\u{1b}[0m \u{1b}[{color}m{level:>5}\u{1b}[0m")
    }
}

/// Writes a text so that it breaks no line and steers no terminal.
fn plain(out: &mut Writer<'_>, text: &str) -> fmt::Result {
    for character in text.chars() {
        match character {
            '\'' | '\\' | '"' => out.write_char(character)?,
            other => other.escape_debug().try_for_each(|escaped| out.write_char(escaped))?,
        }
    }
    Ok(())
}
