//! Owns the watchdog: a thread that names the handler that blocks (F26). It only looks; it ends with the service.

use super::cell::Cell;
use super::health::Board;
use crate::clock::Clock;
use std::collections::BTreeSet;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;

/// A worker's turn that takes longer than this is named. 2 s: a turn is at most a few thousand records, so milliseconds,
/// and far below any session.
const TOO_LONG: Duration = Duration::from_secs(2);
/// How often it looks.
const LOOK: Duration = Duration::from_millis(250);

type Watched = Arc<Mutex<Vec<(String, Weak<Cell>)>>>;

/// Watches workers. Ends when dropped.
#[derive(Clone, Default)]
pub(crate) struct Watchdog {
    watched: Watched,
    _alive: Option<Arc<Alive>>,
}

struct Alive {
    stop: Option<Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Drop for Alive {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It wakes at once when its channel closes.
            let _ = thread.join();
        }
    }
}

impl Watchdog {
    /// A watchdog with a thread of its own.
    pub(crate) fn start(clock: Clock, board: Board) -> Self {
        let watched = Watched::default();
        let (stop, stopped) = channel();
        let seen = watched.clone();
        let look = move || {
            let mut named = BTreeSet::new();
            while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
                look(&seen, &clock, &board, &mut named);
            }
        };
        #[expect(
            clippy::disallowed_methods,
            reason = "it looks at threads that block, from outside; of a simulation it is no part"
        )]
        let thread = std::thread::Builder::new().name("millstream-watchdog".into()).spawn(look).ok();
        Watchdog { watched, _alive: Some(Arc::new(Alive { stop: Some(stop), thread })) }
    }

    /// Watches one worker, called `place` in logs and health.
    pub(crate) fn watch(&self, place: String, cell: &Arc<Cell>) {
        let mut watched = self.watched.lock().unwrap_or_else(PoisonError::into_inner);
        watched.retain(|(_, cell)| cell.strong_count() > 0);
        watched.push((place, Arc::downgrade(cell)));
    }
}

fn look(watched: &Watched, clock: &Clock, board: &Board, named: &mut BTreeSet<String>) {
    let now = clock.now();
    let cells: Vec<(String, Weak<Cell>)> = watched.lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (place, cell) in cells {
        let since = cell.upgrade().and_then(|cell| cell.busy_since());
        let blocked = since.map(|since| now.since(since)).filter(|&long| long > TOO_LONG);
        match blocked {
            Some(long) => {
                if named.insert(place.clone()) {
                    tracing::error!(%place, "the handler blocks its thread: use `spawn_blocking` or an async client");
                }
                board.trouble(&place, Some(format!("blocks its thread for {} s", long.as_secs())));
            }
            None if named.remove(&place) => board.trouble(&place, None),
            None => {}
        }
    }
}
