//! Owns who works on which id: a claim is a lease of a record's place, given back with its token only. Leaves marks to `store`.

use millstream_core::contract::Position;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long a claim lasts that nobody renews: longer than a look-up counts, an attempt and a pause together.
pub(crate) const LEASE: Duration = Duration::from_secs(80);

#[derive(Debug)]
struct Claim {
    at: Position,
    /// The look-up that took it last.
    token: u64,
    until: Instant,
}

/// The claims that the store keeps.
#[derive(Debug)]
pub(crate) struct Claims {
    claims: BTreeMap<(String, u128), Claim>,
    pub(crate) lease: Duration,
}

impl Default for Claims {
    fn default() -> Self {
        Claims { claims: BTreeMap::new(), lease: LEASE }
    }
}

impl Claims {
    /// Takes or renews the claim of the record at `at`; answers whether it has it now.
    pub(crate) fn take(&mut self, scope: &str, (key, at): (u128, Position), token: u64, now: Instant) -> bool {
        let place = (scope.to_owned(), key);
        if self.claims.get(&place).is_some_and(|claim| claim.at != at && claim.until > now) {
            return false;
        }
        self.claims.insert(place, Claim { at, token, until: now + self.lease });
        true
    }

    /// Gives a claim back that a look-up has taken: not one that somebody has taken since.
    pub(crate) fn give_back(&mut self, scope: &str, key: u128, token: u64) {
        let place = (scope.to_owned(), key);
        if self.claims.get(&place).is_some_and(|claim| claim.token == token || millstream_core::planted!(B53)) {
            self.claims.remove(&place);
        }
    }

    pub(crate) fn clear(&mut self) {
        self.claims.clear();
    }

    /// What is done needs no claim.
    pub(crate) fn done(&mut self, scope: &str, key: u128) {
        self.claims.remove(&(scope.to_owned(), key));
    }
}
