//! Owns the view of several services from outside: how far they are, and how to stop them all.

use super::{Asked, Stage};
use crate::service::handle::ServiceHandle;
use crate::service::latest::Latest;

/// A view of several services from outside. Cheap to clone; stays valid after they have ended.
#[derive(Clone)]
pub struct ServicesHandle {
    pub(super) services: Vec<(String, ServiceHandle)>,
    pub(super) asked: Latest<Asked>,
    pub(super) stage: Latest<Stage>,
}

impl std::fmt::Debug for ServicesHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_map().entries(self.services().map(|(name, service)| (name, service.health()))).finish()
    }
}

impl ServicesHandle {
    /// Tells all to stop: the first call in order, one after the other; the second at once and all together. Returns at
    /// once; wait with [`ended`](Self::ended).
    pub fn stop(&self) {
        self.asked.change(|asked| {
            let before = *asked;
            *asked = if before == Asked::Run { Asked::Stop } else { Asked::Abandon };
            *asked != before
        });
    }

    /// The services that were added before this handle was made, by name, in the order in which they start.
    pub fn services(&self) -> impl Iterator<Item = (&str, &ServiceHandle)> {
        self.services.iter().map(|(name, service)| (name.as_str(), service))
    }

    /// Waits until all are ready, or until they are stopping or have ended. Cancel safe.
    pub async fn ready(&self) {
        self.at_least(Stage::Ready).await;
    }

    /// Waits until all have ended. Cancel safe.
    pub async fn ended(&self) {
        self.at_least(Stage::Ended).await;
    }

    async fn at_least(&self, stage: Stage) {
        self.stage.listen().until(|now| *now >= stage).await;
    }
}
