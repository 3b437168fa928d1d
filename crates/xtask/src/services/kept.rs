//! Owns what is remembered between `up` and `down`: nodes, their folders, and what a shell is told. In a file that only its owner
//! may read.

use crate::step::quoted;
use millstream_services::{Kafka, Node, Redis, State, root};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

/// What is up.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct Kept {
    pub(super) nodes: Vec<Node>,
    folders: Vec<PathBuf>,
    exports: BTreeMap<String, String>,
}

fn file() -> PathBuf {
    root().join("up.json")
}

impl Kept {
    /// What `up` left; `None` if nothing.
    pub(super) fn read() -> Result<Option<Self>, String> {
        match fs::read_to_string(file()) {
            Ok(text) => serde_json::from_str(&text).map(Some).map_err(|error| format!("{}: {error}", file().display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(format!("{}: {error}", file().display())),
        }
    }

    pub(super) fn write(&self) -> Result<(), String> {
        let (file, new) = (file(), root().join("up.json.new"));
        let wrong = |error: std::io::Error| format!("{}: {error}", file.display());
        let text = serde_json::to_string_pretty(self).map_err(|error| error.to_string())?;
        let mut written = fs::File::options().create(true).truncate(true).write(true).mode(0o600).open(&new).map_err(wrong)?;
        written.write_all(text.as_bytes()).map_err(wrong)?;
        fs::rename(&new, &file).map_err(wrong)
    }

    pub(super) fn kafka(&mut self, kafka: &Kafka) {
        self.nodes.extend(kafka.nodes().iter().map(Node::remembered));
        self.folders.push(kafka.folder().to_owned());
        self.export("KAFKA_BOOTSTRAP_SERVERS", &kafka.bootstrap_servers());
        if let Some(secured) = kafka.secured() {
            self.export("KAFKA_TLS_BOOTSTRAP_SERVERS", &secured.tls);
            self.export("KAFKA_SASL_TLS_BOOTSTRAP_SERVERS", &secured.sasl_tls);
            self.export("KAFKA_SASL_PLAINTEXT_BOOTSTRAP_SERVERS", &secured.sasl_plaintext);
            self.export("KAFKA_TLS_CA_FILE", &secured.authority.display().to_string());
            self.export("KAFKA_SASL_USERNAME", &secured.username);
            self.export("KAFKA_SASL_PASSWORD", &secured.password);
        }
    }

    pub(super) fn redis(&mut self, redis: &Redis) {
        self.nodes.push(redis.node().remembered());
        self.folders.push(redis.folder().to_owned());
        self.export("REDIS_URL", &redis.url());
    }

    pub(super) fn export(&mut self, name: &str, value: &str) {
        self.exports.insert(name.to_owned(), value.to_owned());
    }

    /// Lines for a shell.
    pub(super) fn exported(&self) -> String {
        let mut text = String::new();
        for (name, value) in &self.exports {
            // Writing to a string cannot fail.
            let _ = writeln!(text, "export {name}={}", quoted(value));
        }
        text
    }

    pub(super) fn is_up(&self) -> bool {
        self.nodes.iter().any(|node| node.state() != State::Stopped)
    }

    pub(super) fn node(&mut self, name: &str) -> Result<&mut Node, String> {
        let names: Vec<_> = self.nodes.iter().map(|node| node.name().to_owned()).collect();
        let found = self.nodes.iter_mut().find(|node| node.name() == name);
        found.ok_or_else(|| format!("there is no node `{name}`, only {}", names.join(", ")))
    }

    /// Ends all that is up and forgets it. Data goes too, so nothing is asked to end in order.
    pub(super) fn end(mut self) -> Result<(), String> {
        for node in &mut self.nodes {
            node.remove()?;
        }
        for folder in &self.folders {
            match fs::remove_dir_all(folder) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(format!("{}: {error}", folder.display()));
                }
                _ => {}
            }
        }
        fs::remove_file(file()).map_err(|error| format!("{}: {error}", file().display()))
    }
}
