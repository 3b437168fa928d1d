//! Owns the shared deduplicator's store, and its client. Leaves what befalls them to the network.

use super::claims::Claims;
use super::history::What;
use super::network::{Operation as Call, Server};
use super::taken::Taken;
use super::world::{Link, Unanswered, WALL_START, World};
use crate::now::instant_now;
use millstream_core::contract::{DedupScope, Deduplicator, Error, ErrorKind, Mark, Marked, Operation, Position, Scope, Seen};
use millstream_core::process::Process;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a mark lives: the framework's default.
const TTL: Duration = Duration::from_secs(7 * 24 * 3600);

/// What the store keeps.
#[derive(Debug)]
pub(crate) struct Store {
    marks: BTreeMap<(String, u128), (Mark, Instant)>,
    claims: Claims,
    /// How long a mark lives.
    ttl: Duration,
    /// Answers errors until then.
    pub(crate) failing: Option<Instant>,
}

impl Default for Store {
    fn default() -> Self {
        Store { marks: BTreeMap::new(), claims: Claims::default(), ttl: TTL, failing: None }
    }
}

impl Store {
    /// It has forgotten everything.
    pub(crate) fn clear(&mut self) {
        self.marks.clear();
        self.claims.clear();
    }

    fn seen(&self, scope: &str, key: u128, now: Instant, wall: u64) -> Option<Mark> {
        let found = self.marks.get(&(scope.to_owned(), key));
        let expired = |at: Instant| match () {
            () if millstream_core::planted!(B33) => wall > WALL_START + 30 * 60_000,
            () if millstream_core::planted!(B63) => (key >> 80) as u64 + self.ttl.as_millis() as u64 <= wall,
            () => now >= at + self.ttl,
        };
        found.filter(|(_, at)| !expired(*at)).map(|(mark, _)| *mark)
    }

    fn fails(&self, now: Instant) -> bool {
        self.failing.is_some_and(|until| until > now)
    }
}

/// The wall clock of the process that asks. The store measures by its own: only a planted bug looks at this.
fn wall() -> u64 {
    Process::current().map_or(WALL_START, |process| process.wall_millis())
}

/// The deduplicator that the members of a simulation share, as they would share Redis: marks outlive processes, calls take
/// time, and may be refused, lost, or never answered.
#[derive(Clone)]
pub struct SimDeduplicator {
    world: Arc<World>,
    link: Link,
    /// What it has claimed, if it claims ids.
    taken: Option<Arc<Mutex<Taken>>>,
}

impl std::fmt::Debug for SimDeduplicator {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SimDeduplicator")
    }
}

impl SimDeduplicator {
    pub(crate) fn new(world: Arc<World>, link: Link) -> Self {
        SimDeduplicator { world, link, taken: None }
    }

    /// The same, letting one at a time work on an id: a look-up claims what it finds fresh for the record that is asked for, and
    /// answers [`Seen::Claimed`] for others until it is done, given back, or its lease is over.
    pub(crate) fn claiming(self) -> Self {
        SimDeduplicator { taken: Some(Arc::default()), ..self }
    }

    fn taken(&self) -> Option<MutexGuard<'_, Taken>> {
        self.taken.as_ref().map(|taken| taken.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Looks ids up, and claims those of these places that are fresh.
    async fn look_up(
        &self,
        scope: &DedupScope,
        keys: &[u128],
        places: Option<&[(u128, Position)]>,
        answers: &mut Vec<Seen>,
    ) -> Result<(), Error> {
        let (name, asked, wall, began) = (scope.as_str().to_owned(), keys.to_vec(), wall(), instant_now());
        let token = self.world.number();
        let released = self.taken().map(|mut taken| std::mem::take(&mut taken.released)).unwrap_or_default();
        #[cfg(millstream_planted)]
        let keys_of_dropped = if places.is_some() && millstream_core::planted!(B53) { asked.clone() } else { Vec::new() };
        #[cfg(millstream_planted)]
        let mut dropped = Dropped { of: self.clone(), scope: name.clone(), keys: keys_of_dropped };
        let (scope, keys, at) = (name.clone(), asked.clone(), places.map(<[_]>::to_vec));
        let found = self
            .ask(Call::Check, Operation::Check, move |world| {
                let (servers, now) = (&mut *world.servers(), instant_now());
                if servers.store.fails(now) {
                    return None;
                }
                released.iter().for_each(|(scope, key, token)| servers.store.claims.give_back(scope, *key, *token));
                let look = |(index, key): (usize, &u128)| {
                    let mark = servers.store.seen(&scope, *key, now, wall);
                    let free = match &at {
                        Some(at) if mark.is_none() => servers.store.claims.take(&scope, at[index], token, now),
                        _ => true,
                    };
                    (mark, free)
                };
                Some(keys.iter().enumerate().map(look).collect::<Vec<_>>())
            })
            .await?;
        #[cfg(millstream_planted)]
        dropped.keys.clear();
        if let (Some(mut taken), Some(places)) = (self.taken(), places) {
            let held = places.iter().zip(&found).filter(|(_, (mark, free))| mark.is_none() && *free);
            held.for_each(|(place, _)| taken.took(&name, *place, token));
        }
        self.world.checks().looked_up(self.link.member, self.link.incarnation, &name, &asked, began);
        answers.extend(found.into_iter().map(|found| match found {
            (Some(mark), _) => Seen::Done { at: mark.at, fingerprint: mark.fingerprint },
            (None, true) => Seen::Fresh,
            (None, false) => Seen::Claimed,
        }));
        Ok(())
    }

    async fn ask<T: Send + 'static>(
        &self,
        call: Call,
        operation: Operation,
        does: impl FnOnce(&World) -> Option<T> + Send + 'static,
    ) -> Result<T, Error> {
        match self.world.call(&self.link, Server::Store, call, does).await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) | Err(Unanswered::Refused) => Err(Error::new(ErrorKind::Unavailable, operation, "the store is down")),
            Err(Unanswered::Unknown) => Err(Error::new(ErrorKind::TimedOut, operation, "the store did not answer")),
        }
    }
}

/// A look-up of which nobody knows what it has claimed: dropped, it gives that back. Nobody may: it may come late, and what it has
/// taken over from the next owner is that one's (B53).
#[cfg(millstream_planted)]
struct Dropped {
    of: SimDeduplicator,
    scope: String,
    keys: Vec<u128>,
}

#[cfg(millstream_planted)]
impl Drop for Dropped {
    fn drop(&mut self) {
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (of, scope, keys) = (self.of.clone(), std::mem::take(&mut self.scope), std::mem::take(&mut self.keys));
        if keys.is_empty() {
            return;
        }
        // It goes its own way, as a request does; a process that is dead sends nothing.
        runtime.spawn(async move {
            let does = move |world: &World| {
                let claims = &mut world.servers().store.claims;
                keys.iter().for_each(|key| claims.give_back(&scope, *key, 0));
                Some(())
            };
            // If it is lost the lease ends it.
            let _ = of.ask(Call::Mark, Operation::Check, does).await;
        });
    }
}

impl Deduplicator for SimDeduplicator {
    async fn check(&self, scope: &DedupScope, keys: &[u128], answers: &mut Vec<Seen>) -> Result<(), Error> {
        self.look_up(scope, keys, None, answers).await
    }

    fn claims(&self) -> bool {
        self.taken.is_some()
    }

    async fn claim(&self, scope: &DedupScope, records: &[(u128, Position)], answers: &mut Vec<Seen>) -> Result<(), Error> {
        let keys: Vec<u128> = records.iter().map(|(key, _)| *key).collect();
        self.look_up(scope, &keys, self.claims().then_some(records), answers).await
    }

    fn release(&self, scope: &DedupScope, records: &[(u128, Position)]) {
        if let Some(mut taken) = self.taken() {
            records.iter().for_each(|record| taken.release(scope.as_str(), *record));
        }
    }

    async fn complete(&self, scope: &DedupScope, marks: &[Mark], met: &mut Vec<Marked>) -> Result<(), Error> {
        if let Some(mut taken) = self.taken() {
            marks.iter().for_each(|mark| taken.done(scope.as_str(), mark.key));
        }
        let (scope, marks, member, wall) = (scope.as_str().to_owned(), marks.to_vec(), self.link.member, wall());
        let answers = self
            .ask(Call::Mark, Operation::Complete, move |world| {
                let now = instant_now();
                let mut answers = Vec::with_capacity(marks.len());
                let mut news = Vec::new();
                {
                    let servers = &mut *world.servers();
                    if servers.store.fails(now) {
                        return None;
                    }
                    for mark in marks {
                        servers.store.claims.done(&scope, mark.key);
                        let known = servers.store.seen(&scope, mark.key, now, wall).is_some();
                        if !known {
                            servers.store.marks.insert((scope.clone(), mark.key), (mark, now));
                            news.push(mark);
                        }
                        answers.push(if known { Marked::Known } else { Marked::First });
                    }
                }
                for mark in news {
                    world.note(Some(member), What::Marked(mark.key, mark.at));
                    world.checks().marked(&scope, mark, now);
                }
                Some(answers)
            })
            .await?;
        met.extend(answers);
        Ok(())
    }

    async fn forget(&self, scope: &DedupScope, keys: &[u128]) -> Result<(), Error> {
        let (scope, keys) = (scope.as_str().to_owned(), keys.to_vec());
        self.ask(Call::Mark, Operation::Complete, move |world| {
            let servers = &mut *world.servers();
            if servers.store.fails(instant_now()) {
                return None;
            }
            keys.iter().for_each(|key| {
                servers.store.marks.remove(&(scope.clone(), *key));
            });
            Some(())
        })
        .await
    }

    fn scope(&self) -> Scope {
        Scope::Shared
    }

    fn retention(&self) -> Option<Duration> {
        Some(self.world.servers().store.ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conformance::deduplicator::{Harness, Limits};
    use crate::conformance::{Excuse, Pace, Verdict, deduplicator};
    use crate::sim::checks::Checks;

    struct Simulated;

    impl Harness for Simulated {
        type Deduplicator = SimDeduplicator;

        async fn create(&self, limits: Limits) -> SimDeduplicator {
            let world = World::new(7, 3, 3, Checks::default());
            world.servers().store.ttl = limits.ttl;
            SimDeduplicator::new(world, Link::new(0, 1))
        }

        fn pace(&self) -> Pace {
            // Its time is the runtime's, in which marks live for minutes.
            Pace::paused().deadline(Duration::from_secs(3_600))
        }

        async fn evicted(&self, _: &SimDeduplicator) -> u64 {
            0
        }

        async fn claiming(&self, lease: Duration) -> Result<(SimDeduplicator, SimDeduplicator), Excuse> {
            let one = self.create(Limits::WIDE).await;
            one.world.servers().store.claims.lease = lease;
            let other = SimDeduplicator::new(one.world.clone(), Link::new(1, 1));
            Ok((one.claiming(), other.claiming()))
        }

        async fn unreachable(&self) -> Result<SimDeduplicator, Excuse> {
            let store = self.create(Limits::WIDE).await;
            store.world.servers().store.failing = Some(instant_now() + Duration::from_secs(3_600));
            Ok(store)
        }
    }

    #[test]
    fn the_simulated_store_keeps_every_clause_of_the_contract_but_the_cap() {
        let suite = deduplicator(Simulated);
        // A run has few ids: its store has no cap.
        for case in suite.cases().filter(|case| case.clauses[0] != "D8") {
            assert_eq!(suite.examine(case.name), Verdict::Passed, "{case}");
        }
    }
}
