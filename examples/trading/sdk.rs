//! A simulated broker's SDK: asynchronous, with sessions that expire and a network that fails.
//!
//! Owns sessions, planned failures and the one promise a real broker makes too: a client order id is executed
//! once, however often it is placed. Leaves renewing sessions and translating errors to the adapter.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use crate::effects::Effects;
use crate::faults::{Faults, Trouble};
use crate::order::{Execution, Order};
use crate::topics::Venue;

/// A login; it lives for a number of orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Session(u64);

/// What the SDK says went wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SdkError {
    /// Log in again.
    SessionExpired,
    /// No server answered; the order was not executed.
    Unavailable,
    /// The connection broke before the answer; the order may have been executed.
    ReplyLost,
    /// The broker does not want this order.
    Refused,
}

impl fmt::Display for SdkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SessionExpired => "the session has expired",
            Self::Unavailable => "no server answered",
            Self::ReplyLost => "the connection broke before the answer",
            Self::Refused => "margin exceeded",
        })
    }
}

#[derive(Debug, Default)]
struct State {
    session: u64,
    orders_left: u64,
    /// Failed calls so far, of orders that are still to fail.
    failed: HashMap<String, u8>,
}

/// The SDK.
#[derive(Debug)]
pub(crate) struct Sdk {
    faults: Faults,
    effects: Arc<Effects>,
    state: Mutex<State>,
}

impl Sdk {
    /// A broker with these faults, which notes its executions in `effects`.
    pub(crate) fn new(faults: &Faults, effects: &Arc<Effects>) -> Self {
        Self { faults: faults.clone(), effects: effects.clone(), state: Mutex::default() }
    }

    /// Opens a session; an earlier one ends.
    pub(crate) async fn login(&self) -> Session {
        tokio::task::yield_now().await;
        let mut state = self.state();
        state.session += 1;
        state.orders_left = self.faults.rates.session_orders.max(1);
        Session(state.session)
    }

    /// Places an order.
    pub(crate) async fn place(&self, session: Session, order: &Order) -> Result<Execution, SdkError> {
        tokio::task::yield_now().await;
        // The session is looked at first: a call that finds it expired does not count as one of those planned to fail.
        self.admit(session)?;
        let trouble = self.faults.trouble(&order.id, order.signal.tick);
        if let Some(Trouble::Unavailable(calls)) = trouble {
            self.fail(order, calls, SdkError::Unavailable)?;
        }
        if trouble == Some(Trouble::Refused) {
            return Err(SdkError::Refused);
        }
        self.effects.executed(Venue::Zerodha, &order.id, true);
        if let Some(Trouble::ReplyLost(calls)) = trouble {
            self.fail(order, calls, SdkError::ReplyLost)?;
        }
        Ok(order.terms(Venue::Zerodha))
    }

    /// Number of sessions opened so far.
    #[cfg(test)]
    pub(crate) fn sessions(&self) -> u64 {
        self.state().session
    }

    fn admit(&self, session: Session) -> Result<(), SdkError> {
        let mut state = self.state();
        if session.0 != state.session || state.orders_left == 0 {
            return Err(SdkError::SessionExpired);
        }
        state.orders_left -= 1;
        Ok(())
    }

    fn fail(&self, order: &Order, calls: u8, error: SdkError) -> Result<(), SdkError> {
        let mut state = self.state();
        let failed = state.failed.get(&order.id).copied().unwrap_or(0);
        if failed == calls {
            state.failed.remove(&order.id);
            return Ok(());
        }
        state.failed.insert(order.id.clone(), failed + 1);
        Err(error)
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
