//! The strategy runner: ticks in, raw signals out, into every active namespace.
//!
//! Owns one desk per instrument and the fan-out. Leaves the strategies to `strategies` and what may be traded
//! to the risk manager. Strategies run once per tick; namespaces get the same signals.

use std::sync::Arc;
use std::time::Duration;

use millstream::moka::Limits;
use millstream::prelude::*;

use crate::desk::Desk;
use crate::effects::Effects;
use crate::events::{Signal, Tick};
use crate::faults::{Faults, Flaky};
use crate::keyed::{Keyed, Sequenced};
use crate::oracle::tick_name;
use crate::strategies::{Strategy, book};
use crate::topics::{RAW, RUNNER_GROUP, TICKS, Venue};

/// The service's state.
pub(crate) struct StrategyRunner {
    book: Vec<Strategy>,
    desks: Keyed<Sequenced<Desk, Vec<Signal>>>,
    namespaces: Vec<Namespace>,
    flaky: Flaky,
    effects: Arc<Effects>,
}

impl StrategyRunner {
    /// A runner for these venues.
    pub(crate) fn new(venues: &[Venue], faults: &Faults, effects: &Arc<Effects>) -> Self {
        Self {
            book: book(),
            desks: Keyed::default(),
            namespaces: venues.iter().map(|venue| venue.namespace()).collect(),
            flaky: Flaky::new("strategy-runner", faults),
            effects: effects.clone(),
        }
    }

    /// Asks every strategy about a tick. A tick's signals are named after their strategies: they are equal in
    /// topic, type and key, and their number varies.
    pub(crate) async fn on_tick(&self, tick: Event<Tick>, out: &mut Outputs) -> Result<(), HandlerError> {
        self.flaky.attempt(&tick_name(&tick))?;
        let take = |desk: &mut Desk| desk.take(&self.book, &tick);
        let signals = self.desks.with(&tick.instrument, |desk| desk.apply(tick.sequence, take)).unwrap_or_default();
        for signal in &signals {
            for namespace in &self.namespaces {
                out.emit_named(RAW.of(namespace.clone()), &signal.strategy, signal)?;
            }
        }
        signals.iter().for_each(|_| self.effects.spoken(tick.key().as_u128()));
        self.effects.handled(TICKS.as_str(), tick.key().as_u128());
        Ok(())
    }
}

/// The service.
///
/// A planned failure passes at once, so retries come quickly. Duplicates come within a few hundred ticks of each other:
/// the deduplicator is to remember more than that, and need not remember the day.
pub(crate) fn service(transport: impl Transport, runner: StrategyRunner) -> Result<StreamService, Error> {
    let retry = Retry::exponential(Duration::from_millis(1), Duration::from_millis(20)).attempts(5);
    StreamServiceBuilder::new("strategy-runner", transport)
        .with_deduplicator(WindowDeduplicator::new(Limits::new().with_ids(65_536)))
        .with_error_handling(ErrorHandling::new().retry(retry))
        .with_metrics()
        .with_state(runner)
        .add_producer()
        .add_consumer_handler(TICKS, RUNNER_GROUP, StrategyRunner::on_tick)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::faults::Rates;
    use crate::strategies::tests::tick;

    fn runner(rates: Rates) -> StrategyRunner {
        let effects = Arc::new(Effects::new(&Venue::ALL));
        StrategyRunner::new(&Venue::ALL, &Faults::new(1, rates, 9500, 8), &effects)
    }

    const CALM: Rates = Rates { duplicates: 0, transient: 0, refusals: 0, outage: 0, poison: 0, session_orders: 50 };

    fn event(tick: Tick) -> Event<Tick> {
        Event::example_with_id(EventId::from_u128(u128::from(tick.sequence)), tick)
    }

    fn texts(out: &Outputs) -> Vec<String> {
        out.iter().map(|output| format!("{} {:?}", output.topic().as_str(), output.data::<Signal>())).collect()
    }

    /// Sends a rise that momentum follows and returns what the last tick led to.
    async fn rise(runner: &StrategyRunner) -> Vec<String> {
        let mut last = Vec::new();
        for sequence in 1..=40 {
            let mut out = Outputs::of(&TICKS);
            let event = event(tick(sequence, 112_000 + i64::try_from(sequence).expect("small") * 3));
            runner.on_tick(event, &mut out).await.expect("nothing is planned to fail");
            last = texts(&out);
        }
        last
    }

    #[tokio::test]
    async fn a_signal_goes_into_every_namespace() {
        let outputs = rise(&runner(CALM)).await;
        for venue in Venue::ALL {
            let topic = format!("{venue}.signals.raw ");
            assert!(outputs.iter().any(|output| output.starts_with(&topic)), "{outputs:?}");
        }
    }

    #[tokio::test]
    async fn a_tick_delivered_again_gives_the_same_outputs_and_changes_nothing() {
        let runner = runner(CALM);
        let first = rise(&runner).await;
        let mut out = Outputs::of(&TICKS);
        runner.on_tick(event(tick(40, 112_120)), &mut out).await.expect("nothing is planned to fail");
        let again = texts(&out);
        assert_eq!(again, first);
    }

    #[tokio::test]
    async fn a_failed_attempt_leaves_no_trace() {
        let flaky = runner(Rates { transient: 1000, ..CALM });
        let mut out = Outputs::of(&TICKS);
        assert!(flaky.on_tick(event(tick(1, 100)), &mut out).await.is_err());
        assert!(flaky.desks.with("EURUSD.0", |desk| desk.apply(1, |_| vec![])).is_some_and(|signals| signals.is_empty()));
        assert_eq!(flaky.effects.ticks(), 0);
    }
}
