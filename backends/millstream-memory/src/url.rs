//! Owns logs that are found by name within the process: `memory://`. Leaves what a log is to `memory`.

use crate::broker::Broker;
use crate::{Memory, error};
use millstream_core::contract::{Error, TransportUrl};
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, Weak};

/// The logs with a name that are alive. Held weakly: a log lives as long as somebody uses it, also one with a name.
static NAMED: Mutex<BTreeMap<String, Weak<Broker>>> = Mutex::new(BTreeMap::new());

impl Memory {
    /// Opens a log by URL: `memory://` is a new one, `memory://name` the one that all in this process share who say that
    /// name, for as long as any of them lives. `?partitions=3` says how many partitions topics get that are created by use;
    /// only who opens a log first can say it.
    ///
    /// ```
    /// use millstream_memory::Memory;
    /// let (one, same, other) = (Memory::open("memory://ticks")?, Memory::open("memory://ticks")?, Memory::open("memory://")?);
    /// # let _ = (one, same, other);
    /// # Ok::<(), millstream_core::contract::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`Configuration`](millstream_core::contract::ErrorKind::Configuration) if the URL says more than that, or something else
    /// than who opened the log.
    pub fn open(url: &str) -> Result<Memory, Error> {
        let url = TransportUrl::parse(url)?;
        if url.scheme() != "memory" || url.user().is_some() || !url.path().is_empty() {
            return Err(error::bad_url("a log in memory is `memory://` or `memory://name`".into()));
        }
        url.only_params(&["partitions"])?;
        let partitions = match url.param("partitions").map(|text| text.parse::<u32>()) {
            None => None,
            Some(Ok(partitions @ 1..)) => Some(partitions),
            Some(_) => return Err(error::bad_url("`partitions` is a number above 0".into())),
        };
        let make = || Memory::builder().default_partitions(partitions.unwrap_or(1)).build();
        if url.hosts().is_empty() {
            return Ok(make());
        }
        let mut named = NAMED.lock().unwrap_or_else(PoisonError::into_inner);
        named.retain(|_, log| log.strong_count() > 0);
        let Some(broker) = named.get(url.hosts()).and_then(Weak::upgrade) else {
            let memory = make();
            named.insert(url.hosts().to_owned(), std::sync::Arc::downgrade(&memory.broker));
            return Ok(memory);
        };
        let has = broker.config.topic.partitions;
        match partitions {
            Some(wanted) if wanted != has => {
                let name = url.hosts();
                Err(error::bad_url(format!("the log `{name}` is open, and its topics get {has} partitions and not {wanted}")))
            }
            _ => Ok(Memory { broker }),
        }
    }
}
