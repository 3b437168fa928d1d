//! Owns the time between a partition's last commit and its release, in which a user's hook may save what it keeps.

use super::Intake;
use crate::contract::Epoch;
use crate::process::spawn;
use crate::service::Revoked;
use std::sync::atomic::Ordering;
use tokio::task::{AbortHandle, JoinError};

/// How far the hook of an epoch is.
#[derive(Default)]
pub(super) enum Saving {
    /// Not called yet.
    #[default]
    Before,
    /// Under way.
    Now(AbortHandle),
    /// Through.
    Done,
}

impl Saving {
    /// Ends it where it waits.
    pub(super) fn abandon(&self) {
        if let Saving::Now(hook) = self {
            hook.abort();
        }
    }
}

impl Intake {
    /// Whether nothing of the user keeps the epoch from being given up; begins the hook if there is one.
    pub(super) fn is_saved(&mut self, epoch: Epoch) -> bool {
        let Some(session) = self.sessions.get_mut(&epoch) else { return true };
        let (Some(running), Some(hook)) = (&session.running, &session.plan.hooks.revoked) else { return true };
        match &session.saving {
            Saving::Done => return true,
            Saving::Now(_) => return false,
            Saving::Before => {}
        }
        let partition = session.assigned.partition.clone();
        let committed = running.cell.watermark.load(Ordering::SeqCst);
        let hook = hook(Revoked { partition: partition.clone(), committed });
        let task = async move {
            if let Err(error) = hook.await {
                tracing::warn!(%partition, error = crate::service::log_text(&error), "the hook for a revoked partition failed");
            }
            epoch
        };
        session.saving = Saving::Now(spawn(&mut self.saves, &self.parts.runtime, task));
        false
    }

    /// A hook has ended.
    pub(super) fn saved(&mut self, saved: Result<Epoch, JoinError>) {
        match saved {
            Ok(epoch) => {
                if let Some(session) = self.sessions.get_mut(&epoch) {
                    session.saving = Saving::Done;
                }
            }
            Err(error) if error.is_cancelled() => {}
            Err(_) => {
                tracing::error!("the hook for a revoked partition panicked");
                let over = |saving: &Saving| matches!(saving, Saving::Now(hook) if hook.is_finished());
                for session in self.sessions.values_mut().filter(|session| over(&session.saving)) {
                    session.saving = Saving::Done;
                }
            }
        }
    }
}
