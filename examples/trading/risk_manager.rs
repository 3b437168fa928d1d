//! The risk manager: raw signals in; each goes out once, validated or rejected.
//!
//! Owns one set of exposures per namespace and instrument. Leaves the rules to `risk` and orders to the
//! trading engine.

use std::sync::Arc;
use std::time::Duration;

use millstream::moka;
use millstream::prelude::*;

use crate::effects::Effects;
use crate::events::{Rejection, Signal};
use crate::faults::{Faults, Flaky};
use crate::keyed::{Keyed, Sequenced};
use crate::risk::{Exposures, Limits, judge};
use crate::topics::{REJECTED, RISK_GROUP, VALIDATED, Venue, topics};

/// The service's state.
pub(crate) struct RiskManager {
    limits: Limits,
    exposures: Keyed<Sequenced<Exposures, Result<Signal, Rejection>>>,
    flaky: Flaky,
    effects: Arc<Effects>,
}

impl RiskManager {
    /// A manager with the default limits.
    pub(crate) fn new(faults: &Faults, effects: &Arc<Effects>) -> Self {
        Self {
            limits: Limits::default(),
            exposures: Keyed::default(),
            flaky: Flaky::new("risk-manager", faults),
            effects: effects.clone(),
        }
    }

    /// Judges a signal by what this namespace was allowed before.
    pub(crate) async fn on_signal(
        &self,
        signal: Event<Signal>,
        topic: Topic,
        broker: Namespace,
        out: &mut Outputs,
    ) -> Result<(), HandlerError> {
        self.flaky.attempt(&format!("{}/{}", broker.as_str(), signal.signal_id))?;
        let key = format!("{}/{}", broker.as_str(), signal.instrument);
        let verdict = |exposures: &mut Exposures| judge(&self.limits, exposures, &signal);
        match self.exposures.with(&key, |exposures| exposures.apply(signal.sequence, verdict)) {
            Some(Ok(validated)) => {
                out.emit(VALIDATED, &validated)?;
            }
            Some(Err(rejection)) => {
                out.emit(REJECTED, &rejection)?;
            }
            None => {}
        }
        self.effects.handled(topic.as_str(), signal.key().as_u128());
        Ok(())
    }
}

/// The service.
pub(crate) fn service(transport: impl Transport, venues: &[Venue], risk: RiskManager) -> Result<StreamService, Error> {
    let retry = Retry::exponential(Duration::from_millis(1), Duration::from_millis(20)).attempts(5);
    StreamServiceBuilder::new("risk-manager", transport)
        .with_deduplicator(WindowDeduplicator::new(moka::Limits::new().with_ids(65_536)))
        .with_error_handling(ErrorHandling::new().retry(retry))
        .with_metrics()
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

    async fn sent(manager: &RiskManager, venue: Venue, seconds: u64) -> Vec<String> {
        let signal = Signal::at("s", &tick(seconds, 100), Side::Buy, rust_decimal::Decimal::ONE);
        let topic: Topic = venue.topic(RAW).parse().expect("a good name");
        let mut out = Outputs::of(&topic);
        let event = Event::example_with_id(EventId::from_u128(1), signal);
        manager.on_signal(event, topic, venue.namespace(), &mut out).await.expect("nothing is planned to fail");
        out.iter().map(|output| output.topic().as_str().to_owned()).collect()
    }

    fn manager() -> RiskManager {
        let calm = Rates { transient: 0, ..Rates::default() };
        RiskManager::new(&Faults::new(1, calm, 9500, 8), &Arc::new(Effects::new(&Venue::ALL)))
    }

    #[tokio::test]
    async fn a_signal_is_validated_or_rejected_in_its_own_namespace() {
        let manager = manager();
        assert_eq!(sent(&manager, Venue::Paper, 1).await, ["paper.signals.validated"]);
        assert_eq!(sent(&manager, Venue::Paper, 2).await, ["paper.signals.rejected"]);
        assert_eq!(sent(&manager, Venue::Zerodha, 2).await, ["zerodha.signals.validated"]);
    }

    #[tokio::test]
    async fn a_signal_delivered_again_is_judged_as_before() {
        let manager = manager();
        assert_eq!(sent(&manager, Venue::Paper, 1).await, ["paper.signals.validated"]);
        assert_eq!(sent(&manager, Venue::Paper, 1).await, ["paper.signals.validated"]);
    }
}
