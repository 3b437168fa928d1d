//! Owns the worlds that are explored. Each has few faults, so that all of it can be seen; together they have all of them.
//!
//! What happens at once in one world has its own time in another: `promise` has three kinds of faults in one world and lets
//! time pass only over slow handlers, `slow-…` have one kind and let it pass over everything.

use super::world::{AtOnce, Entry, Faults, Nature, World};
use millstream_core::engine::{Followers, LanePolicy};
use std::time::Duration;

const NONE: Faults = Faults {
    crashes: 0,
    lost_replies: 0,
    rebalances: 0,
    expiries: 0,
    transients: 0,
    permanents: 0,
    refused_letters: 0,
    refused_outputs: 0,
    lost_marks: 0,
    late_batches: 0,
    stops: 0,
};

/// Time passes only over handlers: what travels arrives before a timer fires.
const IN_TIME: AtOnce =
    AtOnce { look_ups: false, marks: false, ends: false, writes: false, arrivals: false, assignments: false, all_in_time: true };

/// The same, and answers come when they are asked for.
const BRISK: AtOnce = AtOnce { look_ups: true, ends: true, assignments: true, ..IN_TIME };

/// The same with a broker that answers at once, too.
const CLOSE: AtOnce = AtOnce { writes: true, arrivals: true, ..BRISK };

/// All worlds, those that take seconds first.
pub fn worlds() -> Vec<World> {
    let mut worlds = small();
    worlds.extend(large());
    worlds
}

/// The world of this name.
pub fn world(name: &str) -> Option<World> {
    worlds().into_iter().find(|world| world.name == name)
}

/// Those that take a second or two each.
pub fn small() -> Vec<World> {
    vec![
        World::new("calm", "nothing goes wrong; two members and three records, two of them with one key"),
        World::new("retries", "two failures that pass and one that does not, and a sink that refuses once").with(
            Faults { transients: 2, permanents: 1, refused_letters: 1, ..NONE },
            AtOnce { look_ups: true, marks: true, ..IN_TIME },
        ),
        World::new("outputs", "two outputs a record, one refused, and a crash")
            .log(vec![Entry::new(0, 7).outputs(2), Entry::new(1, 8).outputs(1), Entry::new(2, 7).nature(Nature::Ready)])
            .with(Faults { refused_outputs: 1, crashes: 1, ..NONE }, CLOSE),
        World::new("twins", "one id three times, a failure for good, marks that are lost")
            .log(vec![Entry::new(0, 7), Entry::new(1, 8).twin_of(0), Entry::new(2, 9).twin_of(0)])
            .with(Faults { lost_marks: 1, permanents: 1, transients: 1, ..NONE }, AtOnce { ends: true, ..IN_TIME }),
        World::new("gaps", "offsets without records, in the middle and at the tail; a crash")
            .log(vec![Entry::new(1, 7), Entry::new(4, 8), Entry::new(5, 7)])
            .end(8)
            .with(Faults { crashes: 1, ..NONE }, BRISK),
        World::new("poison", "a record that cannot be decoded, before one with its key; a sink that refuses once")
            .log(vec![Entry::new(0, 7).nature(Nature::Poison), Entry::new(1, 8), Entry::new(2, 7)])
            .with(Faults { refused_letters: 1, crashes: 1, ..NONE }, IN_TIME),
        World::new("killer", "a record that kills its process whenever it is handled")
            .log(vec![Entry::new(0, 7), Entry::new(1, 8).nature(Nature::Kills), Entry::new(2, 7)])
            .with(NONE, CLOSE),
        World::new("care", "failures that pass, of two records with keys of their own, while an epoch is careful after a crash")
            .log(vec![Entry::new(0, 7), Entry::new(1, 8)])
            .attempts(3)
            .with(
                Faults { crashes: 1, transients: 3, ..NONE },
                AtOnce { look_ups: true, marks: true, ends: true, assignments: true, ..AtOnce::default() },
            ),
        World::new("parking", "what follows a dead letter is parked; a crash")
            .followers(Followers::Park)
            .log(vec![Entry::new(0, 7), Entry::new(1, 7), Entry::new(2, 7)])
            .with(Faults { permanents: 1, transients: 1, crashes: 1, ..NONE }, BRISK),
        World::new("crash", "one crash at any time").with(Faults { crashes: 1, ..NONE }, AtOnce::default()),
        World::new("lost-reply", "two commits whose outcome is unknown")
            .with(Faults { lost_replies: 2, ..NONE }, AtOnce::default()),
        World::new("every-100-ms", "commits in company, one of unknown outcome, and a crash")
            .commit_every(Duration::from_millis(100))
            .with(Faults { lost_replies: 1, crashes: 1, ..NONE }, CLOSE),
        World::new("no-store", "no deduplicator; a rebalance and a crash")
            .without_dedup()
            .with(Faults { rebalances: 1, crashes: 1, ..NONE }, CLOSE),
        World::new("rebalance", "one rebalance, to the other member or back to the same")
            .with(Faults { rebalances: 1, ..NONE }, IN_TIME),
        World::new("two-rebalances", "two of them, one perhaps while the first drains")
            .with(Faults { rebalances: 2, ..NONE }, CLOSE),
        World::new("zombie", "an owner whose session expires goes on, and hears of it later")
            .with(Faults { expiries: 1, transients: 1, ..NONE }, CLOSE),
        World::new("late-batch", "a batch that comes after its epoch's end; the offsets before it are open")
            .in_flight(2)
            .with(Faults { expiries: 1, late_batches: 1, ..NONE }, CLOSE),
        World::new("stop", "a service stops in order; retries and a lost reply meanwhile")
            .with(Faults { stops: 1, transients: 1, lost_replies: 1, ..NONE }, AtOnce { marks: true, ..CLOSE }),
        World::new("slow-rebalance", "one record, one rebalance, and everything as late as it likes")
            .records(1)
            .with(Faults { rebalances: 1, ..NONE }, AtOnce::default()),
        World::new("slow-zombie", "one record, one expiry, one lost reply, and everything as late as it likes")
            .records(1)
            .with(Faults { expiries: 1, lost_replies: 1, ..NONE }, AtOnce::default()),
    ]
}

/// Those that take minutes.
fn large() -> Vec<World> {
    vec![
        World::new("promise", "one crash, one lost reply and one rebalance")
            .with(Faults { crashes: 1, lost_replies: 1, rebalances: 1, ..NONE }, IN_TIME),
        World::new("crash-and-rebalance", "one crash and one rebalance, nothing at once")
            .with(Faults { crashes: 1, rebalances: 1, ..NONE }, IN_TIME),
        World::new("lost-and-rebalance", "a lost reply and two rebalances")
            .with(Faults { lost_replies: 1, rebalances: 2, ..NONE }, BRISK),
        World::new("zombie-and-failures", "an expiry, a lost reply, failures of both kinds, outputs")
            .log(vec![Entry::new(0, 7).outputs(1), Entry::new(1, 8), Entry::new(2, 7)])
            .with(Faults { expiries: 1, lost_replies: 1, permanents: 1, transients: 1, ..NONE }, CLOSE),
        World::new("one-by-one", "a partition in order, with failures, a crash and a rebalance")
            .lanes(LanePolicy::ByPartition)
            .with(Faults { transients: 1, crashes: 1, rebalances: 1, ..NONE }, BRISK),
        World::new("slow-expiry", "two records, one expiry, and everything as late as it likes")
            .records(2)
            .with(Faults { expiries: 1, ..NONE }, AtOnce::default()),
    ]
}
