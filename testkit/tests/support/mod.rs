//! Owns what the tests of assertions share: two types of events, and the words of a panic.

use millstream_core::envelope::{EventData, Key};
use serde::{Deserialize, Serialize};
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Alert {
    pub(crate) account: String,
    pub(crate) amount: u64,
}

impl EventData for Alert {
    const TYPE: &'static str = "order_alert";

    fn key(&self) -> Key<'_> {
        (&self.account).into()
    }
}

pub(crate) fn alert(account: &str, amount: u64) -> Alert {
    Alert { account: account.to_owned(), amount }
}

/// What `run` panics with.
#[allow(dead_code, reason = "not every test looks at a panic")]
pub(crate) fn words(run: impl FnOnce()) -> String {
    words_of(catch_unwind(AssertUnwindSafe(run)).expect_err("it does not fail"))
}

/// The text of a panic.
#[allow(dead_code, reason = "not every test looks at a panic")]
pub(crate) fn words_of(panic: Box<dyn Any + Send>) -> String {
    match panic.downcast::<String>() {
        Ok(text) => *text,
        Err(panic) => panic.downcast::<&'static str>().expect("a panic says why").to_string(),
    }
}
