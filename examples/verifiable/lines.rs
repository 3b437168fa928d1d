//! Owns the output: one JSON object a line, with its name and time, flushed before anything else happens. Leaves what is told to
//! those who know it.

use std::io::{self, Write};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

use millstream::contract::TopicPartition;
use serde_json::{Value, json};

/// Where lines go. Clones write to the same place.
#[derive(Clone)]
pub(crate) struct Lines(Arc<Mutex<dyn Write + Send>>);

impl Lines {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Self::to(io::stdout())
    }

    /// Somewhere else.
    pub(crate) fn to(out: impl Write + Send + 'static) -> Self {
        Self(Arc::new(Mutex::new(out)))
    }

    /// Tells that `name` has happened, with `fields`. Without a reader there is nobody to tell, and the process ends: it would
    /// do what nobody learns of.
    pub(crate) fn tell(&self, name: &str, fields: Value) {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let mut line = json!({ "timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX), "name": name });
        if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
            line.extend(fields);
        }
        let mut out = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if writeln!(out, "{line}").and_then(|()| out.flush()).is_err() {
            std::process::exit(1);
        }
    }
}

/// A partition as Kafka's tools write it.
pub(crate) fn place(partition: &TopicPartition) -> Value {
    json!({ "topic": partition.topic.as_str(), "partition": partition.partition })
}

/// Bytes as text, as Kafka's tools take and write them; none is null.
pub(crate) fn text(bytes: Option<&[u8]>) -> Value {
    bytes.map_or(Value::Null, |bytes| String::from_utf8_lossy(bytes).into())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// What was written.
    #[derive(Clone, Default)]
    pub(crate) struct Page(Arc<Mutex<Vec<u8>>>);

    impl Write for Page {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("nobody panics under the lock").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Page {
        /// All lines, each without its time.
        pub(crate) fn lines(&self) -> Vec<Value> {
            let bytes = self.0.lock().expect("nobody panics under the lock").clone();
            let lines = String::from_utf8(bytes).expect("JSON is text");
            let without_time = |line: &str| {
                let mut line: Value = serde_json::from_str(line).expect("each line is JSON");
                let time = line.as_object_mut().and_then(|fields| fields.remove("timestamp"));
                assert!(time.is_some_and(|time| time.is_u64()), "each line has its time");
                line
            };
            lines.lines().map(without_time).collect()
        }
    }

    #[test]
    fn a_line_is_one_object_with_its_name() {
        let page = Page::default();
        Lines::to(page.clone()).tell("handled", json!({ "id": "a\nb" }));
        assert_eq!(page.lines(), [json!({ "name": "handled", "id": "a\nb" })]);
    }
}
