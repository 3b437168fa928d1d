//! Owns servers in containers: the repository's `compose.yaml` under a name and with ports of its own, and one service of it.

use crate::error::{Error, at};
use crate::node::State;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// Containers that come and go together.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Project {
    name: String,
    files: Vec<PathBuf>,
    /// What the files leave open.
    variables: BTreeMap<String, String>,
}

/// One of them.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Container {
    project: Project,
    service: String,
}

/// Whether services come from containers: where Docker runs with Compose, unless `MILLSTREAM_SERVICES_FROM=packages`.
pub fn runs() -> bool {
    static RUNS: OnceLock<bool> = OnceLock::new();
    *RUNS.get_or_init(|| match crate::offered::variable("MILLSTREAM_SERVICES_FROM").as_deref() {
        Some("docker") => true,
        Some("packages") => false,
        _ => says_yes(&["compose", "version"]) && says_yes(&["info"]),
    })
}

fn says_yes(words: &[&str]) -> bool {
    let mut docker = Command::new("docker");
    docker.args(words).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    docker.status().is_ok_and(|status| status.success())
}

impl Project {
    /// The repository's own file, and more of them.
    pub(crate) fn new(name: String, more: Vec<PathBuf>, variables: BTreeMap<String, String>) -> Self {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../compose.yaml");
        let files = std::iter::once(file.canonicalize().unwrap_or(file)).chain(more).collect();
        Self { name, files, variables }
    }

    pub(crate) fn container(&self, service: &str) -> Container {
        Container { project: self.clone(), service: service.to_owned() }
    }

    /// Starts these services and waits until they are healthy.
    pub(crate) fn up(&self, services: &[String]) -> Result<(), Error> {
        let up = ["up", "--detach", "--wait", "--wait-timeout", "300"];
        self.run(&up.into_iter().chain(services.iter().map(String::as_str)).collect::<Vec<_>>())
    }

    /// The command that ends all of it, with its data.
    pub(crate) fn down(&self) -> Vec<String> {
        self.words(&["down", "--volumes", "--remove-orphans", "--timeout", "0"])
    }

    fn words(&self, more: &[&str]) -> Vec<String> {
        // Without its profile, `down` would leave the second and the third broker running: they are no orphans either.
        let ours = ["docker", "compose", "--profile", "three", "--project-name", &self.name];
        let mut words = ours.map(str::to_owned).to_vec();
        for file in &self.files {
            words.extend(["--file".to_owned(), file.display().to_string()]);
        }
        words.extend(more.iter().map(|word| (*word).to_owned()));
        words
    }

    pub(crate) fn variables(&self) -> &BTreeMap<String, String> {
        &self.variables
    }

    fn run(&self, more: &[&str]) -> Result<(), Error> {
        self.output(&self.words(more)).map(drop)
    }

    fn output(&self, words: &[String]) -> Result<String, Error> {
        let mut command = Command::new(&words[0]);
        let output = command.args(&words[1..]).envs(&self.variables).stdin(Stdio::null()).output().map_err(at("docker"))?;
        let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.success() {
            return Ok(said.into_owned());
        }
        Err(Error::new(format!("`{}` failed: {}\n{said}{errors}", words.join(" "), output.status)))
    }
}

impl Container {
    pub(crate) fn state(&self) -> State {
        let name = format!("{}-{}-1", self.project.name, self.service);
        let words = ["docker", "inspect", "--format", "{{.State.Status}}", &name].map(str::to_owned);
        match self.project.output(&words).unwrap_or_default().trim() {
            "running" => State::Running,
            "paused" => State::Paused,
            _ => State::Stopped,
        }
    }

    pub(crate) fn start(&self) -> Result<(), Error> {
        self.project.run(&["start", &self.service])
    }

    pub(crate) fn stop(&self) -> Result<(), Error> {
        self.project.run(&["stop", &self.service])
    }

    pub(crate) fn kill(&self) -> Result<(), Error> {
        if self.state() == State::Stopped { Ok(()) } else { self.project.run(&["kill", "--signal", "KILL", &self.service]) }
    }

    pub(crate) fn pause(&self) -> Result<(), Error> {
        self.project.run(&["pause", &self.service])
    }

    pub(crate) fn resume(&self) -> Result<(), Error> {
        self.project.run(&["unpause", &self.service])
    }

    /// The whole project: its other containers are to go too.
    pub(crate) fn remove(&self) -> Result<(), Error> {
        self.project.output(&self.project.down()).map(drop)
    }

    pub(crate) fn last_words(&self, count: usize) -> String {
        let words = self.project.words(&["logs", "--no-log-prefix", "--tail", &count.to_string(), &self.service]);
        self.project.output(&words).unwrap_or_else(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_the_project_and_every_file() {
        let project = Project::new("mill".to_owned(), vec!["/f/more.json".into()], BTreeMap::new());
        let words = project.words(&["kill", "kafka-1"]).join(" ");
        assert!(words.starts_with("docker compose --profile three --project-name mill --file /"), "{words}");
        assert!(words.ends_with("compose.yaml --file /f/more.json kill kafka-1"), "{words}");
    }

    #[test]
    fn the_file_leaves_nothing_open_that_is_not_said_and_binds_to_loopback_only() {
        let file = include_str!("../../../compose.yaml");
        for port in file.lines().filter(|line| line.contains("PORT:-") && line.trim_start().starts_with("- ")) {
            assert!(port.contains("127.0.0.1:${"), "{port}");
        }
        for part in file.split("${").skip(1) {
            let variable = part.split('}').next().unwrap_or_default();
            assert!(variable.contains(":-"), "{variable} has no default for people");
        }
    }
}
