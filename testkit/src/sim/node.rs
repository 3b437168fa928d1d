//! Owns a member of a simulation: one process after the other, each running the user's service. Leaves when it dies to the
//! `driver`.

use super::client::SimTransport;
use super::history::What;
use super::network::MemberNo;
use super::sink::SimErrorSink;
use super::store::SimDeduplicator;
use super::watch::Watch;
use super::world::{Link, WALL_START, World};
use millstream_core::contract::Error;
use millstream_core::layer::watching;
use millstream_core::process::Process;
use millstream_core::service::{ServiceHandle, StreamService};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// One process of a member, as the closure that describes its service sees it: what the service takes from its world in place of
/// a broker, a store and a sink. Clones are the same process; a state may keep one to [`note`](Self::note) what it does.
#[derive(Clone)]
pub struct Node {
    world: Arc<World>,
    link: Link,
    version: u32,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("member", &self.link.member).field("process", &self.link.incarnation).finish_non_exhaustive()
    }
}

impl Node {
    /// The fake cluster, as this process reaches it: what the service is built on.
    pub fn transport(&self) -> SimTransport {
        SimTransport::new(self.world.clone(), self.link.clone())
    }

    /// The store of ids that all members share, as they would share Redis: for the builder's `with_deduplicator`.
    pub fn deduplicator(&self) -> SimDeduplicator {
        SimDeduplicator::new(self.world.clone(), self.link.clone())
    }

    /// The store of ids that all members share, which also lets one of them at a time work on an id.
    pub fn claiming_deduplicator(&self) -> SimDeduplicator {
        self.deduplicator().claiming()
    }

    /// The error sink that all members share: for [`ErrorHandling::error_sink`], or composed with others.
    ///
    /// The simulation must say that there is one, [`Simulation::error_sink`](super::Simulation::error_sink): a run that does not
    /// is in violation.
    ///
    /// [`ErrorHandling::error_sink`]: millstream_core::service::ErrorHandling::error_sink
    pub fn error_sink(&self) -> SimErrorSink {
        if !self.world.checks().rules.error_sink {
            let text = "a service takes the error sink, and the simulation does not say `.error_sink()`: nothing would befall it";
            self.world.violated("build", text.to_owned());
        }
        SimErrorSink::new(self.world.clone(), self.link.clone())
    }

    /// The version of the service: 1, and 2 once another one is deployed; see [`Simulation::deploys`](super::Simulation::deploys).
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The member's number, from 0 on over all services of the simulation.
    pub fn member(&self) -> usize {
        self.link.member
    }

    /// The so many-th process of the member this is, from 1.
    pub fn process(&self) -> u32 {
        self.link.incarnation
    }

    /// How long ago the run began, in virtual time. It is for handlers whose dependencies are away at certain times.
    pub fn since_start(&self) -> Duration {
        self.world.at()
    }

    /// What is outside of all processes and outlives them, as a database of yours: one `T` in each run, which all members share.
    /// What the closure of a service captures would be one for all runs, and make each differ from the one before.
    ///
    /// It is reached at once and always; what a network does to it a service's own fake has to do.
    pub fn outside<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        self.world.outside()
    }

    /// Notes an effect of the service in the history, at once and for good: what the outside world has seen of it. A user's
    /// invariant reads it with [`History::noted`](super::History::noted). A process that is dead notes nothing. To note an effect
    /// *before* an await and to return after it is to be killed in between, in some seed.
    pub fn note(&self, name: &str, value: impl Into<String>) {
        if self.link.is_alive() {
            self.world.note(Some(self.link.member), What::Noted(name.into(), value.into()));
        }
    }
}

/// How a user describes the service of a process.
pub(super) type Describe = Arc<dyn Fn(&Node) -> Result<StreamService, Error> + Send + Sync>;

/// How a process came to its end.
pub(super) enum End {
    Died,
    Ended(Result<(), Error>),
}

/// A process that runs.
pub(super) struct Running {
    pub(super) process: Process,
    pub(super) handle: ServiceHandle,
    pub(super) link: Link,
    pub(super) task: tokio::task::JoinHandle<End>,
}

/// Starts the so many-th process of a member, of a version of its service.
///
/// # Errors
/// If the service cannot be built.
pub(super) fn start(
    world: &Arc<World>,
    member: MemberNo,
    name: &str,
    (incarnation, version): (u32, u32),
    seed: u64,
    put_off: u64,
    describe: &Describe,
) -> Result<Running, Error> {
    let wall = WALL_START + u64::try_from(world.at().as_millis()).unwrap_or(u64::MAX);
    let process = Process::new(name, seed, wall);
    process.put_off(put_off);
    let link = Link::new(member, incarnation);
    let node = Node { world: world.clone(), link: link.clone(), version };
    let watch = Watch { world: world.clone(), member, incarnation };
    world.note(Some(member), What::Started(incarnation));
    let service = process.enter(|| watching(Arc::new(watch), || describe(&node)))?;
    let handle = service.handle();
    let run = process.run(async move { service.run().await });
    let (dying, cut, world) = (process.clone(), link.clone(), world.clone());
    let task = tokio::spawn(async move {
        tokio::select! {
            biased;
            () = dying.death() => {
                // From now on nothing it sends gets anywhere; what is on its way does. Then it is dropped.
                cut.cut();
                world.checks().died((member, incarnation));
                End::Died
            }
            ended = run => {
                cut.cut();
                world.checks().died((member, incarnation));
                End::Ended(ended)
            }
        }
    });
    Ok(Running { process, handle, link, task })
}
