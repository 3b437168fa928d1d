//! One service as a process of its own, and what it tells of itself.
//!
//! Owns its lines on standard output: a JSON object each, with `timestamp`, `name` and `service`. `ready` when it has partitions
//! and their state, `account` whenever that has changed, and `ended` with the last account. Leaves the service to its file, and
//! what its process has from the outside to `kafka`.

use std::io::{self, Write};
use std::time::{Duration, SystemTime};

use millstream::prelude::*;
use serde_json::{Value, json};

/// How often the account is looked at.
const LOOK: Duration = Duration::from_millis(200);

/// Runs a service until it is told to stop.
pub(crate) async fn run(service: StreamService) -> Result<(), Error> {
    let (name, handle) = (service.name().to_owned(), service.handle());
    let telling = tokio::spawn(tell(name.clone(), handle.clone()));
    let ended = service.run_until_signal().await;
    // Its last line is written by now.
    telling.abort();
    let _ = telling.await;
    line("ended", &name, &account(&handle));
    ended
}

async fn tell(name: String, handle: ServiceHandle) {
    handle.until(Health::is_ready).await;
    line("ready", &name, &json!({}));
    let mut before = Value::Null;
    loop {
        let now = account(&handle);
        if before != now {
            line("account", &name, &now);
            before = now;
        }
        tokio::time::sleep(LOOK).await;
    }
}

/// What became of the records that it had, by topic.
fn account(handle: &ServiceHandle) -> Value {
    let lines = handle.account().lines;
    let topics = lines.iter().map(|line| {
        let counts = &line.counts;
        let topic = json!({
            "done": counts.done, "deduplicated": counts.duplicates + counts.redeliveries, "retried": counts.retries,
            "dead_lettered": counts.dead_lettered, "skipped": counts.skipped,
        });
        (line.topic.as_str().to_owned(), topic)
    });
    json!({ "topics": topics.collect::<serde_json::Map<_, _>>() })
}

/// Writes a line; a reader that has gone away is no error.
fn line(name: &str, service: &str, fields: &Value) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut line = json!({ "timestamp": u64::try_from(now.as_millis()).unwrap_or(u64::MAX), "name": name, "service": service });
    if let (Value::Object(line), Value::Object(fields)) = (&mut line, fields) {
        line.extend(fields.clone());
    }
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
