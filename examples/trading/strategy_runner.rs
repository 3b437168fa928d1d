//! The strategy runner: ticks in, raw signals out, into every active namespace.
//!
//! Owns the fan-out. The framework keeps a desk per instrument, as it does holdings. Leaves the strategies to `strategies`
//! and what may be traded to the risk manager. Strategies run once per tick; namespaces get the same signals.

use std::sync::Arc;

use millstream::contract::Deduplicator;
use millstream::prelude::*;

use crate::desk::Desk;
use crate::effects::Effects;
use crate::events::Tick;
use crate::faults::{Faults, Flaky};
use crate::oracle::tick_name;
use crate::settings::Settings;
use crate::strategies::{Strategy, book};
use crate::topics::{RAW, RUNNER_GROUP, TICKS, Venue};

/// The service's state.
pub(crate) struct StrategyRunner {
    book: Vec<Strategy>,
    namespaces: Vec<Namespace>,
    flaky: Flaky,
    effects: Arc<Effects>,
}

impl StrategyRunner {
    /// A runner for these venues.
    pub(crate) fn new(venues: &[Venue], faults: &Faults, effects: &Arc<Effects>) -> Self {
        Self {
            book: book(),
            namespaces: venues.iter().map(|venue| venue.namespace()).collect(),
            flaky: Flaky::new("strategy-runner", faults),
            effects: effects.clone(),
        }
    }

    /// Asks every strategy about a tick. A tick's signals are named after their strategies: they are equal in
    /// topic, type and key, and their number varies. What the desk has seen already led to all its signals.
    pub(crate) async fn on_tick(&self, tick: Event<Tick>, desk: &mut Desk, out: &mut Outputs) -> Result<(), HandlerError> {
        self.flaky.attempt(&tick_name(&tick))?;
        if !desk.upto.advance(tick.sequence) {
            return Ok(());
        }
        let signals = desk.take(&self.book, &tick);
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
/// Duplicates come within a few hundred ticks of each other: the deduplicator is to remember more than that, and need not
/// remember the day.
pub(crate) fn service(
    transport: impl Transport,
    deduplicator: impl Deduplicator,
    settings: Settings,
    runner: StrategyRunner,
) -> Result<StreamService, Error> {
    StreamServiceBuilder::new("strategy-runner", transport)
        .with_deduplicator(deduplicator)
        .with_error_handling(ErrorHandling::new().retry(Settings::retry()))
        .with_shutdown(Shutdown::within(settings.shutdown))
        .with_metrics()
        .membership(settings.session, settings.revoke)
        .reprocessing_run(settings.run)
        .with_state(runner)
        .add_producer()
        .add_consumer_handler(TICKS, RUNNER_GROUP, StrategyRunner::on_tick)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Signal;
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
        let (mut desk, mut last) = (Desk::default(), Vec::new());
        for sequence in 1..=40 {
            let mut out = Outputs::of(&TICKS);
            let event = event(tick(sequence, 112_000 + i64::try_from(sequence).expect("small") * 3));
            runner.on_tick(event, &mut desk, &mut out).await.expect("nothing is planned to fail");
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
    async fn a_tick_that_comes_again_without_its_mark_changes_nothing() {
        let runner = runner(CALM);
        let (mut desk, tick) = (Desk::default(), tick(1, 100));
        for _ in 0..2 {
            let mut out = Outputs::of(&TICKS);
            runner.on_tick(event(tick.clone()), &mut desk, &mut out).await.expect("nothing is planned to fail");
        }
        let mut once = Desk::default();
        once.upto.advance(1);
        once.take(&book(), &tick);
        assert_eq!((desk, runner.effects.ticks()), (once, 1));
    }

    #[tokio::test]
    async fn a_failed_attempt_leaves_no_trace() {
        let flaky = runner(Rates { transient: 1000, ..CALM });
        let (mut desk, mut out) = (Desk::default(), Outputs::of(&TICKS));
        assert!(flaky.on_tick(event(tick(1, 100)), &mut desk, &mut out).await.is_err());
        assert_eq!((desk, out.iter().count()), (Desk::default(), 0));
        assert_eq!(flaky.effects.ticks(), 0);
    }

    #[test]
    fn a_desk_that_was_read_back_is_the_desk_that_was_written() {
        let (mut desk, book) = (Desk::default(), book());
        for sequence in 1..=70 {
            desk.take(&book, &tick(sequence, 112_000 + i64::try_from(sequence % 13).expect("small")));
            let json = serde_json::to_string(&desk).expect("a desk serialises");
            assert_eq!(serde_json::from_str::<Desk>(&json).expect("and back"), desk);
        }
    }
}
