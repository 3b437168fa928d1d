//! The trading engine: validated signals in; orders submitted, acknowledged and filled out.
//!
//! Owns the path from a signal to a fill. Leaves venues to their traders. It has no state per key: the same
//! signal is the same client order id, and a venue executes that once.

use std::sync::Arc;
use std::time::Duration;

use millstream::contract::Deduplicator;
use millstream::engine::Breaker;
use millstream::prelude::*;

use crate::effects::Effects;
use crate::events::Signal;
use crate::faults::Faults;
use crate::order::Order;
use crate::settings::Settings;
use crate::topics::{ACK, ENGINE_GROUP, FILLED, SUBMITTED, Venue, topics};
use crate::trader::{TradeError, TraderFactory};

/// The service's state.
pub(crate) struct TradingEngine {
    traders: TraderFactory,
    effects: Arc<Effects>,
}

impl TradingEngine {
    /// An engine with a trader for each of these venues.
    pub(crate) fn new(venues: &[Venue], faults: &Faults, effects: &Arc<Effects>) -> Self {
        Self { traders: TraderFactory::new(venues, faults, effects), effects: effects.clone() }
    }

    /// Executes a signal at the venue of its namespace: paper in, paper out.
    pub(crate) async fn on_signal(
        &self,
        signal: Event<Signal>,
        topic: Topic,
        broker: Namespace,
        out: &mut Outputs,
    ) -> Result<(), HandlerError> {
        let trader = self.traders.trader(broker.as_str()).or_permanent("no trader for this namespace")?;
        let order = Order::of(broker.as_str(), &signal);
        let execution = match trader.execute(&order).await {
            Err(error @ TradeError::Refused(_)) => Err(error).or_permanent("the order is dead")?,
            answer => answer?,
        };
        out.emit(SUBMITTED, &order.submitted())?;
        out.emit(ACK, &order.ack(&execution))?;
        out.emit(FILLED, &order.filled(&execution))?;
        self.effects.handled(topic.as_str(), signal.key().as_u128());
        Ok(())
    }
}

/// The service.
///
/// A venue that is down fails every order, and none of these failures is the order's fault: the breaker opens, and no
/// order becomes a dead letter because it was tried too often meanwhile.
pub(crate) fn service(
    transport: impl Transport,
    deduplicator: impl Deduplicator,
    settings: Settings,
    venues: &[Venue],
    engine: TradingEngine,
) -> Result<StreamService, Error> {
    let breaker = Breaker::after(20).within(Duration::from_secs(10)).probe_every(Duration::from_millis(20));
    StreamServiceBuilder::new("trading-engine", transport)
        .with_deduplicator(deduplicator)
        .with_error_handling(ErrorHandling::new().retry(Settings::retry()).breaker(breaker))
        .with_shutdown(Shutdown::within(settings.shutdown))
        .with_metrics()
        .membership(settings.session, settings.revoke)
        .reprocessing_run(settings.run)
        .with_state(engine)
        .add_producer()
        .add_consumer_handler(topics(venues, TopicMap::signals_validated), ENGINE_GROUP, TradingEngine::on_signal)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Side;
    use crate::faults::Rates;
    use millstream::engine::Failure;

    use crate::strategies::tests::tick;

    fn engine(rates: Rates) -> TradingEngine {
        TradingEngine::new(&Venue::ALL, &Faults::new(1, rates, 9500, 8), &Arc::new(Effects::new(&Venue::ALL)))
    }

    async fn execute(engine: &TradingEngine, namespace: Namespace) -> Result<Vec<String>, HandlerError> {
        let signal = Signal::at("s", &tick(1, 100), Side::Buy, rust_decimal::Decimal::ONE);
        let topic: Topic = format!("{}.signals.validated", namespace.as_str()).parse().expect("a good name");
        let mut out = Outputs::of(&topic);
        engine.on_signal(Event::example_with_id(EventId::from_u128(1), signal), topic, namespace, &mut out).await?;
        Ok(out.iter().map(|output| output.topic().as_str().to_owned()).collect())
    }

    const CALM: Rates = Rates { duplicates: 0, transient: 0, refusals: 0, outage: 0, poison: 0, session_orders: 50 };

    #[tokio::test]
    async fn a_signal_becomes_three_events_of_its_namespace() {
        for venue in Venue::ALL {
            let sent = execute(&engine(CALM), venue.namespace()).await.expect("a calm venue executes");
            let wanted = ["submitted", "ack", "filled"].map(|event| format!("{venue}.orders.{event}"));
            assert_eq!(sent, wanted);
        }
    }

    #[tokio::test]
    async fn a_namespace_without_a_trader_is_a_permanent_failure() {
        let error = execute(&engine(CALM), Namespace::literal("kite")).await.expect_err("there is no such venue");
        assert_eq!(error.failure(), Failure::Permanent, "{error:?}");
    }

    #[tokio::test]
    async fn a_refused_order_leaves_no_events() {
        let engine = engine(Rates { refusals: 1000, ..CALM });
        assert!(execute(&engine, Venue::Zerodha.namespace()).await.is_err());
        assert!(execute(&engine, Venue::Paper.namespace()).await.is_ok(), "paper refuses nothing");
    }
}
