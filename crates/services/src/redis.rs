//! Owns one Redis.

use crate::compose::{self, Project};
use crate::error::{Error, at};
use crate::keeper::Keeper;
use crate::node::{Node, Ready, RunsAs, State};
use crate::owned::Owned;
use crate::place::Folder;
use crate::ports;
use crate::server::Server;
use crate::tools::Tool;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// What a Redis is to be like.
#[derive(Debug, Clone, Default)]
pub struct RedisSettings {
    durable: bool,
    arguments: Vec<String>,
}

impl RedisSettings {
    /// Keeps what it has acknowledged over a kill (`appendonly`, fsync each time). The default keeps nothing: a restart is an
    /// empty store.
    #[must_use]
    pub fn durable(mut self) -> Self {
        self.durable = true;
        self
    }

    /// A directive more: `argument("maxmemory", "2mb")`.
    #[must_use]
    pub fn argument(mut self, name: &str, value: &str) -> Self {
        self.arguments.extend([format!("--{name}"), value.to_owned()]);
        self
    }

    /// Starts it and waits until it answers.
    ///
    /// # Errors
    /// If `redis-server` is missing or does not answer.
    pub fn start(&self) -> Result<Redis, Error> {
        let folder = Folder::make("redis")?;
        let port = ports::free(1)?[0];
        if compose::runs() { self.container(folder, port) } else { self.process(folder, port) }
    }

    fn process(&self, folder: Folder, port: u16) -> Result<Redis, Error> {
        let program = Tool::Redis.find()?;
        let keeper = Keeper::start()?;
        let (port_text, data) = (port.to_string(), folder.path().display().to_string());
        let words = ["--port", &port_text, "--bind", "127.0.0.1", "--dir", &data, "--daemonize", "no"];
        let words = words.into_iter().map(str::to_owned).chain(self.directives()).collect();
        let server = Server::new(program, words, folder.path().join("redis.log"), keeper.group());
        let node = Node::new("redis".to_owned(), port, Ready::Redis, RunsAs::Server(server));
        Redis::ready(Owned::new(keeper, folder), node)
    }

    fn container(&self, folder: Folder, port: u16) -> Result<Redis, Error> {
        let command: Vec<_> = std::iter::once("redis-server".to_owned()).chain(self.directives()).collect();
        let more = folder.path().join("compose.more.json");
        let text = json!({ "services": { "redis": { "command": command } } }).to_string();
        fs::write(&more, text).map_err(at(more.display()))?;
        let variables = BTreeMap::from([("REDIS_PORT".to_owned(), port.to_string())]);
        let project = Project::new(folder.project(), vec![more], variables);
        let keeper = Keeper::start_before(&project.down(), project.variables())?;
        project.up(&["redis".to_owned()])?;
        let node = Node::new("redis".to_owned(), port, Ready::Redis, RunsAs::Container(project.container("redis")));
        Redis::ready(Owned::new(keeper, folder), node)
    }

    fn directives(&self) -> impl Iterator<Item = String> {
        let append = if self.durable { "yes" } else { "no" };
        let ours = ["--save", "", "--appendonly", append, "--appendfsync", "always"];
        ours.into_iter().map(str::to_owned).chain(self.arguments.iter().cloned())
    }
}

/// A Redis that is gone with this value, and with its process if that ends in another way.
#[derive(Debug)]
pub struct Redis {
    owned: Owned,
}

impl Redis {
    /// An empty one that keeps nothing over a restart.
    ///
    /// # Errors
    /// Those of [`RedisSettings::start`].
    pub fn start() -> Result<Self, Error> {
        RedisSettings::default().start()
    }

    fn ready(mut owned: Owned, mut node: Node) -> Result<Self, Error> {
        let begun = if node.state() == State::Stopped { node.begin() } else { Ok(()) };
        owned.nodes.push(node);
        begun?;
        owned.nodes[0].wait_until_ready()?;
        Ok(Self { owned })
    }

    /// `redis://127.0.0.1:20005`
    pub fn url(&self) -> String {
        format!("redis://{}", self.node().address())
    }

    /// Its process.
    pub fn node(&self) -> &Node {
        &self.owned.nodes[0]
    }

    /// Its process, to do something to it.
    pub fn node_mut(&mut self) -> &mut Node {
        &mut self.owned.nodes[0]
    }

    /// Where its data and logs are.
    pub fn folder(&self) -> &Path {
        self.owned.folder()
    }

    /// Lets it outlive this process. Whoever does that has kept its node and its folder somewhere, to end it later.
    ///
    /// # Errors
    /// If the file system refuses; then it is gone.
    pub fn release(self) -> Result<(), Error> {
        self.owned.release()
    }
}
