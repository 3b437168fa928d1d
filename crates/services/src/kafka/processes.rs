//! Owns a cluster whose brokers are processes. Leaves Java to `java`, and what brokers are told to `properties` and `secured`.

use super::java::{Java, archive};
use super::properties::{self, Ports};
use super::secured::{self, Secrets};
use super::{Kafka, KafkaSettings};
use crate::error::{Error, at};
use crate::keeper::Keeper;
use crate::node::{Node, Ready, RunsAs};
use crate::owned::Owned;
use crate::place::Folder;
use crate::ports;
use crate::server::Server;
use std::fs;
use std::path::Path;

pub(super) fn start(settings: &KafkaSettings) -> Result<Kafka, Error> {
    let folder = Folder::make("kafka")?;
    let java = Java::find(folder.path())?;
    run(settings, folder, &java)
}

/// Gives a user another password.
///
/// # Errors
/// If Java is missing or Kafka's tool fails.
pub(super) fn set_password(folder: &Path, servers: &str, user: &str, password: &str) -> Result<(), Error> {
    let words = ["--bootstrap-server", servers, "--entity-type", "users", "--entity-name", user, "--alter", "--add-config"];
    let java = Java::find(folder)?;
    // The tool takes one mechanism at a time.
    secured::scram(password).iter().try_for_each(|setting| {
        let changed = java.run("kafka.admin.ConfigCommand", &[&words[..], &[setting.as_str()]].concat());
        // It repeats what it was told.
        changed.map_err(|error| Error::new(error.to_string().replace(password, "***")))
    })
}

/// Whether the archive of a broker's classes is there, with which a start takes half the time.
pub fn is_archived() -> bool {
    archive().is_file()
}

/// Writes that archive, by running a broker once; half a minute at most. Nothing depends on it but how long starts take.
///
/// # Errors
/// If the broker cannot be started or writes none.
pub fn archive_classes() -> Result<(), Error> {
    let folder = Folder::make("archive")?;
    let written = folder.path().join("classes.jsa");
    let java = Java::find(folder.path())?.archiving(&written);
    // Whose folder goes with it, and the file with the folder.
    let mut kafka = run(&KafkaSettings::default(), folder, &java)?;
    kafka.node_mut(1).stop()?;
    fs::rename(&written, archive()).map_err(at(written.display()))
}

fn run(settings: &KafkaSettings, folder: Folder, java: &Java) -> Result<Kafka, Error> {
    let secrets = settings.secured.then(|| Secrets::make(&java.program, folder.path())).transpose()?;
    let count = Ports::count(settings.secured);
    let ports: Vec<_> = ports::free(settings.brokers * count)?.chunks(count).map(Ports::of).collect();
    let mut files = Vec::new();
    for id in 1..=settings.brokers {
        let data = folder.path().join(format!("data-{id}"));
        let file = folder.path().join(format!("kafka-{id}.properties"));
        let text = properties::of_node(&ports, id, &data.display().to_string(), secrets.as_ref(), &settings.properties);
        fs::write(&file, text).map_err(at(file.display()))?;
        files.push(file);
    }
    let keeper = Keeper::start()?;
    let users = secrets.as_ref().map(Secrets::formatting).unwrap_or_default();
    java.format(&files, &users, &keeper)?;
    let theirs: Vec<_> = ports.iter().filter_map(|ports| ports.secured).collect();
    let secured = secrets.map(|secrets| secrets.secured(&theirs));
    let group = keeper.group();
    let mut kafka = Kafka { secured, owned: Owned::new(keeper, folder) };
    for (id, (file, ports)) in (1..).zip(files.iter().zip(&ports)) {
        let log = kafka.folder().join(format!("kafka-{id}.log"));
        let (program, words) = java.command("kafka.Kafka", &[&file.display().to_string()]);
        let server = RunsAs::Server(Server::new(program, words, log, group));
        let mut node = Node::new(format!("kafka-{id}"), ports.clients, Ready::Kafka, server);
        node.begin()?;
        kafka.owned.nodes.push(node);
    }
    kafka.ready()
}
