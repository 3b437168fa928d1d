//! Owns a cluster of brokers. Leaves what they are told to `properties`, and where they come from to `jars`.

pub(crate) mod jars;
mod properties;

use crate::error::{Error, at};
use crate::keeper::Keeper;
use crate::node::{Node, Ready};
use crate::place::Folder;
use crate::ports;
use crate::tools::Tool;
use properties::{JAVA, LOGS, PORTS, Ports};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// How often a start begins anew because somebody took a port between our look and the broker's.
const TRIES: u32 = 3;

/// What a cluster is to be like.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    brokers: usize,
    properties: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    /// One broker, since most tests need no second one and each takes 200 MB.
    fn default() -> Self {
        Self { brokers: 1, properties: BTreeMap::new() }
    }
}

impl KafkaSettings {
    /// So many brokers, each a controller too. With three, topics have three replicas, and writes need two.
    #[must_use]
    pub fn brokers(mut self, count: usize) -> Self {
        self.brokers = count;
        self
    }

    /// A property of every broker, instead of ours or Kafka's.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Starts the cluster and waits until all brokers are ready; some seconds.
    ///
    /// # Errors
    /// If Java or Kafka's jars are missing, or a broker does not become ready. What was started by then is gone.
    pub fn start(&self) -> Result<Kafka, Error> {
        if !matches!(self.brokers, 1..=9) {
            return Err(Error::new(format!("a cluster has 1 to 9 brokers, not {}", self.brokers)));
        }
        let mut tries = 1;
        loop {
            match self.attempt() {
                Err(error) if tries < TRIES && error.to_string().contains("Address already in use") => tries += 1,
                outcome => return outcome,
            }
        }
    }

    fn attempt(&self) -> Result<Kafka, Error> {
        let java = Java { program: Tool::Java.find()?, class_path: jars::class_path()? };
        let folder = Folder::make("kafka")?;
        let found = ports::free(self.brokers * PORTS)?;
        let nodes: Vec<_> = found.chunks(PORTS).map(|two| Ports { clients: two[0], controller: two[1] }).collect();
        let logs = folder.path().join("log4j2.properties");
        fs::write(&logs, LOGS).map_err(at(logs.display()))?;
        let mut files = Vec::new();
        for id in 1..=self.brokers {
            let data = folder.path().join(format!("data-{id}"));
            let file = folder.path().join(format!("kafka-{id}.properties"));
            let text = properties::of_node(self, &nodes, id, &data.display().to_string());
            fs::write(&file, text).map_err(at(file.display()))?;
            files.push(file);
        }
        let keeper = Keeper::start()?;
        java.format(&files, &logs, &keeper)?;
        let mut kafka = Kafka { nodes: Vec::new(), keeper, folder };
        for (id, (file, ports)) in (1..).zip(files.iter().zip(&nodes)) {
            let log = kafka.folder.path().join(format!("kafka-{id}.log"));
            let command = java.command("kafka.Kafka", &[&file.display().to_string()], &logs);
            let mut node = Node::new(format!("kafka-{id}"), ports.clients, Ready::Listens, command, log);
            node.join(kafka.keeper.group());
            node.spawn()?;
            kafka.nodes.push(node);
        }
        for node in &mut kafka.nodes {
            node.wait_until_ready()?;
        }
        Ok(kafka)
    }
}

/// A cluster that is gone with this value, and with its process if that ends in another way.
#[derive(Debug)]
pub struct Kafka {
    nodes: Vec<Node>,
    keeper: Keeper,
    folder: Folder,
}

impl Kafka {
    /// One broker with settings for tests; a few seconds.
    ///
    /// # Errors
    /// Those of [`KafkaSettings::start`].
    pub fn start() -> Result<Self, Error> {
        KafkaSettings::default().start()
    }

    /// `127.0.0.1:20001,127.0.0.1:20003`: what a client is given.
    pub fn bootstrap_servers(&self) -> String {
        let addresses: Vec<_> = self.nodes.iter().map(|node| node.address().to_string()).collect();
        addresses.join(",")
    }

    /// The broker with this id, from 1 on, to do something to it.
    ///
    /// # Panics
    /// If the cluster has none of this id.
    pub fn node_mut(&mut self, id: usize) -> &mut Node {
        let count = self.nodes.len();
        id.checked_sub(1).and_then(|at| self.nodes.get_mut(at)).unwrap_or_else(|| panic!("brokers are 1 to {count}, not {id}"))
    }

    /// All brokers, in the order of their ids.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Where its data and logs are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets the cluster outlive this process. Whoever does that has kept its nodes and its folder somewhere, to end it later.
    ///
    /// # Errors
    /// If the file system refuses; then it is gone.
    pub fn release(self) -> Result<(), Error> {
        self.folder.keep()?;
        self.keeper.release();
        Ok(())
    }
}

/// Java with Kafka's classes.
struct Java {
    program: PathBuf,
    class_path: String,
}

impl Java {
    fn command(&self, class: &str, arguments: &[&str], logs: &Path) -> (PathBuf, Vec<String>) {
        let logs = format!("-Dlog4j2.configurationFile={}", logs.display());
        let words = JAVA.into_iter().chain([logs.as_str(), "-cp", self.class_path.as_str(), class]);
        (self.program.clone(), words.chain(arguments.iter().copied()).map(str::to_owned).collect())
    }

    /// Gives each node its data folder, all at once.
    fn format(&self, files: &[PathBuf], logs: &Path, keeper: &Keeper) -> Result<(), Error> {
        use std::os::unix::process::CommandExt;
        let mut formatting = Vec::new();
        for file in files {
            let file = file.display().to_string();
            // Any base64 of 16 bytes: clusters never meet.
            let words = ["format", "--cluster-id", "bWlsbHN0cmVhbS10ZXN0cw", "--config", &file];
            let (program, words) = self.command("kafka.tools.StorageTool", &words, logs);
            let mut command = Command::new(program);
            command.args(words).process_group(keeper.group()).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
            formatting.push(command.spawn().map_err(at("java"))?);
        }
        for child in formatting {
            let output = child.wait_with_output().map_err(at("java"))?;
            if !output.status.success() {
                let (said, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
                return Err(Error::new(format!("formatting a broker's folder failed: {}\n{said}{errors}", output.status)));
            }
        }
        Ok(())
    }
}
