//! The topics of one trading namespace, by name.
//!
//! A convenience for trading pipelines; nothing in the framework depends on these names.

use super::name::Topic;
use super::namespace::Namespace;

/// The topics of one trading namespace.
///
/// ```
/// use millstream_core::topic::{Namespace, TopicMap};
/// let paper = TopicMap::new(Namespace::literal("paper"));
/// assert_eq!(paper.signals_validated().as_str(), "paper.signals.validated");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicMap {
    namespace: Namespace,
}

impl TopicMap {
    /// The ticks of the market, which all namespaces share: `market.ticks`.
    pub const MARKET_TICKS: Topic = Topic::literal("market.ticks");

    /// The topics of `namespace`.
    #[must_use]
    pub fn new(namespace: Namespace) -> Self {
        Self { namespace }
    }

    /// Whose topics these are.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// `{namespace}.signals.raw`
    #[must_use]
    pub fn signals_raw(&self) -> Topic {
        self.topic("signals.raw")
    }

    /// `{namespace}.signals.validated`
    #[must_use]
    pub fn signals_validated(&self) -> Topic {
        self.topic("signals.validated")
    }

    /// `{namespace}.signals.rejected`
    #[must_use]
    pub fn signals_rejected(&self) -> Topic {
        self.topic("signals.rejected")
    }

    /// `{namespace}.orders.submitted`
    #[must_use]
    pub fn orders_submitted(&self) -> Topic {
        self.topic("orders.submitted")
    }

    /// `{namespace}.orders.ack`
    #[must_use]
    pub fn orders_ack(&self) -> Topic {
        self.topic("orders.ack")
    }

    /// `{namespace}.orders.filled`
    #[must_use]
    pub fn orders_filled(&self) -> Topic {
        self.topic("orders.filled")
    }

    /// `{namespace}.pnl.snapshots`
    #[must_use]
    pub fn pnl_snapshots(&self) -> Topic {
        self.topic("pnl.snapshots")
    }

    fn topic(&self, rest: &str) -> Topic {
        Topic::composed(format!("{}.{rest}", self.namespace))
            .expect("a namespace has at most 64 bytes, so its topics are never too long")
    }
}
