//! Owns running Kafka's classes: Java's flags, the formatting of folders, and the archive of loaded classes.

use super::jars::{self, KAFKA};
use super::properties::LOGS;
use crate::error::{Error, at};
use crate::keeper::Keeper;
use crate::place;
use crate::tools::Tool;
use std::fs;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A small heap, and the quick compiler only, which halves the time until a broker is ready.
const FLAGS: [&str; 6] =
    ["-Xms128m", "-Xmx384m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"];

/// Any base64 of 16 bytes: clusters never meet.
const CLUSTER: &str = "bWlsbHN0cmVhbS10ZXN0cw";

/// Java with Kafka's classes.
pub(super) struct Java {
    pub(super) program: PathBuf,
    flags: Vec<String>,
}

impl Java {
    /// What this machine has; its programs log by a file that is written to this folder.
    ///
    /// # Errors
    /// If Java or a jar is missing.
    pub(super) fn find(folder: &Path) -> Result<Self, Error> {
        let (program, class_path) = (Tool::Java.find()?, jars::class_path()?);
        let logs = folder.join("log4j2.properties");
        fs::write(&logs, LOGS).map_err(at(logs.display()))?;
        let mut flags = FLAGS.map(str::to_owned).to_vec();
        flags.push(format!("-Dlog4j2.configurationFile={}", logs.display()));
        flags.extend(["-cp".to_owned(), class_path]);
        let archive = archive();
        if archive.is_file() {
            // One that a newer Java cannot read, it passes over.
            flags.insert(0, format!("-XX:SharedArchiveFile={}", archive.display()));
        }
        Ok(Self { program, flags })
    }

    /// The same, writing its archive to this file as it ends.
    pub(super) fn archiving(mut self, file: &Path) -> Self {
        self.flags.retain(|flag| !flag.starts_with("-XX:SharedArchiveFile"));
        self.flags.insert(0, format!("-XX:ArchiveClassesAtExit={}", file.display()));
        self
    }

    /// The command that runs this class.
    pub(super) fn command(&self, class: &str, arguments: &[&str]) -> (PathBuf, Vec<String>) {
        let words = arguments.iter().map(|word| (*word).to_owned());
        (self.program.clone(), self.flags.iter().cloned().chain([class.to_owned()]).chain(words).collect())
    }

    /// Runs a tool of Kafka's to its end.
    ///
    /// # Errors
    /// If it fails; what it said is part of the error.
    pub(super) fn run(&self, class: &str, arguments: &[&str]) -> Result<(), Error> {
        let (program, words) = self.command(class, arguments);
        let output = Command::new(program).args(words).stdin(Stdio::null()).output().map_err(at("java"))?;
        succeeded(class, &output)
    }

    /// Gives each node its data folder, all at once.
    ///
    /// # Errors
    /// If one fails; what it said is part of the error.
    pub(super) fn format(&self, files: &[PathBuf], users: &[String], keeper: &Keeper) -> Result<(), Error> {
        let mut formatting = Vec::new();
        for file in files {
            let file = file.display().to_string();
            let words = ["format", "--cluster-id", CLUSTER, "--config", &file];
            let words: Vec<_> = words.into_iter().chain(users.iter().map(String::as_str)).collect();
            let (program, words) = self.command("kafka.tools.StorageTool", &words);
            let mut command = Command::new(program);
            command.args(words).process_group(keeper.group()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            formatting.push(command.spawn().map_err(at("java"))?);
        }
        for child in formatting {
            succeeded("formatting a broker's folder", &child.wait_with_output().map_err(at("java"))?)?;
        }
        Ok(())
    }
}

fn succeeded(what: &str, output: &Output) -> Result<(), Error> {
    if output.status.success() {
        return Ok(());
    }
    let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Error::new(format!("{what} failed: {}\n{said}{errors}", output.status)))
}

/// Where the archive of a broker's classes is: with it a start takes half the time, 1.3 s of a core instead of 2.5.
pub(super) fn archive() -> PathBuf {
    place::root().join(format!("kafka-{KAFKA}.jsa"))
}
