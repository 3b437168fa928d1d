//! Owns what all clones of a `Memory` share: the topics, the groups, the numbers that are given out and the clocks. Leaves
//! what happens inside a partition or a group to them.
//!
//! Locks are taken in one order: a group, the topics, a partition. None is held across an await.

use crate::audit::Watchers;
use crate::config::{MemoryConfig, TopicConfig, WallClock};
use crate::error;
use crate::group::{Grant, Group};
use crate::partition::Partition;
use crate::topic::TopicState;
use millstream_core::clock::{Clock, MonoTime};
use millstream_core::contract::{Epoch, Error, Operation, TopicId, TopicPartition};
use millstream_core::topic::Topic;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// The topics by name.
pub(crate) type Topics = BTreeMap<Topic, Arc<TopicState>>;

#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) config: MemoryConfig,
    clock: OnceLock<Clock>,
    topics: RwLock<Topics>,
    groups: Mutex<BTreeMap<String, Arc<Group>>>,
    pub(crate) watchers: Watchers,
    last_topic: AtomicU64,
    last_epoch: AtomicU64,
}

impl Broker {
    pub(crate) fn new(config: MemoryConfig) -> Self {
        let clock = config.clock.clone().map_or_else(OnceLock::new, OnceLock::from);
        Broker {
            config,
            clock,
            topics: RwLock::default(),
            groups: Mutex::default(),
            watchers: Watchers::default(),
            last_topic: AtomicU64::new(0),
            last_epoch: AtomicU64::new(0),
        }
    }

    pub(crate) fn clock(&self) -> &Clock {
        self.clock.get_or_init(Clock::new)
    }

    pub(crate) fn now(&self) -> MonoTime {
        self.clock().now()
    }

    /// What a record that brings no timestamp is stamped with.
    pub(crate) fn wall_millis(&self) -> i64 {
        let millis = match self.config.wall {
            WallClock::System => self.clock().wall_millis(),
            WallClock::Virtual(start) => start.saturating_add(self.now().as_nanos() / 1_000_000),
        };
        i64::try_from(millis).unwrap_or(i64::MAX)
    }

    /// An epoch's number: never given out before, so rising for each consumer.
    pub(crate) fn new_epoch(&self) -> Epoch {
        Epoch(self.last_epoch.fetch_add(1, Ordering::Relaxed) + 1)
    }

    pub(crate) fn epochs(&self) -> u64 {
        self.last_epoch.load(Ordering::Relaxed)
    }

    pub(crate) fn topics(&self) -> RwLockReadGuard<'_, Topics> {
        self.topics.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn topics_mut(&self) -> RwLockWriteGuard<'_, Topics> {
        self.topics.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The topic as it is.
    pub(crate) fn find(&self, topic: &Topic) -> Option<Arc<TopicState>> {
        self.topics().get(topic).cloned()
    }

    /// The topic, created if the settings say so.
    pub(crate) fn topic(&self, topic: &Topic, operation: Operation) -> Result<Arc<TopicState>, Error> {
        if let Some(state) = self.find(topic) {
            return Ok(state);
        }
        if !self.config.auto_create {
            return Err(error::no_topic(operation, topic));
        }
        // Somebody else may be quicker: then theirs is the topic.
        let _ = self.create(topic, self.config.topic.clone());
        self.find(topic).ok_or_else(|| error::no_topic(operation, topic))
    }

    pub(crate) fn partition(&self, place: &TopicPartition) -> Option<(TopicId, Arc<Partition>)> {
        let topics = self.topics();
        let topic = topics.get(&place.topic)?;
        Some((topic.id, topic.partition(place.partition)?.clone()))
    }

    /// The partition for a reader that belongs to no group.
    pub(crate) fn grant(&self, place: &TopicPartition) -> Option<Grant> {
        let (topic_id, partition) = self.partition(place)?;
        Some(Grant { place: place.clone(), epoch: self.new_epoch(), topic_id, partition, committed: None })
    }

    pub(crate) fn create(&self, topic: &Topic, config: TopicConfig) -> Result<TopicId, Error> {
        let id = {
            let mut topics = self.topics_mut();
            if topics.contains_key(topic) {
                return Err(error::topic_exists(topic));
            }
            self.insert(&mut topics, topic, config)
        };
        self.topic_changed(topic);
        Ok(id)
    }

    /// Puts another incarnation in the place of a topic, without a moment in which there is none.
    pub(crate) fn recreate(&self, topic: &Topic) -> Result<TopicId, Error> {
        let (id, old) = {
            let mut topics = self.topics_mut();
            let old = topics.remove(topic).ok_or_else(|| error::no_topic(Operation::Lookup, topic))?;
            (self.insert(&mut topics, topic, old.config.clone()), old)
        };
        self.retire(topic, &old);
        self.topic_changed(topic);
        Ok(id)
    }

    /// Owners are told by a fault and keep their epochs until the next rebalance: that a topic is gone is not a handing over.
    pub(crate) fn delete(&self, topic: &Topic) -> Result<(), Error> {
        let old = self.topics_mut().remove(topic).ok_or_else(|| error::no_topic(Operation::Lookup, topic))?;
        self.retire(topic, &old);
        Ok(())
    }

    pub(crate) fn add_partitions(&self, topic: &Topic, more: u32) -> Result<u32, Error> {
        let count = {
            let mut topics = self.topics_mut();
            let state = topics.get_mut(topic).ok_or_else(|| error::no_topic(Operation::Lookup, topic))?;
            *state = Arc::new(state.grown(more));
            state.partition_count()
        };
        self.topic_changed(topic);
        Ok(count)
    }

    fn insert(&self, topics: &mut Topics, topic: &Topic, config: TopicConfig) -> TopicId {
        let id = TopicId(u128::from(self.last_topic.fetch_add(1, Ordering::Relaxed) + 1));
        topics.insert(topic.clone(), Arc::new(TopicState::new(id, config)));
        id
    }

    fn retire(&self, topic: &Topic, old: &TopicState) {
        for group in self.groups() {
            group.enter(|group| group.forget_topic(topic));
        }
        old.partitions.iter().for_each(|partition| partition.retire());
    }

    fn topic_changed(&self, topic: &Topic) {
        for group in self.groups() {
            group.enter(|group| group.topic_changed(self, topic));
        }
    }

    fn lock_groups(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Group>>> {
        self.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// All groups by name, without holding the lock.
    pub(crate) fn groups(&self) -> Vec<Arc<Group>> {
        self.lock_groups().values().cloned().collect()
    }

    /// The group as it is.
    pub(crate) fn find_group(&self, name: &str) -> Option<Arc<Group>> {
        self.lock_groups().get(name).cloned()
    }

    /// The group, made at its first mention.
    pub(crate) fn group(&self, name: &str) -> Arc<Group> {
        let mut groups = self.lock_groups();
        if let Some(group) = groups.get(name) {
            return group.clone();
        }
        let group = Arc::new(Group::new(name));
        groups.insert(name.to_owned(), group.clone());
        group
    }
}
