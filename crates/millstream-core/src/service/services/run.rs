//! Owns the order: each is ready before the next one starts, and ended before the one before it is told to stop.

use super::part::Started;
use super::{Asked, Services, Stage};
use crate::clock::Clock;
use crate::contract::{Error, ErrorKind, Operation};
use crate::service::latest::{Latest, Listener};
use crate::service::quote;
use std::time::Duration;
use tokio::task::{Id, JoinError, JoinSet};

/// What is kept for each that is still to be told: a service that drops everything commits what is settled in this time.
const RESERVE: Duration = Duration::from_secs(1);

/// Says that all have ended, also of a run that was dropped.
struct Ends(Latest<Stage>);

impl Drop for Ends {
    fn drop(&mut self) {
        self.0.raise(Stage::Ended);
    }
}

/// Those that were started, in order, and what became of them.
struct Running {
    tasks: JoinSet<Result<(), Error>>,
    started: Vec<(Id, Started)>,
    first_error: Option<Error>,
}

/// See [`Services::run`].
pub(super) async fn run(services: Services) -> Result<(), Error> {
    let within = services.within();
    let Services { parts, asked, stage, clock, .. } = services;
    let _ends = Ends(stage.clone());
    if parts.is_empty() {
        return Err(Error::new(ErrorKind::Configuration, Operation::Run, "there is no service to run: add one"));
    }
    let mut told = asked.listen();
    let mut running = Running { tasks: JoinSet::new(), started: Vec::new(), first_error: None };
    for part in parts {
        if told.look() != Asked::Run || running.first_error.is_some() {
            break;
        }
        let (started, run) = part.start(&clock);
        let id = running.tasks.spawn(run).id();
        running.started.push((id, started));
        running.until_ready(&mut told).await;
    }
    if told.get() == Asked::Run && running.first_error.is_none() {
        stage.raise(Stage::Ready);
    }
    while running.first_error.is_none() && told.look() == Asked::Run {
        tokio::select! {
            biased;
            () = told.changed() => {}
            ended = running.tasks.join_next_with_id() => match ended {
                Some(ended) => running.note(ended),
                None => break,
            }
        }
    }
    stage.raise(Stage::Stopping);
    running.stop(&mut told, within, &clock).await;
    running.first_error.map_or(Ok(()), Err)
}

impl Running {
    /// Waits until the last one is ready or has ended, until another fails, or until all are told to stop.
    async fn until_ready(&mut self, told: &mut Listener<Asked>) {
        while told.look() == Asked::Run && self.first_error.is_none() {
            let Some((_, last)) = self.started.last() else { return };
            if last.ended {
                return;
            }
            tokio::select! {
                biased;
                () = told.changed() => {}
                Some(ended) = self.tasks.join_next_with_id() => self.note(ended),
                () = last.ready() => return,
            }
        }
    }

    /// Stops them in the reverse order; all at once as soon as that is asked.
    async fn stop(&mut self, told: &mut Listener<Asked>, within: Duration, clock: &Clock) {
        let by = clock.now().after(within);
        let reserve = RESERVE.min(within / (u32::try_from(self.started.len()).unwrap_or(u32::MAX).saturating_add(1)));
        for at in (0..self.started.len()).rev() {
            let still = self.started[..at].iter().filter(|(_, one)| !one.ended).count();
            let keep = reserve.saturating_mul(u32::try_from(still).unwrap_or(u32::MAX));
            let own = by.since(clock.now()).saturating_sub(keep).max(reserve);
            self.started[at].1.stopper.stop_within(own);
            while !self.started[at].1.ended {
                if told.look() == Asked::Abandon {
                    self.started.iter().for_each(|(_, one)| one.stopper.abandon());
                }
                tokio::select! {
                    biased;
                    () = told.changed() => {}
                    Some(ended) = self.tasks.join_next_with_id() => self.note(ended),
                }
            }
        }
    }

    /// Notes the end of one: the first error is kept, others are told to the log.
    fn note(&mut self, ended: Result<(Id, Result<(), Error>), JoinError>) {
        let id = match &ended {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let one = self.started.iter_mut().find(|(of, _)| *of == id).map(|(_, one)| one);
        let one = one.expect("only what was started can end");
        one.ended = true;
        let error = match ended {
            Ok((_, Ok(()))) => return,
            Ok((_, Err(error))) => error,
            Err(error) => Error::new(ErrorKind::Internal, Operation::Run, "it panicked").with_source(error),
        };
        let error = error.of_part(&one.name);
        if self.first_error.is_some() {
            tracing::error!(error = quote(&error.to_string()), "failed while stopping because of another");
        } else {
            self.first_error = Some(error);
        }
    }
}
