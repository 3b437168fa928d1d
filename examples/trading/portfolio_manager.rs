//! The portfolio manager: fills in, snapshots of profit and loss out.
//!
//! Owns one holding per namespace and instrument. Leaves the arithmetic to `portfolio`.

use std::sync::Arc;
use std::time::Duration;

use millstream::moka::Limits;
use millstream::prelude::*;

use crate::effects::Effects;
use crate::events::{OrderFilled, PnlSnapshot};
use crate::faults::{Faults, Flaky};
use crate::keyed::{Keyed, Sequenced};
use crate::portfolio::Holding;
use crate::topics::{PORTFOLIO_GROUP, SNAPSHOTS, Venue, topics};

/// The service's state.
pub(crate) struct PortfolioManager {
    holdings: Keyed<Sequenced<Holding, PnlSnapshot>>,
    flaky: Flaky,
    effects: Arc<Effects>,
}

impl PortfolioManager {
    /// A manager that holds nothing yet.
    pub(crate) fn new(faults: &Faults, effects: &Arc<Effects>) -> Self {
        Self { holdings: Keyed::default(), flaky: Flaky::new("portfolio-manager", faults), effects: effects.clone() }
    }

    /// Takes a fill into the portfolio and tells how it stands.
    pub(crate) async fn on_fill(
        &self,
        fill: Event<OrderFilled>,
        topic: Topic,
        broker: Namespace,
        out: &mut Outputs,
    ) -> Result<(), HandlerError> {
        self.flaky.attempt(&fill.order_id)?;
        let key = format!("{}/{}", broker.as_str(), fill.instrument);
        let take = |holding: &mut Holding| holding.take(&fill);
        if let Some(snapshot) = self.holdings.with(&key, |holding| holding.apply(fill.sequence, take)) {
            out.emit(SNAPSHOTS, &snapshot)?;
        }
        self.effects.handled(topic.as_str(), fill.key().as_u128());
        Ok(())
    }
}

/// The service.
pub(crate) fn service(transport: impl Transport, venues: &[Venue], portfolio: PortfolioManager) -> Result<StreamService, Error> {
    let retry = Retry::exponential(Duration::from_millis(1), Duration::from_millis(20)).attempts(5);
    StreamServiceBuilder::new("portfolio-manager", transport)
        .with_deduplicator(WindowDeduplicator::new(Limits::new().with_ids(65_536)))
        .with_error_handling(ErrorHandling::new().retry(retry))
        .with_metrics()
        .with_state(portfolio)
        .add_producer()
        .add_consumer_handler(topics(venues, TopicMap::orders_filled), PORTFOLIO_GROUP, PortfolioManager::on_fill)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Side;
    use crate::faults::Rates;
    use crate::portfolio::tests::fill;
    use crate::topics::FILLED;

    async fn take(manager: &PortfolioManager, venue: Venue, number: u64) -> PnlSnapshot {
        let topic: Topic = venue.topic(FILLED).parse().expect("a good name");
        let mut out = Outputs::of(&topic);
        let event = Event::example_with_id(EventId::from_u128(u128::from(number)), fill(number, Side::Buy, 10, 100));
        manager.on_fill(event, topic, venue.namespace(), &mut out).await.expect("nothing is planned to fail");
        let output = out.iter().next().expect("a fill leads to a snapshot");
        assert_eq!(output.topic().as_str(), venue.topic(SNAPSHOTS));
        output.data()
    }

    fn manager() -> PortfolioManager {
        let calm = Rates { transient: 0, ..Rates::default() };
        PortfolioManager::new(&Faults::new(1, calm, 9500, 8), &Arc::new(Effects::new(&Venue::ALL)))
    }

    #[tokio::test]
    async fn a_fill_counts_once_however_often_it_is_delivered() {
        let manager = manager();
        let first = take(&manager, Venue::Paper, 1).await;
        assert_eq!(take(&manager, Venue::Paper, 1).await, first);
        assert_eq!(take(&manager, Venue::Paper, 2).await.fills, 2);
    }

    #[tokio::test]
    async fn namespaces_have_portfolios_of_their_own() {
        let manager = manager();
        take(&manager, Venue::Paper, 1).await;
        assert_eq!(take(&manager, Venue::Zerodha, 2).await.fills, 1);
    }
}
