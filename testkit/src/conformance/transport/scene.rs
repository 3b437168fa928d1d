//! Owns what a case plays in: its world, and the pace of the backend.

use crate::conformance::{Act, Excuse, Pace, World};
use millstream_core::topic::Topic;
use std::time::Duration;

/// A case's world, with how patient it is to be.
pub(crate) struct Scene<W> {
    world: W,
    pace: Pace,
}

impl<W: World> Scene<W> {
    pub(crate) fn new(world: W, pace: Pace) -> Self {
        Scene { world, pace }
    }

    pub(crate) fn into_world(self) -> W {
        self.world
    }

    pub(crate) async fn transport(&self) -> W::Transport {
        self.world.transport().await
    }

    pub(crate) async fn create_topic(&self, name: &str, partitions: u32) -> Topic {
        self.world.create_topic(name, partitions).await
    }

    pub(crate) fn group(&self, name: &str) -> String {
        self.world.group(name)
    }

    /// A case that asks for what cannot be arranged ends with the reason.
    pub(crate) async fn act(&self, act: Act<'_>) -> Result<(), Excuse> {
        self.world.act(act).await
    }

    pub(crate) fn patience(&self) -> Duration {
        self.pace.patience
    }

    pub(crate) fn session(&self) -> Duration {
        self.pace.session
    }
}
