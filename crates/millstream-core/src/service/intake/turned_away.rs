//! Owns how long a cluster is waited for that turns its consumer away: credentials ended, or were changed (F71).
//!
//! What passes by itself has a minute: an operator's slip, an identity provider that is down. After it the service ends, since a
//! process reads its credentials when it starts, and whoever looks after it starts it again. It is not ready meanwhile.

use super::Intake;
use crate::clock::MonoTime;
use crate::contract::{Command, Consumer, EpochEnd, Error, ErrorKind};
use std::time::Duration;

/// Long enough for a password to be set right by hand, and short enough that a service with an old one is started anew soon.
const GRACE: Duration = Duration::from_secs(60);

impl Intake {
    /// The transport has trouble. If that is who the service is, the group is asked whether it still knows this member: whoever
    /// can ask was let in, and nothing else says so of a service that has nothing to do.
    ///
    /// # Errors
    /// If that is so, and has been for a minute.
    pub(super) fn troubled(&mut self, error: Error, now: MonoTime) -> Result<(), Error> {
        tracing::warn!(group = %self.parts.request.group, error = super::quote(&error.to_string()), "the transport has trouble");
        if error.kind() != ErrorKind::Unauthorized {
            return Ok(());
        }
        let since = *self.turned_away.get_or_insert(now);
        if now.since(since) >= GRACE {
            return Err(error);
        }
        self.parts.board.trouble(&self.credentials(), Some(error.to_string()));
        self.parts.consumer.submit(Command::Confirm);
        Ok(())
    }

    /// An epoch ends. That a member lost what it had answers what it was asked (C13), and does not say that it was let in.
    pub(super) fn ask_whether_let_in(&mut self, how: EpochEnd) {
        if self.turned_away.is_some() && how == EpochEnd::Lost {
            self.parts.consumer.submit(Command::Confirm);
        }
    }

    /// The group has answered.
    pub(super) fn let_in(&mut self) {
        if self.turned_away.take().is_some() {
            self.parts.board.trouble(&self.credentials(), None);
        }
    }

    fn credentials(&self) -> String {
        format!("credentials of group {}", self.parts.request.group)
    }
}
