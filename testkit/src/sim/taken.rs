//! Owns what a client has claimed, so that it can give it back: the token of each record's claim. Leaves whose claim counts to
//! `claims`.

use millstream_core::contract::Position;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Taken {
    tokens: BTreeMap<(String, u128), (Position, u64)>,
    /// Ids and tokens that go back with the next call.
    pub(crate) released: Vec<(String, u128, u64)>,
}

impl Taken {
    pub(crate) fn took(&mut self, scope: &str, (key, at): (u128, Position), token: u64) {
        self.tokens.insert((scope.to_owned(), key), (at, token));
    }

    /// This record will not be marked. Another one's claim stays.
    pub(crate) fn release(&mut self, scope: &str, (key, at): (u128, Position)) {
        let place = (scope.to_owned(), key);
        if let Some((_, token)) = self.tokens.get(&place).copied().filter(|(of, _)| *of == at) {
            self.tokens.remove(&place);
            self.released.push((place.0, key, token));
        }
    }

    pub(crate) fn done(&mut self, scope: &str, key: u128) {
        self.tokens.remove(&(scope.to_owned(), key));
    }
}
