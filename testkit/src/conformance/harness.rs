//! Owns what a backend gives so that it is examined: a world for each case. Leaves what a world of letters is to `error_sink`,
//! and the cases to the suites.

use super::{Act, Case, Excuse, Pace};
use millstream_core::contract::Transport;
use millstream_core::topic::Topic;

/// A backend that is examined: by its world's kind its transport ([`World`]) or its error sink
/// ([`error_sink::World`](super::error_sink::World)).
pub trait Harness: Send + Sync + 'static {
    /// What a case plays in.
    type World: 'static;

    /// A log, or a place for letters, for one case: a fresh one, or names in a shared one that no other case and no other run has (see
    /// [`Case::slug`]). Called on the case's own runtime; a panic fails the case.
    fn create(&self, case: &Case) -> impl Future<Output = Self::World>;

    /// Takes down what [`create`](Self::create) made, also after a case that failed. Default: drops it.
    fn destroy(&self, world: Self::World) -> impl Future<Output = ()> {
        async move { drop(world) }
    }

    /// Why a case cannot apply to this backend; it is then reported as ignored, with these words. Default: `None`. What
    /// [`Capabilities`](millstream_core::contract::Capabilities) exclude, and acts the world does not know, need no excuse.
    fn excuse(&self, case: &Case) -> Option<Excuse> {
        let _ = case;
        None
    }

    /// How time passes. Default: [`Pace::paused`], for a backend all of which is in this process.
    fn pace(&self) -> Pace {
        Pace::paused()
    }
}

/// The log of one case.
pub trait World {
    /// The client.
    type Transport: Transport;

    /// A client of the log. Called many times.
    fn transport(&self) -> impl Future<Output = Self::Transport>;

    /// Makes an empty topic of `partitions` partitions that takes records of the size that the capabilities say. `name` is
    /// unique in its case; where a log outlives a case the world makes it unique altogether.
    fn create_topic(&self, name: &str, partitions: u32) -> impl Future<Output = Topic>;

    /// The name of a group that nobody has used. Default: `name`, for logs that do not outlive a case.
    fn group(&self, name: &str) -> String {
        name.to_owned()
    }

    /// Lets something befall the log, or answers why this cannot be arranged: the case is then ignored. Default: nothing
    /// can.
    ///
    /// # Errors
    /// The reason, as [`Act::unsupported`] gives one.
    fn act(&self, act: Act<'_>) -> impl Future<Output = Result<(), Excuse>> {
        async move { Err(act.unsupported()) }
    }
}
