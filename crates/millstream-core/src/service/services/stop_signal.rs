//! Owns how a task learns that it is to end.

use crate::service::latest::Listener;
use crate::service::shutdown::Told;

/// Tells a task of [`Services`](super::Services) that it is to end. Clones are told the same.
#[derive(Clone)]
pub struct StopSignal(pub(super) Listener<Told>);

impl std::fmt::Debug for StopSignal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("StopSignal").field(&self.0.get()).finish()
    }
}

impl StopSignal {
    /// Whether it is to end.
    pub fn is_told(&self) -> bool {
        self.0.get() != Told::Run
    }

    /// Waits until it is to end. Cancel safe.
    pub async fn told(&self) {
        // An error means that nobody is left who could tell: as good as being told.
        self.0.clone().until(|told| *told != Told::Run).await;
    }

    /// What `work` answers, or `None` if it is told to end first; `work` is then dropped where it is. Cancel safe if `work` is.
    pub async fn unless_told<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.told() => None,
            done = work => Some(done),
        }
    }
}
