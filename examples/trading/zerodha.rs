//! The adapter between our traders and the broker's SDK.
//!
//! Owns the session (one at a time, renewed by whoever first finds it expired) and the translation of the
//! SDK's errors. Leaves retries to the framework: what may work later is said to be unavailable, once.

use tokio::sync::Mutex;

use crate::order::{Execution, Order};
use crate::sdk::{Sdk, SdkError, Session};
use crate::trader::TradeError;

/// Renewals within one attempt. With many orders in flight a fresh session can be used up by others.
const RENEWALS: usize = 16;

/// Executes orders at the simulated broker.
#[derive(Debug)]
pub(crate) struct ZerodhaTrader {
    sdk: Sdk,
    session: Mutex<Option<Session>>,
}

impl ZerodhaTrader {
    /// An adapter that logs in with its first order.
    pub(crate) fn new(sdk: Sdk) -> Self {
        Self { sdk, session: Mutex::new(None) }
    }

    /// Executes an order under its client order id.
    pub(crate) async fn execute(&self, order: &Order) -> Result<Execution, TradeError> {
        let mut expired = None;
        for _ in 0..RENEWALS {
            let session = self.session(expired).await;
            match self.sdk.place(session, order).await {
                Ok(execution) => return Ok(execution),
                Err(SdkError::SessionExpired) => expired = Some(session),
                Err(error @ SdkError::Refused) => return Err(TradeError::Refused(error.to_string())),
                Err(error @ (SdkError::Unavailable | SdkError::ReplyLost)) => {
                    return Err(TradeError::Unavailable(error.to_string()));
                }
            }
        }
        Err(TradeError::Unavailable(SdkError::SessionExpired.to_string()))
    }

    /// The present session, or a new one if there is none or it is the one found `expired`.
    async fn session(&self, expired: Option<Session>) -> Session {
        let mut present = self.session.lock().await;
        match *present {
            Some(session) if expired != Some(session) => session,
            _ => *present.insert(self.sdk.login().await),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::effects::Effects;
    use crate::faults::{Faults, Rates, Trouble};
    use crate::order::tests::order;
    use crate::topics::Venue;

    fn trader(rates: Rates) -> (ZerodhaTrader, Arc<Effects>, Faults) {
        let faults = Faults::new(1, rates, 9500, 8);
        let effects = Arc::new(Effects::new(&Venue::ALL));
        (ZerodhaTrader::new(Sdk::new(&faults, &effects)), effects, faults)
    }

    fn executions(effects: &Effects) -> Vec<u32> {
        effects.executions(Venue::Zerodha).expect("zerodha is active").counts().into_values().collect()
    }

    const CALM: Rates = Rates { duplicates: 0, transient: 0, refusals: 0, outage: 0, poison: 0, session_orders: 10 };

    #[tokio::test]
    async fn an_expired_session_is_renewed_without_failing_the_order() {
        let (trader, effects, _) = trader(CALM);
        for number in 0..95 {
            trader.execute(&order(Venue::Zerodha, number)).await.expect("a calm broker executes");
        }
        assert_eq!(trader.sdk.sessions(), 10);
        assert_eq!(executions(&effects), vec![1; 95]);
    }

    #[tokio::test]
    async fn many_orders_at_once_share_sessions() {
        let (trader, effects, _) = trader(Rates { session_orders: 3, ..CALM });
        let trader = Arc::new(trader);
        let mut tasks = tokio::task::JoinSet::new();
        for number in 0..60 {
            let trader = trader.clone();
            tasks.spawn(async move { trader.execute(&order(Venue::Zerodha, number)).await });
        }
        let mut executed = 0;
        while let Some(result) = tasks.join_next().await {
            // A crowd may use up session after session; whoever waits too long is told to try again.
            executed += usize::from(result.expect("no task panics").is_ok());
        }
        assert_eq!(executions(&effects).len(), executed);
        assert!(trader.sdk.sessions() < 60, "{} sessions", trader.sdk.sessions());
    }

    #[tokio::test]
    async fn one_client_order_id_is_executed_once_and_answered_alike() {
        let (trader, effects, _) = trader(CALM);
        let first = trader.execute(&order(Venue::Zerodha, 1)).await;
        assert_eq!(trader.execute(&order(Venue::Zerodha, 1)).await, first);
        assert_eq!(executions(&effects), [1]);
    }

    #[tokio::test]
    async fn a_lost_reply_does_not_execute_an_order_twice() {
        let (trader, effects, faults) = trader(Rates { transient: 1000, ..CALM });
        let mut lost = 0;
        for number in 0..100 {
            let order = order(Venue::Zerodha, number);
            let Some(Trouble::ReplyLost(calls)) = faults.trouble(&order.id, number) else { continue };
            for _ in 0..calls {
                assert!(matches!(trader.execute(&order).await, Err(TradeError::Unavailable(_))));
            }
            assert_eq!(trader.execute(&order).await, Ok(order.terms(Venue::Zerodha)));
            lost += 1;
        }
        assert!(lost > 20, "{lost}");
        assert_eq!(executions(&effects), vec![1; lost]);
    }

    #[tokio::test]
    async fn an_expiring_session_does_not_prolong_a_planned_failure() {
        let (trader, _, faults) = trader(Rates { transient: 1000, session_orders: 1, ..CALM });
        for number in 0..100 {
            let order = order(Venue::Zerodha, number);
            let Some(Trouble::ReplyLost(calls) | Trouble::Unavailable(calls)) = faults.trouble(&order.id, number) else {
                continue;
            };
            for _ in 0..calls {
                trader.execute(&order).await.expect_err("planned to fail");
            }
            trader.execute(&order).await.expect("planned to succeed now");
        }
    }

    #[tokio::test]
    async fn an_outage_ends_and_a_refusal_does_not() {
        let (trader, effects, _) = trader(Rates { outage: 9500, ..CALM });
        let late = order(Venue::Zerodha, 5000);
        let answers = [trader.execute(&late).await, trader.execute(&late).await, trader.execute(&late).await];
        assert!(answers.iter().all(|answer| matches!(answer, Err(TradeError::Unavailable(_)))), "{answers:?}");
        assert_eq!(executions(&effects), Vec::<u32>::new());
        assert!(trader.execute(&late).await.is_ok());
        let (strict, effects, _) = self::trader(Rates { refusals: 1000, ..CALM });
        for _ in 0..3 {
            assert!(matches!(strict.execute(&late).await, Err(TradeError::Refused(_))));
        }
        assert_eq!(executions(&effects), Vec::<u32>::new());
    }
}
