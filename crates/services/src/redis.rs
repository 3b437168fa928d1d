//! Owns one Redis.

use crate::error::Error;
use crate::keeper::Keeper;
use crate::node::{Node, Ready};
use crate::place::Folder;
use crate::ports;
use crate::tools::Tool;
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
        let program = Tool::Redis.find()?;
        let folder = Folder::make("redis")?;
        let port = ports::free(1)?[0];
        let keeper = Keeper::start()?;
        let data = folder.path().display().to_string();
        let append = if self.durable { "yes" } else { "no" };
        let port_text = port.to_string();
        let words = ["--port", &port_text, "--bind", "127.0.0.1", "--dir", &data, "--save", "", "--appendonly", append];
        let words = words.into_iter().chain(["--appendfsync", "always", "--daemonize", "no"]).map(str::to_owned);
        let words = words.chain(self.arguments.iter().cloned()).collect();
        let log = folder.path().join("redis.log");
        let mut node = Node::new("redis".to_owned(), port, Ready::Pongs, (program, words), log);
        node.join(keeper.group());
        let mut redis = Redis { node, keeper, folder };
        redis.node.start()?;
        Ok(redis)
    }
}

/// A Redis that is gone with this value, and with its process if that ends in another way.
#[derive(Debug)]
pub struct Redis {
    node: Node,
    keeper: Keeper,
    folder: Folder,
}

impl Redis {
    /// An empty one that keeps nothing over a restart.
    ///
    /// # Errors
    /// Those of [`RedisSettings::start`].
    pub fn start() -> Result<Self, Error> {
        RedisSettings::default().start()
    }

    /// `redis://127.0.0.1:20005`
    pub fn url(&self) -> String {
        format!("redis://{}", self.node.address())
    }

    /// Its process.
    pub fn node(&self) -> &Node {
        &self.node
    }

    /// Its process, to do something to it.
    pub fn node_mut(&mut self) -> &mut Node {
        &mut self.node
    }

    /// Where its data and logs are.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Lets it outlive this process. Whoever does that has kept its node and its folder somewhere, to end it later.
    ///
    /// # Errors
    /// If the file system refuses; then it is gone.
    pub fn release(self) -> Result<(), Error> {
        self.folder.keep()?;
        self.keeper.release();
        Ok(())
    }
}
