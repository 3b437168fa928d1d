//! The risk manager: raw signals in; each goes out once, validated or rejected.
//!
//! Owns the fold: what a signal makes of the exposures. The framework keeps them per namespace and instrument, as it does
//! holdings. Leaves the rules to `risk` and orders to the trading engine.

use std::sync::Arc;

use millstream::contract::Deduplicator;
use millstream::prelude::*;

use crate::effects::Effects;
use crate::events::Signal;
use crate::faults::{Faults, Flaky};
use crate::risk::{Exposures, Limits, judge};
use crate::settings::Settings;
use crate::topics::{REJECTED, RISK_GROUP, VALIDATED, Venue, topics};

/// The service's state.
pub(crate) struct RiskManager {
    limits: Limits,
    flaky: Flaky,
    effects: Arc<Effects>,
}

impl RiskManager {
    /// A manager with the default limits.
    pub(crate) fn new(faults: &Faults, effects: &Arc<Effects>) -> Self {
        Self { limits: Limits::default(), flaky: Flaky::new("risk-manager", faults), effects: effects.clone() }
    }

    /// Judges a signal by what this namespace was allowed before.
    pub(crate) async fn on_signal(
        &self,
        signal: Event<Signal>,
        topic: Topic,
        broker: Namespace,
        exposures: &mut Exposures,
        out: &mut Outputs,
    ) -> Result<(), HandlerError> {
        self.flaky.attempt(&format!("{}/{}", broker.as_str(), signal.signal_id))?;
        if !exposures.upto.advance(signal.sequence) {
            return Ok(());
        }
        match judge(&self.limits, exposures, &signal) {
            Ok(validated) => out.emit(VALIDATED, &validated)?,
            Err(rejection) => out.emit(REJECTED, &rejection)?,
        };
        self.effects.handled(topic.as_str(), signal.key().as_u128());
        Ok(())
    }
}

/// The service.
pub(crate) fn service(
    transport: impl Transport,
    deduplicator: impl Deduplicator,
    settings: Settings,
    venues: &[Venue],
    risk: RiskManager,
) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("risk-manager", transport)
        .with_deduplicator(deduplicator)
        .with_error_handling(ErrorHandling::new().retry(Settings::retry()))
        .with_shutdown(Shutdown::within(settings.shutdown))
        .with_metrics()
        .membership(settings.session, settings.revoke)
        .reprocessing_run(settings.run)
        .with_state(risk)
        .add_producer()
        .add_consumer_handler(topics(venues, TopicMap::signals_raw), RISK_GROUP, RiskManager::on_signal)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Side;
    use crate::faults::Rates;
    use crate::strategies::tests::tick;
    use crate::topics::RAW;

    async fn sent(manager: &RiskManager, exposures: &mut Exposures, venue: Venue, seconds: u64) -> Vec<String> {
        let signal = Signal::at("s", &tick(seconds, 100), Side::Buy, rust_decimal::Decimal::ONE);
        let topic: Topic = venue.topic(RAW).parse().expect("a good name");
        let mut out = Outputs::of(&topic);
        let event = Event::example_with_id(EventId::from_u128(1), signal);
        manager.on_signal(event, topic, venue.namespace(), exposures, &mut out).await.expect("nothing is planned to fail");
        out.iter().map(|output| output.topic().as_str().to_owned()).collect()
    }

    fn manager() -> RiskManager {
        let calm = Rates { transient: 0, ..Rates::default() };
        RiskManager::new(&Faults::new(1, calm, 9500, 8), &Arc::new(Effects::new(&Venue::ALL)))
    }

    #[tokio::test]
    async fn a_signal_that_comes_again_without_its_mark_is_not_judged_again() {
        let (manager, mut exposures) = (manager(), Exposures::default());
        assert_eq!(sent(&manager, &mut exposures, Venue::Paper, 1).await, ["paper.signals.validated"]);
        assert!(sent(&manager, &mut exposures, Venue::Paper, 1).await.is_empty());
    }

    #[tokio::test]
    async fn a_signal_is_validated_or_rejected_in_its_own_namespace() {
        let manager = manager();
        let (mut paper, mut zerodha) = (Exposures::default(), Exposures::default());
        assert_eq!(sent(&manager, &mut paper, Venue::Paper, 1).await, ["paper.signals.validated"]);
        assert_eq!(sent(&manager, &mut paper, Venue::Paper, 2).await, ["paper.signals.rejected"]);
        assert_eq!(sent(&manager, &mut zerodha, Venue::Zerodha, 2).await, ["zerodha.signals.validated"]);
    }
}
