//! I5: a record is tried as often as its failure deserves, and not once more; one that kills its process is parked.
//! F24, F25, F27, F28, F33, F81, F110; B10, B13, B19, B27, B48.

use super::support::*;
use super::world::*;
use millstream::contract::DeadLetterReason;
use millstream::engine::Breaker;
use millstream::memory::Memory;
use millstream::prelude::*;
use millstream_testkit::FlakySink;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;

/// What a handler does with each number.
struct Ways {
    history: Arc<History>,
    died: Notify,
}

impl Ways {
    fn new(memory: &Memory) -> Arc<Self> {
        Arc::new(Ways { history: History::watch(memory, false), died: Notify::new() })
    }

    async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
        let call = self.history.called(order.number);
        match order.account.as_str() {
            "transient" => return Err(HandlerError::transient("not today")),
            "permanent" => return Err(HandlerError::permanent("never")),
            "panics" => panic!("as planned"),
            "hangs" => std::future::pending::<()>().await,
            "twice" if call < 3 => return Err(HandlerError::transient("not yet")),
            "kills" => {
                self.died.notify_one();
                std::future::pending::<()>().await;
            }
            "fails-once" if call == 1 => return Err(HandlerError::transient("not yet")),
            _ => {}
        }
        self.history.effect(order.number);
        Ok(())
    }
}

async fn ends(accounts: &[&str]) -> (Arc<Ways>, FlakySink, millstream::service::Counts) {
    let (memory, sink) = (log(1), FlakySink::new());
    let ways = Ways::new(&memory);
    let service = builder(memory.clone(), 7)
        .with_error_handling(into_sink(&sink))
        .with_shared_state(ways.clone())
        .add_consumer_handler_with(NEW, GROUP, Ways::on_order, HandlerSettings::new().timeout(ms(50)))
        .build()
        .expect("a valid service");
    send_orders(&memory, NEW, accounts.iter().enumerate().map(|(n, account)| order(account, n as u64))).await;
    send(&memory, vec![Record::new(topic(NEW), "poison", "[1, 2]"), Record::new(topic(NEW), "poison", r#"{"id":3}"#)]).await;
    let running = Running::start(service).await;
    running.settled(accounts.len() as u64 + 2).await;
    let account = running.handle.account().total();
    running.stop().await.expect("a clean end");
    (ways, sink, account)
}

#[tokio::test(start_paused = true)]
async fn each_failure_gets_exactly_its_attempts() {
    let (ways, sink, account) = ends(&["transient", "permanent", "panics", "hangs", "twice", "fine"]).await;
    let calls: Vec<u64> = (0..6).map(|number| ways.history.calls(number)).collect();
    assert_eq!(calls, [4, 1, 1, 4, 3, 1]);
    let letters: Vec<_> =
        sink.letters().into_iter().map(|letter| (letter.position.offset, letter.reason, letter.attempts)).collect();
    let letter = |offset| letters.iter().find(|letter| letter.0 == offset).map(|letter| (letter.1, letter.2));
    assert_eq!(letter(0), Some((DeadLetterReason::Exhausted, 4)));
    assert_eq!(letter(1), Some((DeadLetterReason::Permanent, 1)));
    assert_eq!(letter(2), Some((DeadLetterReason::Panic, 1)));
    assert_eq!(letter(3), Some((DeadLetterReason::Exhausted, 4)));
    assert_eq!(letter(6), Some((DeadLetterReason::Poison, 0)));
    assert_eq!(letter(7), Some((DeadLetterReason::Poison, 0)));
    assert_eq!(letters.len(), 6);
    assert_eq!((account.timeouts, account.done, account.dead_lettered), (4, 2, 6));
}

/// F27: a total deadline ends the attempts before their number is used up.
#[tokio::test(start_paused = true)]
async fn a_deadline_ends_attempts_early() {
    let (memory, sink) = (log(1), FlakySink::new());
    let ways = Ways::new(&memory);
    let retry = Retry::exponential(ms(100), ms(100)).attempts(1000).within(Duration::from_secs(2));
    let service = builder(memory.clone(), 7)
        .with_error_handling(into_sink(&sink).retry(retry))
        .with_shared_state(ways.clone())
        .add_consumer_handler(NEW, GROUP, Ways::on_order)
        .build()
        .expect("a valid service");
    send_orders(&memory, NEW, [order("transient", 0)]).await;
    let (running, began) = (Running::start(service).await, tokio::time::Instant::now());
    running.settled(1).await;
    assert!(began.elapsed() < Duration::from_secs(3));
    assert!((10..1000).contains(&ways.history.calls(0)), "{} calls", ways.history.calls(0));
    assert_eq!(sink.letters()[0].reason, DeadLetterReason::Exhausted);
    running.stop().await.expect("a clean end");
}

/// F110, B48: attempts and deadline stand still while the breaker is open, so an outage makes no dead letters.
#[tokio::test(start_paused = true)]
async fn an_outage_opens_the_breaker_and_makes_no_dead_letters() {
    struct Outage(Arc<History>, tokio::time::Instant);
    impl Outage {
        async fn on_order(&self, order: Event<Order>) -> Result<(), HandlerError> {
            self.0.called(order.number);
            if self.1.elapsed() < Duration::from_secs(600) {
                return Err(HandlerError::transient("the exchange is away"));
            }
            self.0.effect(order.number);
            Ok(())
        }
    }
    let (memory, sink) = (log(1), FlakySink::new());
    let history = History::watch(&memory, false);
    // Thirty probes fail, and none of them counts as an attempt.
    let retry = Retry::exponential(ms(100), ms(500)).attempts(3).within(Duration::from_secs(30));
    let service = builder(memory.clone(), 7)
        .with_error_handling(
            into_sink(&sink).retry(retry).breaker(Breaker::after(5).within(ms(2_000)).probe_every(Duration::from_secs(20))),
        )
        .with_state(Outage(history.clone(), tokio::time::Instant::now()))
        .add_consumer_handler(NEW, GROUP, Outage::on_order)
        .build()
        .expect("a valid service");
    send_orders(&memory, NEW, (0..20).map(|n| order(&format!("account-{n}"), n))).await;
    let running = Running::start(service).await;
    tokio::time::sleep(Duration::from_secs(300)).await;
    assert!(running.handle.health().is_degraded(), "an open breaker is said aloud");
    history.caught_up().await;
    assert_eq!(sink.letters().len(), 0);
    assert!(running.handle.health().is_ready());
    assert!((0..20).map(|n| history.calls(n)).sum::<u64>() < 200, "probes are few");
    running.stop().await.expect("a clean end");
}

async fn dies_until_parked(others: &[&str]) -> Arc<Ways> {
    let (memory, sink) = (log(1), FlakySink::new());
    let ways = Ways::new(&memory);
    let accounts = others.iter().copied().chain(["kills", "behind", "behind"]);
    send_orders(&memory, NEW, accounts.enumerate().map(|(n, account)| order(account, n as u64))).await;
    let records = others.len() as u64 + 3;
    for life in 0..20 {
        let service = builder(memory.clone(), life)
            .with_error_handling(into_sink(&sink))
            .with_deduplicator(store())
            .with_shared_state(ways.clone())
            .add_consumer_handler(NEW, GROUP, Ways::on_order)
            .build()
            .expect("a valid service");
        let running = Running::spawn(service);
        let died = tokio::select! {
            biased;
            () = ways.died.notified() => true,
            () = ways.history.caught_up() => false,
        };
        if !died {
            running.stop().await.expect("a clean end");
            let letters = sink.letters();
            assert_eq!(letters.len(), 1, "only the killer is parked");
            assert_eq!((letters[0].reason, letters[0].position.offset), (DeadLetterReason::Crash, others.len() as u64));
            assert!((0..records).all(|n| n == others.len() as u64 || ways.history.effects(n) > 0));
            return ways;
        }
        running.crash().await;
    }
    panic!("the process dies for ever");
}

/// F81: three crashes with a record as their suspect park it, with reason `crash`; the first has no suspect yet.
#[tokio::test(start_paused = true)]
async fn a_record_that_kills_its_process_is_parked() {
    let ways = dies_until_parked(&["fine", "fine", "other"]).await;
    assert!((3..=4).contains(&ways.history.calls(3)), "{} calls", ways.history.calls(3));
}

/// F81 with I8: while records run one at a time, one that waits for its retry does not stop those behind it for ever.
#[tokio::test(start_paused = true)]
async fn care_after_a_crash_gets_past_a_record_that_fails_and_its_followers() {
    dies_until_parked(&["twice", "twice", "twice", "fine"]).await;
}
