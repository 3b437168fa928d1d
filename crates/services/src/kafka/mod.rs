//! Owns a cluster of brokers. Leaves starting them to `processes` or `containers`, what they are told to `properties` and `secured`,
//! and where they come from to `jars`.

mod containers;
pub(crate) mod jars;
mod java;
pub(crate) mod processes;
mod properties;
mod secured;

use crate::compose;
use crate::error::Error;
use crate::node::Node;
use crate::owned::Owned;
pub use secured::Secured;
use std::collections::BTreeMap;
use std::path::Path;

/// How often a start begins anew because somebody took a port between our look and the broker's.
const TRIES: u32 = 3;

/// What a cluster is to be like.
#[derive(Debug, Clone)]
pub struct KafkaSettings {
    brokers: usize,
    secured: bool,
    properties: BTreeMap<String, String>,
}

impl Default for KafkaSettings {
    /// One broker, since most tests need no second one and each takes 200 MB.
    fn default() -> Self {
        Self { brokers: 1, secured: false, properties: BTreeMap::new() }
    }
}

impl KafkaSettings {
    /// So many brokers, each a controller too. With three, topics have three replicas, and writes need two.
    #[must_use]
    pub fn brokers(mut self, count: usize) -> Self {
        self.brokers = count;
        self
    }

    /// Listeners with TLS, with SASL, and with both, beside the plain one: see [`Kafka::secured`]. Two seconds more.
    #[must_use]
    pub fn secured(mut self) -> Self {
        self.secured = true;
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
            // Keys are made by Java's own tool, and brokers in containers would need them in their image.
            let outcome = if compose::runs() && !self.secured { containers::start(self) } else { processes::start(self) };
            match outcome {
                Err(error) if tries < TRIES && error.to_string().contains("Address already in use") => tries += 1,
                outcome => return outcome,
            }
        }
    }
}

/// A cluster that is gone with this value, and with its process if that ends in another way.
#[derive(Debug)]
pub struct Kafka {
    secured: Option<Secured>,
    owned: Owned,
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
        let addresses: Vec<_> = self.nodes().iter().map(|node| node.address().to_string()).collect();
        addresses.join(",")
    }

    /// How to connect to its listeners with TLS and SASL, if it was started with [`KafkaSettings::secured`].
    pub fn secured(&self) -> Option<&Secured> {
        self.secured.as_ref()
    }

    /// Gives the user of those listeners another password, as an operator does who changes one that has leaked: for SCRAM, on a
    /// running cluster. A connection lives on until the broker asks again who it is (`connections.max.reauth.ms`) or it breaks.
    ///
    /// # Errors
    /// If the cluster has no such listeners, or Kafka's tool fails.
    pub fn set_password(&mut self, password: &str) -> Result<(), Error> {
        let servers = self.bootstrap_servers();
        let secured = self.secured.as_mut().ok_or_else(|| Error::new("the cluster was started without TLS and SASL"))?;
        processes::set_password(self.owned.folder(), &servers, &secured.username, password)?;
        password.clone_into(&mut secured.password);
        Ok(())
    }

    /// The broker with this id, from 1 on, to do something to it.
    ///
    /// # Panics
    /// If the cluster has none of this id.
    pub fn node_mut(&mut self, id: usize) -> &mut Node {
        let count = self.owned.nodes.len();
        id.checked_sub(1)
            .and_then(|at| self.owned.nodes.get_mut(at))
            .unwrap_or_else(|| panic!("brokers are 1 to {count}, not {id}"))
    }

    /// All brokers, in the order of their ids.
    pub fn nodes(&self) -> &[Node] {
        &self.owned.nodes
    }

    /// Where its data and logs are.
    pub fn folder(&self) -> &Path {
        self.owned.folder()
    }

    /// Waits for all of it.
    fn ready(mut self) -> Result<Self, Error> {
        self.owned.nodes.iter_mut().try_for_each(Node::wait_until_ready)?;
        Ok(self)
    }

    /// Lets the cluster outlive this process. Whoever does that has kept its nodes and its folder somewhere, to end it later.
    ///
    /// # Errors
    /// If the file system refuses; then it is gone.
    pub fn release(self) -> Result<(), Error> {
        self.owned.release()
    }
}
