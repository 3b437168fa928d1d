//! An address of either kind, kept as a value: what a handler returns knows where it goes.
//!
//! The kinds themselves and the rules of where they lead are in `sibling`.

use super::error::AddressError;
use super::name::Topic;
use super::sibling::{Address, AddressKey, NamespacedSibling, Sibling, sealed};

/// A [`Sibling`], alone or [`of`](Sibling::of) a namespace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AnyAddress(Kind);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Kind {
    Sibling(Sibling),
    Namespaced(NamespacedSibling),
}

impl From<Sibling> for AnyAddress {
    fn from(sibling: Sibling) -> Self {
        Self(Kind::Sibling(sibling))
    }
}

impl From<NamespacedSibling> for AnyAddress {
    fn from(sibling: NamespacedSibling) -> Self {
        Self(Kind::Namespaced(sibling))
    }
}

impl Address for AnyAddress {
    fn resolve(&self, from: &Topic) -> Result<Topic, AddressError> {
        match &self.0 {
            Kind::Sibling(sibling) => sibling.resolve(from),
            Kind::Namespaced(sibling) => sibling.resolve(from),
        }
    }

    fn cache_key(&self) -> AddressKey<'_> {
        match &self.0 {
            Kind::Sibling(sibling) => sibling.cache_key(),
            Kind::Namespaced(sibling) => sibling.cache_key(),
        }
    }

    fn erased(self) -> AnyAddress {
        self
    }
}

impl sealed::Sealed for AnyAddress {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::topic::Namespace;

    #[test]
    fn an_erased_address_leads_where_its_own_kind_does() {
        const FILLED: Sibling = Sibling::new("orders", "filled");
        let paper = Namespace::literal("paper");
        for from in ["paper.signals.validated", "market.ticks", "zerodha.orders.new", "dlq.group.market.ticks"] {
            let from = Topic::literal(from);
            let erased = [FILLED.erased(), FILLED.of(paper.clone()).erased()];
            let said = |to: Result<Topic, AddressError>| to.map_err(|error| error.to_string());
            assert_eq!(said(erased[0].resolve(&from)), said(FILLED.resolve(&from)));
            assert_eq!(said(erased[1].resolve(&from)), said(FILLED.of(paper.clone()).resolve(&from)));
        }
        assert_eq!(FILLED.of(paper.clone()).erased().cache_key(), FILLED.of(paper).cache_key());
        assert_eq!(FILLED.erased().cache_key(), FILLED.cache_key());
    }
}
