//! Owns the running of one case: its runtime, its world, its deadline, and what came of it. Leaves choosing to `suite`.

use super::case::{Case, Checked, Entry};
use super::transport::Scene;
use super::{Harness, Need, Pace, World, error_sink};
use millstream_core::contract::{Support, Transport};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use tokio::runtime::Runtime;

/// What came of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// The promise is kept.
    Passed,
    /// The case does not apply, and why. Not a pass.
    Ignored(String),
    /// The promise is broken, in the words of the case.
    Failed(String),
}

impl Verdict {
    fn of(outcome: Result<Checked, String>) -> Self {
        match outcome {
            Ok(Ok(())) => Verdict::Passed,
            Ok(Err(excuse)) => Verdict::Ignored(excuse.to_string()),
            Err(words) => Verdict::Failed(words),
        }
    }

    /// The verdict after the world was taken down, which must not fail either.
    fn after(outcome: Result<Checked, String>, destroyed: Result<(), String>) -> Self {
        match destroyed {
            Err(words) if matches!(outcome, Ok(Ok(()))) => Verdict::Failed(format!("its world is not taken down: {words}")),
            _ => Verdict::of(outcome),
        }
    }
}

/// Runs a case of a transport in a world of its own.
pub(super) fn transport<H: Harness<World: World>>(harness: &H, entry: &Entry<Scene<H::World>>) -> Verdict {
    let pace = harness.pace();
    let play = async |scene: &Scene<H::World>| {
        excluded(scene, &entry.case).await?;
        in_time(&pace, (entry.run)(scene)).await
    };
    in_a_world(harness, &entry.case, |world| Scene::new(world, pace), play, Scene::into_world)
}

/// Runs a case of a sink in a world of its own.
pub(super) fn sink<H: Harness<World: error_sink::World>>(harness: &H, entry: &Entry<H::World>) -> Verdict {
    let pace = harness.pace();
    let play = async |world: &H::World| in_time(&pace, (entry.run)(world)).await;
    in_a_world(harness, &entry.case, |world| world, play, |world| world)
}

/// Makes a world, sets a scene in it, plays, strikes the scene and takes the world down.
fn in_a_world<H: Harness, S>(
    harness: &H,
    case: &Case,
    set: impl FnOnce(H::World) -> S,
    play: impl AsyncFnOnce(&S) -> Checked,
    strike: impl FnOnce(S) -> H::World,
) -> Verdict {
    if let Some(excuse) = harness.excuse(case) {
        return Verdict::Ignored(excuse.to_string());
    }
    let runtime = harness.pace().runtime();
    let world = match contained(&runtime, harness.create(case)) {
        Ok(world) => world,
        Err(words) => return Verdict::Failed(format!("no world: {words}")),
    };
    let scene = set(world);
    let outcome = contained(&runtime, play(&scene));
    Verdict::after(outcome, contained(&runtime, harness.destroy(strike(scene))))
}

/// Runs a case that needs no world.
pub(super) fn bare<S>(scene: &S, pace: &Pace, entry: &Entry<S>) -> Verdict {
    Verdict::of(contained(&pace.runtime(), in_time(pace, (entry.run)(scene))))
}

/// What the backend itself says it cannot do.
async fn excluded<W: World>(scene: &Scene<W>, case: &Case) -> Checked {
    let capabilities = scene.transport().await.capabilities();
    for need in case.needs {
        let (what, support) = match need {
            Need::Groups | Need::Sharing => ("groups", &capabilities.groups),
            Need::Assignment => ("assignment", &capabilities.assignment),
            Need::Compaction => ("compaction", &capabilities.compaction),
            _ => continue,
        };
        if let Support::No(why) = support {
            return Err(format!("{} has no {what}: {why}", capabilities.name).into());
        }
    }
    Ok(())
}

async fn in_time(pace: &Pace, case: impl Future<Output = Checked>) -> Checked {
    let Ok(checked) = tokio::time::timeout(pace.deadline, case).await else { panic!("it took more than {:?}", pace.deadline) };
    checked
}

/// Runs `future`; a panic is its words.
fn contained<T>(runtime: &Runtime, future: impl Future<Output = T>) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(|| runtime.block_on(future))).map_err(|panic| words(&*panic))
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without words").to_owned()
}
