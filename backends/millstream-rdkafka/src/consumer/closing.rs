//! Owns the end of a consumer's thread: commits first, then the group is left, in time or behind the back of whoever waited.

use super::member::{Member, Turn};
use super::state::Task;
use crate::error;
use rdkafka::consumer::Consumer;
use std::time::{Duration, Instant};

/// How long librdkafka is listened to at once while it closes.
const STEP: Duration = Duration::from_millis(20);
/// The time a consumer gets that was dropped without being closed.
const DROPPED: Duration = Duration::from_secs(5);

impl Member {
    /// The thread's life.
    pub(super) fn run(mut self) {
        let _ends = Ends(self.shared.clone());
        self.begin();
        let last = loop {
            match self.turn() {
                Turn::Rest(most) => self.shared.signal.wait(most),
                Turn::Close(task) => break task,
            }
        };
        let (by, answer) = match last {
            Task::Close { by, answer, .. } => (by, Some(answer)),
            _ => (Instant::now() + DROPPED, None),
        };
        // Half of the time belongs to commits; a coordinator that is silent gets no more.
        let now = Instant::now();
        let half = now + by.saturating_duration_since(now) / 2;
        self.pump();
        while self.owes_answers() && Instant::now() < half {
            self.shared.signal.wait(STEP);
            self.pump();
        }
        self.consumer.context().close();
        self.shared.state().end(None);
        self.shared.waker.wake();
        let told = self.consumer.close_queue();
        let mut answer = answer;
        while told.is_ok() && !self.consumer.closed() {
            let _ = self.consumer.poll(STEP);
            if Instant::now() >= by
                && let Some(answer) = answer.take()
            {
                // It is closed further; only nobody waits for it any more.
                let _ = answer.send(Err(error::unheard(&self.request.group)));
            }
        }
        if let Some(answer) = answer {
            let _ = answer.send(Ok(()));
        }
    }
}

/// Lets nobody wait for a thread that is gone.
struct Ends(std::sync::Arc<super::shared::Shared>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.state().end(Some(error::thread_ended()));
        self.0.waker.wake();
    }
}
