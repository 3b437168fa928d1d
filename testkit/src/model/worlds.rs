//! Owns the worlds that are explored: each has few faults, so that all of it can be seen, and together they have all.

use super::world::{Entry, Faults, Nature, World};
use millstream_core::engine::Followers;
use std::time::Duration;

/// All of them, the small ones first.
pub fn worlds() -> Vec<World> {
    let mut all = Vec::new();
    let mut world = |name, about, faults: Faults, change: &dyn Fn(&mut World)| {
        let mut world = World::new(name, about);
        world.faults = faults;
        change(&mut world);
        all.push(world);
    };
    let none = Faults::default();
    world("calm", "no faults", none, &|_| {});
    world("crash", "one crash", Faults { crashes: 1, ..none }, &|_| {});
    world("lost reply", "one lost reply", Faults { lost_replies: 1, ..none }, &|_| {});
    world("rebalance", "one rebalance", Faults { rebalances: 1, ..none }, &|_| {});
    world("expiry", "one expiry", Faults { expiries: 1, ..none }, &|_| {});
    all
}
