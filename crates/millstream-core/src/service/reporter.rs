//! Owns who is told, from time to time, how a service fares. Leaves what becomes of it to the reporter: it is told beside the
//! work, and neither its delay nor its failure holds anything up.

use super::account::Account;
use super::handle::ServiceHandle;
use super::health::Health;
use super::quote;
use crate::contract::{Error, ErrorKind, Operation};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

/// How long one report may take. Whoever needs longer is told the next time.
const DEADLINE: Duration = Duration::from_secs(5);

/// How long the last report may keep a service that has ended.
const LAST: Duration = Duration::from_secs(1);

/// The shortest time between two reports: more often they would only repeat themselves.
const OFTENEST: Duration = Duration::from_secs(1);

/// How a service fares.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// The service.
    pub service: String,
    /// Which of the processes that run it: a random number, or the seed.
    pub member: u64,
    /// What became of its records so far.
    pub account: Account,
    /// How it is.
    pub health: Health,
}

/// Takes reports of a service, to keep or show them elsewhere.
///
/// # Cancel safety
/// A report that takes longer than 5 s is dropped where it waits; the next one says all that it would have said.
#[diagnostic::on_unimplemented(message = "`{Self}` takes no reports of a service", note = "implement `Reporter` for it")]
pub trait Reporter: Send + Sync + 'static {
    /// Takes a report.
    ///
    /// # Errors
    /// Logged once for each series of failures, and nothing else: what is not told now is told the next time.
    fn report(&self, report: Report) -> impl Future<Output = Result<(), Error>> + Send;
}

type Reported<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

trait DynReporter: Send + Sync {
    fn dyn_report(&self, report: Report) -> Reported<'_>;
}

impl<R: Reporter> DynReporter for R {
    fn dyn_report(&self, report: Report) -> Reported<'_> {
        Box::pin(self.report(report))
    }
}

/// A reporter, and how often it is told.
#[derive(Clone)]
pub(crate) struct Reporting {
    reporter: Arc<dyn DynReporter>,
    every: Duration,
}

impl Reporting {
    pub(crate) fn new(every: Duration, reporter: impl Reporter) -> Self {
        Reporting { reporter: Arc::new(reporter), every: every.max(OFTENEST) }
    }
}

/// All reporters of a service that runs.
pub(super) struct Reports {
    pub(super) service: String,
    pub(super) member: u64,
    pub(super) handle: ServiceHandle,
    pub(super) reporters: Vec<Reporting>,
}

impl Reports {
    /// Tells the reporters while `run` goes on, and once more when it has ended.
    pub(super) async fn beside<T>(self, run: impl Future<Output = T>) -> T {
        let mut run = std::pin::pin!(run);
        let ended = {
            type Told<'a> = Pin<Box<dyn Future<Output = Infallible> + Send + 'a>>;
            let mut telling: Vec<Told<'_>> = self.reporters.iter().map(|one| Box::pin(self.tell(one)) as Told<'_>).collect();
            let mut all = std::future::poll_fn(move |cx| {
                for told in &mut telling {
                    // It never ends.
                    let Poll::Pending = told.as_mut().poll(cx);
                }
                Poll::<Infallible>::Pending
            });
            tokio::select! {
                biased;
                ended = &mut run => ended,
                never = &mut all => match never {},
            }
        };
        for one in &self.reporters {
            let _ = self.once(one, LAST).await;
        }
        ended
    }

    async fn tell(&self, one: &Reporting) -> Infallible {
        let mut failing = false;
        loop {
            tokio::time::sleep(one.every).await;
            let told = self.once(one, DEADLINE).await;
            if let Err(error) = &told
                && !failing
            {
                let error = quote(&error.to_string());
                tracing::warn!(service = %self.service, error, "a report of this service was not taken; it is made again");
            }
            failing = told.is_err();
        }
    }

    async fn once(&self, one: &Reporting, deadline: Duration) -> Result<(), Error> {
        let (service, member) = (self.service.clone(), self.member);
        let report = Report { service, member, account: self.handle.account(), health: self.handle.health() };
        let told = tokio::time::timeout(deadline, one.reporter.dyn_report(report)).await;
        let late = |_| Error::new(ErrorKind::TimedOut, Operation::Report, format!("it took longer than {deadline:?}"));
        told.map_err(late)?
    }
}

#[cfg(test)]
mod tests {
    use super::super::health::Board;
    use super::super::shutdown::{Shutdown, Stopper};
    use super::*;
    use crate::clock::Clock;
    use std::sync::Mutex;

    #[derive(Clone, Default)]
    struct Told(Arc<Mutex<u32>>, Arc<Mutex<bool>>);

    impl Reporter for Told {
        async fn report(&self, _: Report) -> Result<(), Error> {
            *self.0.lock().expect("no panic under the lock") += 1;
            if *self.1.lock().expect("no panic under the lock") {
                std::future::pending::<()>().await;
            }
            Err(Error::new(ErrorKind::Unavailable, Operation::Report, "away"))
        }
    }

    fn reports(told: &Told) -> Reports {
        let stopper = Stopper::new(Clock::new(), Shutdown::default());
        let handle = ServiceHandle { board: Board::new(0), stopper, tallies: Arc::default(), publisher: None };
        let reporters = vec![Reporting::new(Duration::from_secs(10), told.clone())];
        Reports { service: "hello".into(), member: 1, handle, reporters }
    }

    #[tokio::test(start_paused = true)]
    async fn a_reporter_that_fails_is_told_again_and_once_more_at_the_end() {
        let told = Told::default();
        let ended = reports(&told).beside(async {
            tokio::time::sleep(Duration::from_secs(35)).await;
            7
        });
        assert_eq!((ended.await, *told.0.lock().expect("no panic under the lock")), (7, 4));
    }

    #[tokio::test(start_paused = true)]
    async fn a_reporter_that_never_answers_holds_nothing_up() {
        let told = Told::default();
        *told.1.lock().expect("no panic under the lock") = true;
        let began = tokio::time::Instant::now();
        reports(&told).beside(tokio::time::sleep(Duration::from_secs(16))).await;
        assert_eq!(began.elapsed(), Duration::from_secs(17));
    }
}
