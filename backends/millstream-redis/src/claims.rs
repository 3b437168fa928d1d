//! Owns who works on which id: a claim is a lease with its owner's token, in a key beside the mark's. Leaves marks to
//! `deduplicator`, which never looks at claims: a mark outweighs them all.
//!
//! A claim is the place of a record and a token that no other claim has. Whoever comes from the same place takes it over at
//! once, since a place has one owner at a time; from another place it is taken. It is given back by its token only, so that an
//! owner which was replaced takes nothing away from its successor (B53). After a mark a claim is moot and ends with its lease.

use crate::keys;
use crate::link::Link;
use ::redis::{Cmd, Value, cmd};
use millstream_core::contract::{DedupScope, Error, Operation, Position};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Takes or renews each claim that is free or of the same place; answers 1 for those, else 0.
const TAKE: &str = "local taken = {}
for i, key in ipairs(KEYS) do
  local there = redis.call('GET', key)
  if there and string.sub(there, 1, 12) ~= string.sub(ARGV[i + 1], 1, 12) then
    taken[i] = 0
  else
    redis.call('SET', key, ARGV[i + 1], 'PX', ARGV[1])
    taken[i] = 1
  end
end
return taken";

/// Removes each claim that is still the very same.
const GIVE_BACK: &str = "for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[i] then redis.call('DEL', key) end
end
return 1";

/// The most claims that are remembered to be given back. Those forgotten end with their lease.
const MOST: usize = 65_536;

/// A place and a token.
type Claim = [u8; 28];

/// The claims of one deduplicator.
pub(crate) struct Claims {
    lease: Duration,
    /// What makes this one's tokens its own, and their number.
    own: u64,
    number: AtomicU64,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By scope and id.
    held: BTreeMap<(u128, u128), Claim>,
    to_give_back: Vec<(String, Claim)>,
}

impl Claims {
    pub(crate) fn new(lease: Duration) -> Self {
        let own = RandomState::new().hash_one("claims");
        Claims { lease, own, number: AtomicU64::new(1), state: Mutex::default() }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes or renews claims; answers for each whether it is held now.
    pub(crate) async fn take(&self, link: &Link, scope: &DedupScope, records: &[(u128, Position)]) -> Result<Vec<bool>, Error> {
        self.give_back(link).await;
        let prefix = keys::of_scope(scope);
        let claim = |(_, at): &(u128, Position)| {
            let mut claim = [0; 28];
            claim[..12].copy_from_slice(&keys::position(*at));
            claim[12..20].copy_from_slice(&self.own.to_be_bytes());
            claim[20..].copy_from_slice(&self.number.fetch_add(1, Ordering::Relaxed).to_be_bytes());
            claim
        };
        let claims: Vec<Claim> = records.iter().map(claim).collect();
        let lease = u64::try_from(self.lease.as_millis()).unwrap_or(u64::MAX).clamp(1, keys::MOST_MILLIS);
        let named: Vec<(String, Claim)> = records.iter().map(|(key, _)| name(&prefix, *key)).zip(claims).collect();
        let mut taken = Vec::with_capacity(records.len());
        for answer in link.call(scripts(link, TAKE, Some(lease), &named), Operation::Check).await? {
            match answer {
                Value::Array(all) => taken.extend(all.iter().map(|one| *one == Value::Int(1))),
                _ => return Err(unreadable()),
            }
        }
        if taken.len() != records.len() {
            return Err(unreadable());
        }
        let mut state = self.lock();
        if state.held.len() + records.len() > MOST {
            state.held.clear();
        }
        for ((record, (_, claim)), _) in records.iter().zip(&named).zip(&taken).filter(|(_, taken)| **taken) {
            state.held.insert((scope.digest(), record.0), *claim);
        }
        Ok(taken)
    }

    /// These are marked: nothing is to be given back.
    pub(crate) fn done(&self, scope: &DedupScope, keys: impl Iterator<Item = u128>) {
        let mut state = self.lock();
        keys.for_each(|key| {
            state.held.remove(&(scope.digest(), key));
        });
    }

    /// These will not be marked. Another record's claim stays.
    pub(crate) fn release(&self, scope: &DedupScope, records: &[(u128, Position)]) {
        let prefix = keys::of_scope(scope);
        let mut state = self.lock();
        for (key, at) in records {
            let place = (scope.digest(), *key);
            let Some(claim) = state.held.get(&place).filter(|claim| claim[..12] == keys::position(*at)).copied() else {
                continue;
            };
            state.held.remove(&place);
            if state.to_give_back.len() < MOST {
                state.to_give_back.push((name(&prefix, *key), claim));
            }
        }
    }

    /// Gives back what was released. If that fails, leases end.
    pub(crate) async fn give_back(&self, link: &Link) {
        let released = std::mem::take(&mut self.lock().to_give_back);
        if !released.is_empty() {
            let _ = link.call(scripts(link, GIVE_BACK, None, &released), Operation::Check).await;
        }
    }
}

/// The key of an id's claim.
fn name(prefix: &str, key: u128) -> String {
    let mut name = keys::of_id(prefix, key);
    name.push_str(":c");
    name
}

/// A script over all keys; in a cluster one for each, since they lie on several nodes.
fn scripts(link: &Link, script: &str, lease: Option<u64>, named: &[(String, Claim)]) -> Vec<Cmd> {
    let some = if link.is_cluster() { 1 } else { 1_024 };
    let one = |named: &[(String, Claim)]| {
        let mut eval = cmd("EVAL");
        eval.arg(script).arg(named.len());
        named.iter().for_each(|(name, _)| {
            eval.arg(name);
        });
        lease.iter().for_each(|lease| {
            eval.arg(*lease);
        });
        named.iter().for_each(|(_, claim)| {
            eval.arg(&claim[..]);
        });
        eval
    };
    named.chunks(some).map(one).collect()
}

fn unreadable() -> Error {
    Error::new(millstream_core::contract::ErrorKind::Invalid, Operation::Check, "redis answered a claim with something else")
}
