//! Owns what all runs of a simulation have in common: its services, what is fed to them, what must be true. Leaves saying it to
//! `simulation`.

use super::super::checks::{Each, Rules};
use super::super::dice::Dice;
use super::super::fault::{Bounds, Fault, Schedule};
use super::super::history::History;
use super::super::node::Describe;
use millstream_core::contract::Record;
use millstream_core::topic::Topic;
use millstream_memory::{Memory, TopicConfig};
use std::sync::Arc;
use std::time::Duration;

/// A service and its members.
#[derive(Clone)]
pub(in crate::sim) struct Members {
    pub(in crate::sim) name: String,
    pub(in crate::sim) count: usize,
    pub(in crate::sim) describe: Describe,
}

/// What of a user's a run calls: records to be handled, and what must be true of the whole.
pub(in crate::sim) type Feed = Arc<dyn Fn(&mut Dice) -> Vec<Record> + Send + Sync>;
pub(in crate::sim) type Invariant = Arc<dyn Fn(&History, &Memory) -> Result<(), String> + Send + Sync>;

/// All that runs have in common.
#[derive(Clone)]
pub(in crate::sim) struct Plan {
    pub(in crate::sim) services: Vec<Members>,
    pub(in crate::sim) topics: Vec<(Topic, TopicConfig)>,
    pub(in crate::sim) partitions: u32,
    pub(in crate::sim) brokers: u8,
    pub(in crate::sim) feeds: Vec<Feed>,
    pub(in crate::sim) always: Vec<(String, Invariant)>,
    pub(in crate::sim) finally: Vec<(String, Invariant)>,
    pub(in crate::sim) rules: Rules,
    pub(in crate::sim) faults_for: Duration,
    pub(in crate::sim) most_faults: u64,
    pub(in crate::sim) also: Vec<Fault>,
    pub(in crate::sim) each: Vec<Each>,
    pub(in crate::sim) may_park: bool,
    pub(in crate::sim) may_stay_open: bool,
    pub(in crate::sim) deploys: Option<Duration>,
    pub(in crate::sim) settles_within: Duration,
    pub(in crate::sim) stops_within: Duration,
}

impl Plan {
    /// The faults of a seed.
    pub(in crate::sim) fn faults_of(&self, seed: u64) -> Schedule {
        let bounds = Bounds {
            members: self.services.iter().map(|service| service.count).sum(),
            brokers: self.brokers,
            until: self.faults_for,
            most: self.most_faults,
            error_sink: self.rules.error_sink,
            also: &self.also,
        };
        Schedule::random(&mut Dice::new(seed, 3), bounds)
    }
}
