//! The portfolio manager: fills in, snapshots of profit and loss out.
//!
//! Owns the fold: what a fill makes of a holding. The framework keeps one holding per namespace and instrument, reads them
//! back after a restart, and sees to it that every fill is in them once. Leaves the arithmetic to `portfolio`.

use std::sync::Arc;

use millstream::contract::Deduplicator;
use millstream::prelude::*;

use crate::effects::Effects;
use crate::events::OrderFilled;
use crate::faults::{Faults, Flaky};
use crate::portfolio::Holding;
use crate::settings::Settings;
use crate::topics::{PORTFOLIO_GROUP, SNAPSHOTS, Venue, topics};

/// The service's state: none of it is about money.
pub(crate) struct PortfolioManager {
    flaky: Flaky,
    effects: Arc<Effects>,
}

impl PortfolioManager {
    /// A manager that holds nothing.
    pub(crate) fn new(faults: &Faults, effects: &Arc<Effects>) -> Self {
        Self { flaky: Flaky::new("portfolio-manager", faults), effects: effects.clone() }
    }

    /// Takes a fill into the portfolio and tells how it stands.
    pub(crate) async fn on_fill(
        &self,
        fill: Event<OrderFilled>,
        topic: Topic,
        holding: &mut Holding,
        out: &mut Outputs,
    ) -> Result<(), HandlerError> {
        self.flaky.attempt(&fill.order_id)?;
        if !holding.upto.advance(fill.sequence) {
            return Ok(());
        }
        out.emit(SNAPSHOTS, &holding.take(&fill))?;
        self.effects.handled(topic.as_str(), fill.key().as_u128());
        Ok(())
    }
}

/// The service.
pub(crate) fn service(
    transport: impl Transport,
    deduplicator: impl Deduplicator,
    settings: Settings,
    venues: &[Venue],
    portfolio: PortfolioManager,
) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("portfolio-manager", transport)
        .with_deduplicator(deduplicator)
        .with_error_handling(ErrorHandling::new().retry(Settings::retry()))
        .with_shutdown(Shutdown::within(settings.shutdown))
        .with_metrics()
        .membership(settings.session, settings.revoke)
        .reprocessing_run(settings.run)
        .with_state(portfolio)
        .add_producer()
        .add_consumer_handler(topics(venues, TopicMap::orders_filled), PORTFOLIO_GROUP, PortfolioManager::on_fill)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{PnlSnapshot, Side};
    use crate::faults::Rates;
    use crate::portfolio::tests::fill;
    use crate::topics::FILLED;

    #[tokio::test]
    async fn a_fill_that_comes_again_without_its_mark_is_in_the_holding_already() {
        let calm = Rates { transient: 0, ..Rates::default() };
        let manager = PortfolioManager::new(&Faults::new(1, calm, 9500, 8), &Arc::new(Effects::new(&Venue::ALL)));
        let topic: Topic = Venue::Paper.topic(FILLED).parse().expect("a good name");
        let (mut holding, mut out) = (Holding::default(), Outputs::of(&topic));
        for number in [1, 2, 1, 2] {
            let event = Event::example_with_id(EventId::from_u128(u128::from(number)), fill(number, Side::Buy, 10, 100));
            manager.on_fill(event, topic.clone(), &mut holding, &mut out).await.expect("nothing is planned to fail");
        }
        assert_eq!((holding.fills(), out.iter().count()), (2, 2));
    }

    #[tokio::test]
    async fn a_fill_leads_to_a_snapshot_of_what_is_held_then() {
        let calm = Rates { transient: 0, ..Rates::default() };
        let manager = PortfolioManager::new(&Faults::new(1, calm, 9500, 8), &Arc::new(Effects::new(&Venue::ALL)));
        let topic: Topic = Venue::Paper.topic(FILLED).parse().expect("a good name");
        let (mut holding, mut out) = (Holding::default(), Outputs::of(&topic));
        for number in 1..=2 {
            let event = Event::example_with_id(EventId::from_u128(u128::from(number)), fill(number, Side::Buy, 10, 100));
            manager.on_fill(event, topic.clone(), &mut holding, &mut out).await.expect("nothing is planned to fail");
        }
        assert_eq!(out[1].topic().as_str(), Venue::Paper.topic(SNAPSHOTS));
        assert_eq!((out[0].data::<PnlSnapshot>().fills, out[1].data::<PnlSnapshot>().fills), (1, 2));
    }
}
