//! Owns the client: a directory with a folder for each topic and a file for each group. Leaves what lies in them to
//! `partition` and `group`.

use crate::consumer::FilesConsumer;
use crate::group::Group;
use crate::partition::Partition;
use crate::producer::FilesProducer;
use millstream::contract::{
    Capabilities, ConsumerRequest, Error, ErrorKind, Operation, Ordering, Support, Transport, TransportUrl,
};
use millstream::topic::Topic;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;

/// The longest text beside a committed offset, in bytes: a line of a group's file stays short.
pub(crate) const MAX_METADATA: usize = 4_096;

/// A log in a directory. Clones share it; two that open the same directory at the same time do not know of each other.
#[derive(Clone)]
pub(crate) struct Files(Arc<Shared>);

/// What clones, producers and consumers share.
pub(crate) struct Shared {
    directory: PathBuf,
    topics: Mutex<BTreeMap<Topic, Arc<[Partition]>>>,
    groups: Mutex<BTreeMap<String, Group>>,
    /// Says that there is something new, whatever it is.
    pub(crate) changes: watch::Sender<()>,
    pub(crate) members: AtomicU64,
}

impl Files {
    /// Opens `files://relative/directory` or `files:///absolute/directory`, which is made if it is not there.
    pub(crate) fn open(url: &str) -> Result<Self, Error> {
        let parsed = TransportUrl::parse(url)?;
        parsed.only_params(&[])?;
        let directory = Path::new(parsed.hosts()).join(if parsed.hosts().is_empty() { "/" } else { "" }).join(parsed.path());
        let mut topics = BTreeMap::new();
        std::fs::create_dir_all(directory.join("groups")).map_err(|error| io(Operation::Connect, error))?;
        for entry in std::fs::read_dir(&directory).map_err(|error| io(Operation::Connect, error))?.flatten() {
            let topic = entry.file_name().to_str().and_then(|name| name.strip_prefix("topic-")?.parse::<Topic>().ok());
            if let Some(topic) = topic {
                let count = std::fs::read_dir(entry.path()).map_err(|error| io(Operation::Connect, error))?.count();
                topics.insert(topic, partitions(&entry.path(), u32::try_from(count).unwrap_or(u32::MAX))?);
            }
        }
        let (topics, groups) = (Mutex::new(topics), Mutex::default());
        Ok(Files(Arc::new(Shared { directory, topics, groups, changes: watch::Sender::new(()), members: AtomicU64::new(0) })))
    }

    /// Creates a topic that does not exist.
    pub(crate) fn create_topic(&self, topic: &Topic, count: u32) -> Result<(), Error> {
        let folder = self.0.directory.join(format!("topic-{topic}"));
        std::fs::create_dir_all(&folder).map_err(|error| io(Operation::Lookup, error))?;
        let partitions = partitions(&folder, count)?;
        lock(&self.0.topics).insert(topic.clone(), partitions);
        Ok(())
    }
}

fn partitions(folder: &Path, count: u32) -> Result<Arc<[Partition]>, Error> {
    let open = |number: u32| Partition::open(&folder.join(number.to_string())).map_err(|error| io(Operation::Connect, error));
    (0..count).map(open).collect::<Result<Vec<_>, _>>().map(Into::into)
}

impl Shared {
    pub(crate) fn topic(&self, topic: &Topic, operation: Operation) -> Result<Arc<[Partition]>, Error> {
        let found = lock(&self.topics).get(topic).cloned();
        found.ok_or_else(|| Error::new(ErrorKind::UnknownTopic, operation, format!("there is no topic {topic}")))
    }

    /// Does something with a group, which is opened if it is not.
    pub(crate) fn group<T>(&self, name: &str, act: impl FnOnce(&mut Group) -> T) -> Result<T, Error> {
        let mut groups = lock(&self.groups);
        if !groups.contains_key(name) {
            let group = Group::open(&self.directory.join("groups").join(name)).map_err(|error| io(Operation::Group, error))?;
            groups.insert(name.to_owned(), group);
        }
        Ok(act(groups.get_mut(name).expect("it was put there")))
    }
}

impl Transport for Files {
    type Producer = FilesProducer;
    type Consumer = FilesConsumer;

    fn capabilities(&self) -> Capabilities {
        let mut capabilities = Capabilities::all("files");
        capabilities.ordering = Ordering::OneInFlight;
        capabilities.compaction = Support::No("its files only grow");
        capabilities.max_metadata_bytes = MAX_METADATA;
        capabilities
    }

    async fn producer(&self) -> Result<FilesProducer, Error> {
        Ok(FilesProducer::new(self.0.clone(), self.capabilities().max_record_bytes))
    }

    async fn consumer(&self, request: ConsumerRequest) -> Result<FilesConsumer, Error> {
        FilesConsumer::new(self.0.clone(), request)
    }
}

/// What the operating system says, as an error that may pass.
pub(crate) fn io(operation: Operation, error: std::io::Error) -> Error {
    Error::new(ErrorKind::Unavailable, operation, "the directory of the log cannot be used").with_source(error)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
